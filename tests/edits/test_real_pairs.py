"""`diff` and `apply` on code that people wrote: the standard library, installed packages, and two versions of each.

By default a fixed sample, in seconds. `EDITS_ALL_PAIRS=1` takes every file, in some minutes.
"""

import importlib.util
import os
import random
import re
import sysconfig
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from agent.edits.apply import apply
from agent.edits.diff import diff
from agent.edits.lines import split_lines
from agent.edits.patch import BlockEdit, Patch
from agent.edits.source import parse_source
from agent.edits.tree import File, Tree
from agent.edits.unified import apply_unified, unified_diff
from agent.errors import EditConflict

ALL = bool(os.environ.get("EDITS_ALL_PAIRS"))
STDLIB = Path(sysconfig.get_path("stdlib"))
PACKAGES = ("libcst", "pydantic", "rich", "typer", "docker")
VENDORED = ("rich", "requests", "urllib3", "idna", "packaging", "pygments")
OTHER_STDLIBS = [p for p in sorted(Path("/usr/lib").glob("python3.*")) if (p / "os.py").exists() and p != STDLIB]


@cache
def sources(root):
    """Every Python file below a folder, but for what others installed there."""
    paths = (path.relative_to(root) for path in sorted(root.rglob("*.py")))
    return [path for path in paths if not {"site-packages", "dist-packages", "__pycache__"} & set(path.parts)]


def sample(root, size, largest=120_000):
    """A fixed sample of the files that are not huge; all of them on demand."""
    paths = sources(root)
    if ALL:
        return paths
    small = [path for path in paths if (root / path).stat().st_size < largest]
    return random.Random(7).sample(small, min(size, len(small)))


def mutate(source, rng):
    """Change a file in the ways that programmers and mutators do, here and there."""
    lines = source.splitlines(keepends=True)
    for _ in range(rng.randint(1, 6)):
        at, to = sorted(rng.sample(range(len(lines) + 1), 2)) if len(lines) > 1 else (0, len(lines))
        to = min(to, at + 30)
        match rng.choice(("delete", "duplicate", "move", "number", "rename", "indent", "blank", "comment", "case")):
            case "delete":
                lines[at:to] = []
            case "duplicate":
                lines[at:at] = lines[at:to]
            case "move":
                part, lines[at:to] = lines[at:to], []
                lines[len(lines) // 2 : len(lines) // 2] = part
            case "number":
                lines[at:to] = [re.sub(rb"\b\d+\b", b"7", line) for line in lines[at:to]]
            case "rename":
                lines[at:to] = [re.sub(rb"def (\w+)", rb"def new_\1", line) for line in lines[at:to]]
            case "indent":
                lines[at:to] = [b"    " + line for line in lines[at:to]]
            case "blank":
                lines[at:at] = [b"\n"]
            case "comment":
                lines[at:at] = [b"# \xc3\xa9\n"]
            case _:
                lines[at:to] = [line.replace(b"self", b"this") for line in lines[at:to]]
    mutated = b"".join(lines)
    return rng.choice((mutated, mutated, mutated, mutated.replace(b"\n", b"\r\n"), mutated.rstrip(b"\n")))


def reorder(source, rng):
    """Put the top-level parts of a file into another order, so that it stays Python."""
    parts = re.split(rb"(?m)^(?=(?:def|class|@) ?\w)", source)
    rest = parts[1:]
    rng.shuffle(rest)
    return parts[0] + b"".join(rest)


def check(old, new, path="m.py"):
    """Both directions of everything that this house promises for one pair."""
    base, tree = Tree({path: File(old)}), Tree({path: File(new)})
    patch = diff(base, tree)
    assert apply(base, patch) == tree
    assert apply(tree, patch.inverse()) == base
    assert Patch.from_json(patch.to_json()) == patch
    assert apply_unified(base, unified_diff(base, tree)) == tree
    return patch


def kinds(patches):
    return Counter("name" if isinstance(edit, BlockEdit) else "text" for patch in patches for edit in patch.edits)


def readable(source):
    try:
        return bool(parse_source(source))
    except EditConflict:
        return False


def test_the_standard_library_file_by_file_against_mutants():
    for path in sample(STDLIB, 60):
        rng = random.Random(str(path))
        source = (STDLIB / path).read_bytes()
        check(source, mutate(source, rng))


def test_the_standard_library_with_its_definitions_shuffled():
    """Where both sides are readable Python, every edit has a name."""
    found = Counter()
    for path in sample(STDLIB, 25, 40_000):
        source = (STDLIB / path).read_bytes()
        shuffled = reorder(source, random.Random(str(path)))
        kind = kinds([check(source, shuffled)])
        assert kind["text"] == 0 or not (readable(source) and readable(shuffled))
        found += kind

    assert found["name"] > 50


def test_unrelated_files_of_the_standard_library():
    paths = sample(STDLIB, 24, 30_000)
    for one, other in zip(paths[::2], paths[1::2], strict=False):
        check((STDLIB / one).read_bytes(), (STDLIB / other).read_bytes())


@pytest.mark.parametrize("package", PACKAGES)
def test_installed_packages_against_mutants(package):
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    root = Path(spec.origin).parent
    for path in sample(root, 8, 60_000):
        source = (root / path).read_bytes()
        check(source, mutate(source, random.Random(str(path))))


def both_versions(old_root, new_root, size):
    pairs = []
    for path in sources(old_root):
        if (new_root / path).exists():
            old, new = (old_root / path).read_bytes(), (new_root / path).read_bytes()
            if old != new and (ALL or len(old) < 60_000):
                pairs.append((old, new))
    return pairs if ALL else random.Random(5).sample(pairs, min(size, len(pairs)))


@pytest.mark.parametrize("package", VENDORED)
def test_two_versions_of_a_package(package):
    """pip carries copies of packages; where the package itself is installed too, it is mostly another version."""
    spec, pip = importlib.util.find_spec(package), importlib.util.find_spec("pip")
    if spec is None or spec.origin is None or pip is None or pip.origin is None:
        pytest.skip(f"{package} or pip is not installed")
    pairs = both_versions(Path(pip.origin).parent / "_vendor" / package, Path(spec.origin).parent, 6)
    if not pairs:
        pytest.skip(f"pip has no other version of {package}")

    patches = [check(*pair) for pair in pairs]
    assert kinds(patches)["text"] == 0


@pytest.mark.parametrize("other", OTHER_STDLIBS or [None], ids=str)
def test_two_versions_of_the_standard_library(other):
    if other is None:
        pytest.skip("there is no second Python on this machine")
    found = Counter()
    for old, new in both_versions(other, STDLIB, 25):
        kind = kinds([check(old, new)])
        assert kind["text"] == 0 or not (readable(old) and readable(new))  # pydoc's topics are longer than we parse
        found += kind

    assert found["name"] > 20


def sides(edit):
    """The lines that an edit takes away and puts in."""
    if isinstance(edit, BlockEdit):
        return [Counter(split_lines(side.content) if side else ()) for side in (edit.old, edit.new)]
    return Counter(split_lines(edit.old)), Counter(split_lines(edit.new))


def test_parts_of_real_changes_are_exact_or_refused():
    """Every single edit of a real change applies alone, and leaves the rest of the file as it was."""
    applied = refused = 0
    for path in sample(STDLIB, 24, 20_000)[:40]:
        rng = random.Random(str(path))
        source = (STDLIB / path).read_bytes()
        base, tree = Tree({"m.py": File(source)}), Tree({"m.py": File(mutate(source, rng))})
        patch = diff(base, tree)
        if not all(isinstance(edit, BlockEdit) for edit in patch.edits):
            continue
        for index in rng.sample(range(len(patch)), min(6, len(patch))):
            try:
                result = apply(base, patch.subset([index]))
            except EditConflict:
                refused += 1
                continue
            applied += 1
            before, after = (Counter(split_lines(tree["m.py"].content)) for tree in (base, result))
            old, new = sides(patch.edits[index])
            assert after - before <= new
            assert before - after <= old
    assert applied > refused
