"""Which files of the standard library the suites are made of, and on which side of the split each one is.

A family is a top-level package or module, with the accelerated and the plain form of one module counted as one
(`_pydecimal` and `decimal`). The split is by family, so no file serves both sides and no package leaks into the other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.evaluate.dice import draw
from agent.evaluate.suite import Split

MIN_BYTES = 400
MAX_BYTES = 400_000

# Tests, programs and bundles are not library code; `encodings` and `pydoc_data` are generated tables.
EXCLUDED_PARTS = frozenset(
    {
        *("test", "tests", "idlelib", "lib2to3", "turtledemo", "ensurepip", "encodings", "pydoc_data"),
        *("site-packages", "dist-packages", "__pycache__"),
    }
)

# Frozen modules keep their docstrings inside the interpreter's binary, where a scaffold could read them. The runtime
# brings its interpreter's own list; this one holds whatever that says.
FROZEN = frozenset(
    {
        *(
            "importlib._bootstrap",
            "importlib._bootstrap_external",
            "importlib.util",
            "importlib.machinery",
            "zipimport",
        ),
        *(
            "abc",
            "codecs",
            "io",
            "_collections_abc",
            "_sitebuiltins",
            "genericpath",
            "ntpath",
            "posixpath",
            "os",
            "site",
        ),
        *("stat", "runpy", "__hello__", "__phello__", "__phello__.spam", "__phello__.ham", "__phello__.ham.eggs"),
    }
)


@dataclass(frozen=True, slots=True)
class Module:
    """A file of the standard library: its path below the library, its family, and its source without docstrings."""

    path: str
    family: str
    stripped: bytes


def family_of(path: str) -> str:
    """Return the family of a path such as `email/parser.py`, `_pydecimal.py`."""
    top = path.split("/", maxsplit=1)[0].removesuffix(".py")
    return top.removeprefix("_py").lstrip("_") or top


def list_modules(stripped_stdlib: Path, frozen: Collection[str]) -> tuple[Module, ...]:
    """Return the usable files of a stripped standard library, ordered by path."""
    excluded = FROZEN | frozenset(frozen)
    found = []
    for file in stripped_stdlib.rglob("*.py"):
        relative = file.relative_to(stripped_stdlib)
        path = relative.as_posix()
        if EXCLUDED_PARTS & set(relative.parts) or relative.parts[0].startswith("config-"):
            continue
        if _dotted(path) in excluded or not file.is_file() or not MIN_BYTES <= file.stat().st_size <= MAX_BYTES:
            continue
        content = file.read_bytes()
        if _is_text(content):
            found.append(Module(path, family_of(path), content))
    return tuple(sorted(found, key=lambda module: module.path))


def split_families(modules: Sequence[Module], seed: int) -> dict[str, Split]:
    """Assign each family to a side: in an order drawn from the seed, each to the side with fewer files so far."""
    sizes: dict[str, int] = {}
    for module in modules:
        sizes[module.family] = sizes.get(module.family, 0) + 1
    totals: dict[Split, int] = {"dev": 0, "heldout": 0}
    sides: dict[str, Split] = {}
    for family in sorted(sizes, key=lambda name: draw(seed, "split", name)):
        side: Split = "dev" if totals["dev"] <= totals["heldout"] else "heldout"
        sides[family] = side
        totals[side] += sizes[family]
    return sides


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _is_text(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
