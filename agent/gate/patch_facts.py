"""Facts of a patch as files, lines and characters, computed from the two trees and from nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from agent.edits.tree import File, Tree
from agent.gate.document import FileFact, HiddenFact
from agent.gate.hidden import hidden_characters
from agent.workspace import Zones

MAX_DISTANCE = 1000
"""Line distance up to which it is computed exactly; beyond it, every line in the differing middle counts."""

_BUILD_NAMES = re.compile(
    r"""pyproject\.toml | setup\.(py|cfg) | (.*[-_.])?requirements.*\.(txt|in) | constraints.*\.txt | pipfile | .*\.lock
    | (gnu)?makefile | dockerfile.* | containerfile.* | .*\.pth | (site|user)customize\.py | tox\.ini | noxfile\.py
    | pytest\.(ini|toml) | \.pytest\.(ini|toml) | environment\.ya?ml | meson\.build | cmakelists\.txt
    | \.git(attributes|modules|ignore) | \.mailmap | \.pre-commit-config\.yaml | \.coveragerc | \.envrc?
    | \.python-version | .*\.(py[cod]|so|dll|dylib|whl|egg|pyx|c|cc|cpp|rs)""",
    re.VERBOSE,
)
_BUILD_FOLDERS = frozenset({".github", ".gitlab", ".ci", ".circleci", ".husky", "__pycache__", ".vscode", ".idea"})


def changed_paths(base: Tree, tree: Tree) -> tuple[str, ...]:
    """Return the paths whose content or mode differs, in byte order."""
    paths = {*base, *tree}
    return tuple(sorted((p for p in paths if base.get(p) != tree.get(p)), key=lambda path: path.encode()))


def file_facts(base: Tree, tree: Tree, zones: Zones) -> tuple[FileFact, ...]:
    """Describe every file that differs."""
    return tuple(_file_fact(path, base.get(path), tree.get(path), zones) for path in changed_paths(base, tree))


def odd_paths(base: Tree, tree: Tree) -> tuple[str, ...]:
    """Return changed paths that are not plain, or that some file system would take for another path of the result."""
    folded = Counter(path.casefold() for path in tree)
    return tuple(
        path
        for path in changed_paths(base, tree)
        if not re.fullmatch(r"[A-Za-z0-9._/+@=,\- ]+", path)
        or any(part.startswith(("-", " ")) or part.endswith((".", " ")) for part in path.split("/"))
        or folded[path.casefold()] > 1
    )


def hidden_facts(base: Tree, tree: Tree) -> Iterator[HiddenFact]:
    """Yield every hidden character in the lines that the patch adds, and in the paths it adds or changes."""
    for path in changed_paths(base, tree):
        for character in hidden_characters(path):
            yield HiddenFact(path=path, line=0, character=character)
        for line, text in added_lines(_text(base.get(path)), _text(tree.get(path))):
            # A line that ends in CR LF is a matter of line endings, which the diff shows; a CR elsewhere hides text.
            for character in hidden_characters(text.removesuffix("\r")):
                yield HiddenFact(path=path, line=line, character=character)


def added_lines(base: str, tree: str) -> Iterator[tuple[int, str]]:
    r"""Yield number and text of the lines of `tree` that are not among those of `base`. Lines end at `\n` only."""
    known = Counter(base.split("\n"))
    for number, line in enumerate(tree.split("\n"), start=1):
        if known[line] > 0:
            known[line] -= 1
        else:
            yield number, line


def text_of(file: File | None) -> str | None:
    """Return a file's text, or None when it is not UTF-8 text without NUL. An absent file is empty text."""
    if file is None:
        return ""
    try:
        text = file.content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def line_changes(base: bytes, tree: bytes) -> tuple[int, int]:
    """Return how many lines a shortest edit adds and removes: an honest size, whatever algorithm shows the diff."""
    before, after = _lines(base), _lines(tree)
    start = _common(before, after)
    before, after = before[start:], after[start:]
    end = _common(before[::-1], after[::-1])
    before, after = before[: len(before) - end], after[: len(after) - end]
    distance = _distance(before, after)
    added = (distance + len(after) - len(before)) // 2
    return added, distance - added


def is_build(path: str) -> bool:
    """Whether a file declares dependencies or is read by a build, an interpreter's start, a test runner or git."""
    pure = PurePosixPath(path.casefold())
    return _BUILD_NAMES.fullmatch(pure.name) is not None or any(part in _BUILD_FOLDERS for part in pure.parts)


def _file_fact(path: str, old: File | None, new: File | None, zones: Zones) -> FileFact:
    added, removed = line_changes(old.content if old else b"", new.content if new else b"")
    before, after = text_of(old), text_of(new)
    mode = "same"
    if new is not None and new.executable != (old is not None and old.executable):
        mode = "made_executable" if new.executable else "made_plain"
    return FileFact.model_validate(
        {
            "path": path,
            "zone": zones.zone(path),
            "change": "added" if old is None else "deleted" if new is None else "changed",
            "added": added,
            "removed": removed,
            "longest_line": max((len(text) for _, text in added_lines(before or "", after or "")), default=0),
            "mode": mode,
            "readable": after is not None,
            "build": is_build(path),
        }
    )


def _text(file: File | None) -> str:
    """The text to search for hidden characters. Bytes that are no text are reported as such, not searched."""
    return text_of(file) or ""


def _lines(content: bytes) -> list[bytes]:
    r"""Split at `\n` only, each line with its end, so that a missing final newline is a difference."""
    return [line + b"\n" for line in content.split(b"\n")[:-1]] + ([last] if (last := content.split(b"\n")[-1]) else [])


def _common(before: list[bytes], after: list[bytes]) -> int:
    pairs = enumerate(zip(before, after, strict=False))
    return next((index for index, (old, new) in pairs if old != new), min(len(before), len(after)))


def _distance(before: list[bytes], after: list[bytes]) -> int:
    """Myers' greedy edit distance in lines (An O(ND) Difference Algorithm, 1986), given up at `MAX_DISTANCE`.

    Giving up counts every line of both, so that a hostile file costs bounded time and never looks smaller than it is.
    """
    if not before or not after:
        return len(before) + len(after)
    farthest = {1: 0}
    for distance in range(min(len(before) + len(after), MAX_DISTANCE) + 1):
        for diagonal in range(-distance, distance + 1, 2):
            down = diagonal == -distance or (diagonal != distance and farthest[diagonal - 1] < farthest[diagonal + 1])
            x = farthest[diagonal + 1] if down else farthest[diagonal - 1] + 1
            while x < len(before) and x - diagonal < len(after) and before[x] == after[x - diagonal]:
                x += 1
            farthest[diagonal] = x
            if x >= len(before) and x - diagonal >= len(after):
                return distance
    return len(before) + len(after)
