r"""Lines of a file as bytes, and the places where two versions differ.

A line ends at `\n` and nowhere else: form feeds, lone carriage returns and Unicode separators are content, because a
reviewer's tool that splits there can be made to hide a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.edits.align import changes


def split_lines(content: bytes) -> list[bytes]:
    r"""Return the lines with their `\n`; only the last may lack it. Joining them gives `content` again."""
    *whole, last = content.split(b"\n")
    lines = [line + b"\n" for line in whole]
    return [*lines, last] if last else lines


@dataclass(frozen=True, slots=True)
class Change:
    """One place where lines differ. `old_at` and `new_at` count the lines in front of it on each side."""

    old_at: int
    new_at: int
    old: tuple[bytes, ...]
    new: tuple[bytes, ...]


def line_changes(old: bytes, new: bytes) -> tuple[Change, ...]:
    """Return every place where the lines of two versions differ, in order."""
    a, b = split_lines(old), split_lines(new)
    return tuple(Change(i1, j1, tuple(a[i1:i2]), tuple(b[j1:j2])) for i1, i2, j1, j2 in changes(a, b))


def count_changes(old: bytes, new: bytes) -> tuple[int, int]:
    """Return how many lines were added and how many removed."""
    found = line_changes(old, new)
    return sum(len(change.new) for change in found), sum(len(change.old) for change in found)


def grouped(found: tuple[Change, ...], context: int) -> Iterator[tuple[Change, ...]]:
    """Put changes together that would share lines of context, as the hunks of a unified diff do."""
    group: list[Change] = []
    for change in found:
        if group and change.old_at - (group[-1].old_at + len(group[-1].old)) > 2 * context:
            yield tuple(group)
            group = []
        group.append(change)
    if group:
        yield tuple(group)
