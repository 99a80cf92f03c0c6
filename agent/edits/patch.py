"""What a patch is: an ordered tuple of edits against a base tree, with one JSON form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.digest import canonical_json
from agent.edits.edit import BlockEdit, Edit, FileAdded, FileRemoved, ModeChanged, Side, Spot, TextEdit
from agent.edits.tree import check_path
from agent.errors import EditConflict

__all__ = [
    "SCHEMA", "BlockEdit", "Edit", "FileAdded", "FileRemoved", "ModeChanged", "Patch", "Revision", "Side", "Spot",
    "TextEdit",
]  # fmt: skip
SCHEMA = "successor.patch/v1"


@dataclass(frozen=True, slots=True)
class Revision:
    """The SHA-256 of one edited file before and after the whole patch. `after` is "" when edits were left out."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Patch:
    """Edits in the order of paths and places, and the versions of the files that they were taken from."""

    edits: tuple[Edit, ...] = ()
    revisions: tuple[Revision, ...] = ()

    def __len__(self) -> int:
        return len(self.edits)

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that are touched, each once, in the order of the edits."""
        return tuple(dict.fromkeys(edit.path for edit in self.edits))

    @property
    def is_whole(self) -> bool:
        """Whether no edit was left out."""
        return all(revision.after for revision in self.revisions)

    def summary(self) -> tuple[str, ...]:
        """Return one line for each edit, in printable ASCII: names come from candidates."""
        return tuple(edit.summary() for edit in self.edits)

    def subset(self, indexes: Iterable[int]) -> Patch:
        """Return the patch that holds only the edits at `indexes`, in their old order."""
        wanted = set(indexes)
        kept = tuple(edit for index, edit in enumerate(self.edits) if index in wanted)
        dropped = {edit.path for index, edit in enumerate(self.edits) if index not in wanted}
        paths = {edit.path for edit in kept}
        revisions = (replace(r, after="") if r.path in dropped else r for r in self.revisions if r.path in paths)
        return Patch(kept, tuple(revisions))

    def inverse(self) -> Patch:
        """Return the patch that undoes this one.

        A patch from which edits were left out does not know its own result: `EditConflict`; ask `diff` for its inverse.
        """
        if not self.is_whole:
            raise EditConflict("part of a patch cannot be undone on its own", mend="Take diff(result, base) instead")
        edits = tuple(edit.inverse() for edit in self.edits)
        return Patch(edits, tuple(Revision(r.path, r.after, r.before) for r in self.revisions))

    def to_json(self) -> bytes:
        """Return the one JSON form of this patch."""
        return canonical_json(
            {
                "schema": SCHEMA,
                "edits": [{"do": e.do, **_ADAPTERS[e.do].dump_python(e, mode="json")} for e in self.edits],
                "revisions": [_REVISION.dump_python(revision, mode="json") for revision in self.revisions],
            }
        )

    @staticmethod
    def from_json(document: bytes) -> Patch:
        """Return the patch that a document holds; raise `EditConflict` when it is not exactly what `to_json` writes."""
        try:
            patch = _read(json.loads(document))
            exact = patch.to_json() == document
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise EditConflict("this is not a patch document", why=_reason(error)) from error
        if not exact:
            raise EditConflict(
                "this is not a patch document", why="it is not in the one form that a patch is written in"
            )
        return patch


_ADAPTERS: Mapping[str, TypeAdapter[Any]] = MappingProxyType(
    {kind.do: TypeAdapter(kind) for kind in (FileAdded, FileRemoved, ModeChanged, BlockEdit, TextEdit)}
)
_REVISION = TypeAdapter(Revision)


def _read(plain: Any) -> Patch:
    """Build a patch from plain data. Leftover keys and lax forms are caught by writing it again."""
    edits = tuple(
        _ADAPTERS[item["do"]].validate_python({k: v for k, v in item.items() if k != "do"}) for item in plain["edits"]
    )
    for edit in edits:
        check_path(edit.path)
    return Patch(edits, tuple(_REVISION.validate_python(item) for item in plain["revisions"]))


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ".".join(str(part) for part in first["loc"]) + ": " + first["msg"]
    return f"{type(error).__name__}: {str(error)[:100]!a}"
