"""Honest patches from real histories: what people changed in a file, with its tests, from one release to the next.

The packages are small, pure Python, and carry their tests in their wheels. They are fetched from the package index when
the bench runs, never kept here, and run in a sandbox only. Each file that changed, with the tests of the same release
that name it, is one patch; where only tests changed, they are one. All of them are taken that a person would read (at
most 400 lines), so nobody chose which.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from agent.edits.tree import File, Tree
from agent.evaluate.probes.cumulative import changed_lines
from agent.evaluate.probes.probe import Subject
from bench.probes.case import Case, template

MOST_LINES = 400


@dataclass(frozen=True, slots=True)
class History:
    """A package, its releases in order, and where its tests lie."""

    package: str
    versions: tuple[str, ...]
    tests: str
    licence: str


HISTORIES = (
    History("h11", ("0.9.0", "0.10.0", "0.11.0", "0.12.0", "0.13.0", "0.14.0"), "h11/tests", "MIT"),
    History(
        "more_itertools", ("4.1.0", "4.2.0", "4.3.0", "5.0.0", "6.0.0", "7.0.0", "7.1.0", "7.2.0"),
        "more_itertools/tests", "MIT",
    ),
    History("toolz", ("0.11.1", "0.11.2", "0.12.0", "0.12.1", "1.0.0"), "toolz/tests", "BSD-3-Clause"),
)  # fmt: skip


@cache
def release(package: str, version: str) -> Tree:
    """Return the Python files of a wheel; nothing where the index does not have it."""
    with tempfile.TemporaryDirectory() as folder:
        asked = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", folder]
        done = subprocess.run([*asked, f"{package}=={version}"], capture_output=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            return Tree({})
        with zipfile.ZipFile(io.BytesIO(wheels[0].read_bytes())) as wheel:
            names = [name for name in wheel.namelist() if name.endswith(".py") and name.startswith(f"{package}/")]
            return Tree({name: File(wheel.read(name)) for name in names})


def real_patches() -> Iterator[Case]:
    """All patches of all histories that can be had."""
    for history in HISTORIES:
        for old, new in zip(history.versions, history.versions[1:], strict=False):
            before, after = (release(history.package, version) for version in (old, new))
            if before and after:
                yield from _patches(history, f"{old} to {new}", before, after)


def _patches(history: History, name: str, before: Tree, after: Tree) -> Iterator[Case]:
    """Each changed file as a patch of its own, on a base that has everything else as it was."""
    base, result = _settled(before), _settled(after)
    changes = list(Subject(base, result).changes())
    tests = {change.path for change in changes if change.path.startswith(history.tests + "/")}
    taken: set[str] = set()
    for change in changes:
        if change.path in tests or change.after is None:
            continue
        stem = change.path.rsplit("/", 1)[-1].removesuffix(".py").lstrip("_")
        beside = {path for path in tests if path.rsplit("/", 1)[-1] == f"test_{stem}.py"} - taken
        taken |= beside
        yield from _patch(history, f"{name} {change.path}", base, result, {change.path, *beside})
    for path in sorted(tests - taken):
        yield from _patch(history, f"{name} {path}", base, result, {path})


def _patch(history: History, name: str, before: Tree, after: Tree, paths: set[str]) -> Iterator[Case]:
    tree = Tree({**before, **{path: after[path] for path in paths if path in after}})
    size = sum(map(changed_lines, Subject(before, tree).changes()))
    if tree != before and size <= MOST_LINES:
        yield Case(
            f"{history.package} {name}", "", lambda _: tree, before, tests=history.tests, measured=False,
        )  # fmt: skip


def _settled(tree: Tree) -> Tree:
    """The package where the template has its scaffold, which it is not: no suite uses it."""
    rest = {path: file for path, file in template().items() if not path.startswith(("scaffold/", "tests/"))}
    return Tree({**rest, **tree})
