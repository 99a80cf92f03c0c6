"""Read a git-style unified diff (git-diff(1), "Generating patch text") strictly.

What `git diff`, `git show` and `git format-patch` print for ordinary changes is accepted. Everything else is refused by
name: a symbolic link or submodule, a binary patch, an unsafe path, a count that lies, a line that belongs to nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agent.edits.lines import Change, split_lines
from agent.edits.quoting import quote, unquote
from agent.edits.tree import check_path
from agent.errors import EditConflict, UnsafeTree

_START = b"diff --git "
_HUNK = re.compile(rb"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@(?: [^\n]*)?\n")
_INDEX = re.compile(rb"index [0-9a-f]{4,64}\.\.[0-9a-f]{4,64}(?: (\d{6}))?\n")
_SIMILARITY = re.compile(rb"(?:dis)?similarity index \d{1,3}%\n")
_FIELD = re.compile(
    rb"(old mode|new mode|deleted file mode|new file mode|rename from|rename to|copy from|copy to) ([^\n]+)\n"
)
_VERSION_LINE = re.compile(rb"[0-9][^\n]{0,80}\n?")
_EXECUTABLE = {b"100644": False, b"100755": True}
_NEVER = {
    b"120000": "symbolic links are never accepted",
    b"160000": "submodules are never accepted",
    b"040000": "folders have no entry of their own",
}


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One entry. `old_path` is None for a new file, `new_path` for a removed one; a mode of None is not mentioned."""

    old_path: str | None
    new_path: str | None
    old_executable: bool | None
    new_executable: bool | None
    hunks: tuple[Change, ...]
    copied: bool

    @property
    def takes_old(self) -> bool:
        """Whether the old path is rewritten or removed by this entry, not only read."""
        return self.old_path is not None and not self.copied


def read_unified(diff: bytes) -> tuple[FileDiff, ...]:
    """Return the entries of a diff. Text in front of the first one (a mail, a commit message) carries no change."""
    if not diff:
        return ()
    cursor = _Cursor(split_lines(diff))
    _skip_preamble(cursor)
    entries = []
    while cursor.peek().startswith(_START):
        entries.append(_entry(cursor))
    _expect_end(cursor)
    return tuple(entries)


@dataclass
class _Cursor:
    lines: list[bytes]
    at: int = 0

    def peek(self, ahead: int = 0) -> bytes:
        """Return a line without moving, or nothing behind the end."""
        index = self.at + ahead
        return self.lines[index] if index < len(self.lines) else b""

    def take(self) -> bytes:
        line = self.peek()
        self.at += 1
        return line

    def wrong(self, what: str) -> EditConflict:
        return EditConflict(f"the diff is malformed at line {self.at + 1}", why=f"{what}, found {self.peek()[:60]!a}")


@dataclass
class _Header:
    """The extended header lines of one entry, as they were written."""

    names: bytes
    fields: dict[bytes, bytes] = field(default_factory=dict)

    def path(self, key: bytes) -> bytes | None:
        return unquote(self.fields[key]) if key in self.fields else None

    def executable(self, *keys: bytes) -> bool | None:
        for key in keys:
            if key in self.fields:
                return _executable(self.fields[key])
        return None


def _skip_preamble(cursor: _Cursor) -> None:
    while cursor.peek() and not cursor.peek().startswith(_START):
        if cursor.peek().startswith(b"--- ") and cursor.peek(1).startswith(b"+++ "):
            raise cursor.wrong("a change without a `diff --git` line (make the diff with git)")
        cursor.take()
    if not cursor.peek():
        raise EditConflict(
            "this is not a git-style diff", why="it has no `diff --git` line", mend="Make it with: git diff"
        )


def _expect_end(cursor: _Cursor) -> None:
    """Accept the end, or the signature of `git format-patch` and then the end."""
    if cursor.peek() == b"-- \n" and _VERSION_LINE.fullmatch(cursor.peek(1)):
        cursor.at += 2
        while cursor.peek() == b"\n":
            cursor.take()
    if cursor.at < len(cursor.lines):
        raise cursor.wrong("a line that belongs to no hunk")


def _entry(cursor: _Cursor) -> FileDiff:
    first = cursor.at
    header = _read_header(cursor)
    old, new = _paths(cursor, header, first)
    made, gone = b"new file mode" in header.fields, b"deleted file mode" in header.fields
    hunks: tuple[Change, ...] = ()
    if cursor.peek().startswith(b"--- "):
        _read_label(cursor, b"--- ", None if made else b"a/" + old)
        _read_label(cursor, b"+++ ", None if gone else b"b/" + new)
        hunks = _read_hunks(cursor)
    moved = b"rename from" in header.fields or b"copy from" in header.fields
    if not (hunks or made or gone or moved or b"new mode" in header.fields):
        raise cursor.wrong("an entry that changes nothing")
    return FileDiff(
        old_path=None if made else _safe(old),
        new_path=None if gone else _safe(new),
        old_executable=header.executable(b"deleted file mode", b"old mode"),
        new_executable=header.executable(b"new file mode", b"new mode"),
        hunks=hunks,
        copied=b"copy from" in header.fields,
    )


def _read_header(cursor: _Cursor) -> _Header:
    header = _Header(cursor.take().removeprefix(_START).removesuffix(b"\n"))
    while True:
        line = cursor.peek()
        if line.startswith((b"GIT binary patch", b"Binary files ")):
            raise UnsafeTree(
                f"binary patch for {header.names[:80]!a}", why="a change that cannot be read is never accepted",
                mend="Make the diff with: git diff --text",
            )  # fmt: skip
        if found := _INDEX.fullmatch(line):
            if found[1] is not None:
                _executable(found[1])
        elif found := _FIELD.fullmatch(line):
            if found[1] in header.fields:
                raise cursor.wrong("the same header line twice")
            header.fields[found[1]] = found[2]
        elif not _SIMILARITY.fullmatch(line):
            return header
        cursor.take()


def _executable(mode: bytes) -> bool:
    if mode in _EXECUTABLE:
        return _EXECUTABLE[mode]
    raise UnsafeTree(f"file mode {mode[:12]!a}", why=_NEVER.get(mode, "only 100644 and 100755 are accepted"))


def _paths(cursor: _Cursor, header: _Header, first: int) -> tuple[bytes, bytes]:
    """Return the old and the new path, and refuse header lines that contradict each other."""
    keys = set(header.fields)
    wanted: tuple[set[bytes], ...] = (
        set(), {b"new file mode"}, {b"deleted file mode"}, {b"old mode", b"new mode"},
        {b"rename from", b"rename to"}, {b"rename from", b"rename to", b"old mode", b"new mode"},
        {b"copy from", b"copy to"}, {b"copy from", b"copy to", b"old mode", b"new mode"},
    )  # fmt: skip
    if keys not in wanted:
        raise cursor.wrong("header lines that do not go together: " + ", ".join(sorted(key.decode() for key in keys)))
    old = header.path(b"rename from") or header.path(b"copy from")
    new = header.path(b"rename to") or header.path(b"copy to")
    if old is None or new is None:
        old = new = _same_name(header.names)
    allowed = {
        quote(b"a/" + old, ascii_only=strict) + b" " + quote(b"b/" + new, ascii_only=strict) for strict in (True, False)
    }
    if header.names not in allowed:
        cursor.at = first
        raise cursor.wrong("paths that do not agree with the header, or that lack the prefixes a/ and b/")
    return old, new


def _same_name(names: bytes) -> bytes:
    """Return P from `a/P b/P`, quoted or not. What comes out is checked by writing it again."""
    middle = len(names) // 2
    return unquote(names[:middle])[2:]


def _safe(path: bytes) -> str:
    try:
        return check_path(path.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UnsafeTree(f"refused path {path[:80]!a}", why="the path is not UTF-8") from error


def _read_label(cursor: _Cursor, sign: bytes, name: bytes | None) -> None:
    """Take a `---` or `+++` line, which must repeat the path of the entry."""
    allowed = {b"/dev/null"} if name is None else {quote(name, ascii_only=True), quote(name, ascii_only=False)}
    if cursor.peek().removesuffix(b"\n").removesuffix(b"\t") not in {sign + text for text in allowed}:
        raise cursor.wrong(f"expected the line {(sign + (name or b'/dev/null'))[:80]!a}")
    cursor.take()


def _read_hunks(cursor: _Cursor) -> tuple[Change, ...]:
    hunks = []
    while cursor.peek().startswith(b"@@ "):
        hunks.append(_read_hunk(cursor))
    if not hunks:
        raise cursor.wrong("expected a hunk")
    return tuple(hunks)


def _read_hunk(cursor: _Cursor) -> Change:
    head = _HUNK.fullmatch(cursor.peek())
    if head is None:
        raise cursor.wrong("expected a hunk header")
    first = cursor.at
    cursor.take()
    olds, news = (1 if count is None else int(count) for count in (head[2], head[4]))
    old: list[bytes] = []
    new: list[bytes] = []
    while len(old) < olds or len(new) < news:
        _read_line(cursor, old, new)
    if len(old) != olds or len(new) != news or old == new:
        cursor.at = first
        raise cursor.wrong("a hunk whose counts are wrong or that changes nothing")
    old_at, new_at = int(head[1]) - bool(olds), int(head[3]) - bool(news)
    if old_at < 0 or new_at < 0:
        cursor.at = first
        raise cursor.wrong("a hunk that starts at line 0")
    return Change(old_at, new_at, tuple(old), tuple(new))


def _read_line(cursor: _Cursor, old: list[bytes], new: list[bytes]) -> None:
    line = cursor.peek()
    sign, text = line[:1], line[1:]
    if sign == b"\n":  # git with diff.suppressBlankEmpty, and mail programs, drop the space of an empty context line
        sign, text = b" ", b"\n"
    if sign not in (b" ", b"-", b"+") or not text.endswith(b"\n"):
        raise cursor.wrong("expected a line of the hunk")
    cursor.take()
    if cursor.peek().startswith(b"\\ "):
        cursor.take()
        text = text[:-1]
    if sign != b"+":
        old.append(text)
    if sign != b"-":
        new.append(text)
