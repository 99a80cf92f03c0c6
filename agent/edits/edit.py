"""Edits: what one change to a tree is, complete in itself.

An edit says what it changes by name (`scaffold/search.py::Index.rank`, a run of imports, a module statement) or, where
there are no names, by lines. It holds the bytes of both sides, so it can be checked, undone and shown on its own; its
place is given in terms of the base alone, so any edits of a patch can be left out.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainSerializer, PlainValidator

from agent.edits.lines import count_changes


def _read_bytes(value: Any) -> bytes:
    """Read bytes from JSON: a string is UTF-8, `{"base64": ...}` is what is not."""
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, dict) and value.keys() == {"base64"} and isinstance(value["base64"], str):
        try:
            return base64.b64decode(value["base64"], validate=True)
        except binascii.Error as error:
            raise ValueError("not base64") from error
    raise ValueError("neither text nor base64")


def _write_bytes(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}


Content = Annotated[bytes, PlainValidator(_read_bytes), PlainSerializer(_write_bytes)]
Count = Annotated[int, Field(ge=0)]
Kind = Literal["module", "function", "class", "imports", "statement", "branch", "head", "layout"]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place between blocks: in the block `inside` (the module: ""), behind `after` and in front of `before`.

    `after` is "" at the start of the container, `before` is "" at its end.

    Several blocks put into one place stand in the order of `order`. For a new block these are addresses of the base;
    for an old one, of the result, which is where undoing the edit puts it back.
    """

    inside: str
    after: str
    before: str
    order: Count


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a block edit: the block's address and bytes, and its place where it is not that of the other side."""

    address: str
    content: Content
    spot: Spot | None = None


@dataclass(frozen=True, slots=True)
class FileAdded:
    """A file that the base does not have."""

    do: ClassVar[str] = "add file"
    path: str
    content: Content
    executable: bool

    def inverse(self) -> FileRemoved:
        """Return the edit that undoes this one."""
        return FileRemoved(self.path, self.content, self.executable)

    def summary(self) -> str:
        """Say in one line for people what changes where."""
        return f"{shown(self.path)} added{_size(b'', self.content)}"


@dataclass(frozen=True, slots=True)
class FileRemoved:
    """A file of the base that is gone."""

    do: ClassVar[str] = "remove file"
    path: str
    content: Content
    executable: bool

    def inverse(self) -> FileAdded:
        """Return the edit that undoes this one."""
        return FileAdded(self.path, self.content, self.executable)

    def summary(self) -> str:
        """Say in one line for people what changes where."""
        return f"{shown(self.path)} removed{_size(self.content, b'')}"


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """A file that became executable, or ceased to be."""

    do: ClassVar[str] = "change mode"
    path: str
    executable: bool

    def inverse(self) -> ModeChanged:
        """Return the edit that undoes this one."""
        return ModeChanged(self.path, not self.executable)

    def summary(self) -> str:
        """Say in one line for people what changes where."""
        return f"{shown(self.path)} is {'now' if self.executable else 'no longer'} executable"


@dataclass(frozen=True, slots=True)
class BlockEdit:
    """A named block of a Python file that is new (`old` is None), gone (`new` is None), changed, moved or both."""

    do: ClassVar[str] = "edit block"
    path: str
    kind: Kind
    old: Side | None
    new: Side | None

    @property
    def name(self) -> str:
        """The path and the name of what is edited, as people write it: `scaffold/search.py::Index.rank`."""
        side = self.old or self.new
        return f"{shown(self.path)}::{side.address if side else ''}"

    @property
    def verb(self) -> Literal["added", "removed", "moved", "changed"]:
        """What happens to the block."""
        if self.old is None or self.new is None:
            return "added" if self.old is None else "removed"
        return "moved" if self.new.spot else "changed"

    def inverse(self) -> BlockEdit:
        """Return the edit that undoes this one."""
        return replace(self, old=self.new, new=self.old)

    def summary(self) -> str:
        """Say in one line for people what changes where."""
        old, new = (side.content if side else b"" for side in (self.old, self.new))
        renamed = self.old and self.new and self.old.address != self.new.address
        became = f" to {self.new.address}" if renamed and self.new else ""
        return f"{self.name} {self.verb}{became}{_size(old, new)}"


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Lines of a file that has no names. `above` and `below` are unchanged lines, by which the place is found again.

    `old_at` and `new_at` count the lines in front of it in the base and in the result.
    """

    do: ClassVar[str] = "edit text"
    path: str
    old_at: Count
    new_at: Count
    old: Content
    new: Content
    above: Content
    below: Content

    def inverse(self) -> TextEdit:
        """Return the edit that undoes this one."""
        return replace(self, old_at=self.new_at, new_at=self.old_at, old=self.new, new=self.old)

    def summary(self) -> str:
        """Say in one line for people what changes where."""
        return f"{shown(self.path)} line {self.old_at + 1} changed{_size(self.old, self.new)}"


Edit = FileAdded | FileRemoved | ModeChanged | BlockEdit | TextEdit


def shown(text: str) -> str:
    """Return text in printable ASCII, so that no direction mark, look-alike or escape reaches a terminal."""
    return "".join(c if " " <= c <= "~" else c.encode("ascii", "backslashreplace").decode() for c in text)


def _size(old: bytes, new: bytes) -> str:
    added, removed = count_changes(old, new)
    return f", +{added} -{removed}" if added or removed else ""
