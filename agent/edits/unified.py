"""The canonical diff: what people review and sign, and how a diff from elsewhere becomes a tree.

`unified_diff` has one answer for two trees. Every file is shown as text, whatever it holds or any `.gitattributes`
says; there are no renames, no index lines and no section headings, so nothing is hidden and nothing is a matter of
taste. The format is git's (git-diff(1), "Generating patch text"), and `git apply` accepts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agent.edits.lines import Change, count_changes, grouped, line_changes, split_lines
from agent.edits.quoting import quote
from agent.edits.tree import File, Tree
from agent.edits.unified_reader import FileDiff, read_unified
from agent.errors import EditConflict, UnsafeTree

CONTEXT_LINES = 3
_NO_NEWLINE = b"\n\\ No newline at end of file\n"


def unified_diff(base: Tree, tree: Tree) -> bytes:
    """Return the canonical diff from `base` to `tree`: empty when they are equal, paths in byte order."""
    return b"".join(_file_diff(path, base.get(path), tree.get(path)) for path in changed_paths(base, tree))


def apply_unified(base: Tree, diff: bytes) -> Tree:
    """Return the tree that a git-style diff makes of `base`.

    Strict: context must match exactly at the line the diff names. Raises `EditConflict` where it does not or where the
    diff is malformed, and `UnsafeTree` for what is never accepted (links, submodules, binary patches, unsafe paths).
    """
    entries = read_unified(diff)
    gone = Counter(entry.old_path for entry in entries if entry.takes_old)
    made = Counter(entry.new_path for entry in entries if entry.new_path is not None)
    for path, times in (*gone.items(), *made.items()):
        if times > 1:
            raise EditConflict(f"the diff changes {path!a} twice", mend="Give one diff with one entry for each file")
    files = {path: file for path, file in base.items() if path not in gone}
    for entry in entries:
        result = _result(base, entry)
        if entry.new_path in files:
            raise EditConflict(f"the diff creates {entry.new_path!a}, which exists")
        if entry.new_path is not None:
            files[entry.new_path] = result
    try:
        return Tree(files)
    except UnsafeTree as clash:
        raise EditConflict("the diff does not fit the tree", why=clash.what) from clash


def changed_paths(base: Tree, tree: Tree) -> tuple[str, ...]:
    """Return the paths at which two trees differ, in byte order."""
    return tuple(base.differing(tree))


def line_counts(base: Tree, tree: Tree) -> dict[str, tuple[int, int]]:
    """Return the lines added and removed at each changed path, as the canonical diff shows them."""
    return {
        path: count_changes(_content(base.get(path)), _content(tree.get(path))) for path in changed_paths(base, tree)
    }


def _content(file: File | None) -> bytes:
    return file.content if file else b""


def _file_diff(path: str, old: File | None, new: File | None) -> bytes:
    before, after = quote(b"a/" + path.encode()), quote(b"b/" + path.encode())
    out = [b"diff --git %s %s\n" % (before, after), *_mode_lines(old, new)]
    found = line_changes(_content(old), _content(new))
    if found:
        out += [b"--- " + _label(before, old), b"+++ " + _label(after, new)]
        lines = split_lines(_content(old))
        out += [part for group in grouped(found, CONTEXT_LINES) for part in _hunk(lines, group)]
    return b"".join(out)


def _mode_lines(old: File | None, new: File | None) -> list[bytes]:
    if old is None:
        return [b"new file mode %s\n" % new.mode.encode()] if new else []
    if new is None:
        return [b"deleted file mode %s\n" % old.mode.encode()]
    if old.mode == new.mode:
        return []
    return [b"old mode %s\n" % old.mode.encode(), b"new mode %s\n" % new.mode.encode()]


def _label(name: bytes, file: File | None) -> bytes:
    """Name one side. A tab ends a name with a space in it, as git does for the sake of old `patch` programs."""
    if file is None:
        return b"/dev/null\n"
    return name + (b"\t\n" if b" " in name else b"\n")


def _hunk(lines: list[bytes], group: tuple[Change, ...]) -> Iterator[bytes]:
    first, last = group[0], group[-1]
    start = max(0, first.old_at - CONTEXT_LINES)
    end = min(len(lines), last.old_at + len(last.old) + CONTEXT_LINES)
    growth = sum(len(change.new) - len(change.old) for change in group)
    new_start = start + first.new_at - first.old_at
    yield b"@@ -%s +%s @@\n" % (_range(start, end - start), _range(new_start, end - start + growth))
    at = start
    for change in group:
        yield from (_line(b" ", line) for line in lines[at : change.old_at])
        yield from (_line(b"-", line) for line in change.old)
        yield from (_line(b"+", line) for line in change.new)
        at = change.old_at + len(change.old)
    yield from (_line(b" ", line) for line in lines[at:end])


def _range(start: int, count: int) -> bytes:
    """Write a range as git does: an empty one is named by the line before it, a count of 1 is left out."""
    first = start + 1 if count else start
    return b"%d" % first if count == 1 else b"%d,%d" % (first, count)


def _line(sign: bytes, line: bytes) -> bytes:
    return sign + line if line.endswith(b"\n") else sign + line + _NO_NEWLINE


def _result(base: Tree, entry: FileDiff) -> File:
    """Return the file that one entry makes; nothing may be left of one that it removes."""
    old = File(b"") if entry.old_path is None else base.get(entry.old_path)
    if old is None:
        raise EditConflict(f"the diff changes {entry.old_path!a}, which does not exist here")
    if entry.old_executable is not None and entry.old_executable != old.executable:
        raise EditConflict(f"{entry.old_path!a} has mode {old.mode}, the diff expects another")
    content = _apply_hunks(old.content, entry)
    if entry.new_path is None and content:
        raise EditConflict(f"the diff removes {entry.old_path!a} but not all of its lines")
    return File(content, old.executable if entry.new_executable is None else entry.new_executable)


def _apply_hunks(content: bytes, entry: FileDiff) -> bytes:
    name = entry.old_path or entry.new_path
    lines = split_lines(content)
    out: list[bytes] = []
    at = 0
    for hunk in entry.hunks:
        if hunk.old_at < at:
            raise EditConflict(f"{name!a}: the hunks overlap or are out of order", why=f"at line {hunk.old_at + 1}")
        out += lines[at : hunk.old_at]
        at = hunk.old_at + len(hunk.old)
        if tuple(lines[hunk.old_at : at]) != hunk.old:
            raise EditConflict(
                f"{name!a}: the lines from {hunk.old_at + 1} are not what the diff expects",
                why="it was made from another version of the file",
                mend="Make the diff again from the parent commit",
            )
        if len(out) != hunk.new_at:
            raise EditConflict(f"{name!a}: a hunk says it starts at new line {hunk.new_at + 1}, not {len(out) + 1}")
        out += hunk.new
    out += lines[at:]
    if not all(line.endswith(b"\n") for line in out[:-1]):
        raise EditConflict(f"{name!a}: a line without a newline is not the last one")
    return b"".join(out)
