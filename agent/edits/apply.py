"""From a tree and a patch to a tree, or a refusal that names the place. Nothing is ever put somewhere close."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import cast

from agent.digest import sha256
from agent.edits.edit import BlockEdit, Edit, FileAdded, FileRemoved, ModeChanged, TextEdit, shown
from agent.edits.patch import Patch, Revision
from agent.edits.source import parse_source
from agent.edits.splice import splice_blocks, splice_text
from agent.edits.tree import File, Tree
from agent.errors import EditConflict, UnsafeTree


def apply(base: Tree, patch: Patch) -> Tree:
    """Return what `patch` makes of `base`; raise `EditConflict` naming the first edit that does not fit.

    Applied to the tree it was taken from, a whole patch gives exactly the tree it was taken to, checked by digest. Part
    of a patch, or a patch on another base, must still find every place without doubt and leave valid Python behind.
    """
    by_path: dict[str, list[Edit]] = defaultdict(list)
    for edit in patch.edits:
        by_path[edit.path].append(edit)
    revisions = {revision.path: revision for revision in patch.revisions}
    files: dict[str, File | None] = dict(base)
    for path, edits in by_path.items():
        files[path] = _edited(base.get(path), edits, revisions.get(path))
    try:
        return Tree({path: file for path, file in files.items() if file is not None})
    except UnsafeTree as unsafe:
        raise EditConflict("the edits do not give a tree", why=unsafe.what) from unsafe


def _edited(old: File | None, edits: Sequence[Edit], revision: Revision | None) -> File | None:
    first = edits[0]
    if isinstance(first, FileAdded | FileRemoved):
        if len(edits) > 1:
            raise EditConflict(f"{shown(first.path)} is edited twice")
        return _whole_file(old, first)
    if old is None:
        raise EditConflict(f"{shown(first.path)} is not there")
    modes = [edit for edit in edits if isinstance(edit, ModeChanged)]
    if len(modes) > 1 or any(edit.executable == old.executable for edit in modes):
        raise EditConflict(f"{shown(first.path)}: its mode is not what the edit expects")
    rest = [edit for edit in edits if not isinstance(edit, ModeChanged)]
    content = _content(old.content, rest, revision) if rest else old.content
    return File(content, modes[0].executable if modes else old.executable)


def _whole_file(old: File | None, edit: FileAdded | FileRemoved) -> File | None:
    file = File(edit.content, edit.executable)
    if isinstance(edit, FileAdded):
        if old is not None:
            raise EditConflict(f"{shown(edit.path)} is there already")
        return file
    if old != file:
        raise EditConflict(f"{shown(edit.path)} cannot be removed", why="it is not what the edit expects")
    return None


def _content(source: bytes, edits: Sequence[Edit], revision: Revision | None) -> bytes:
    path = shown(edits[0].path)
    exact = revision is not None and sha256(source) == revision.before
    if all(isinstance(edit, BlockEdit) for edit in edits):
        result = splice_blocks(source, cast("Sequence[BlockEdit]", edits), exact=exact)
    elif all(isinstance(edit, TextEdit) for edit in edits):
        return _checked(path, splice_text(source, cast("Sequence[TextEdit]", edits), exact=exact), exact, revision)
    else:
        raise EditConflict(f"{path} is edited in two ways that do not go together")
    if not (exact and revision and revision.after):
        parse_source(result, name=f"{path} with these edits alone")
    return _checked(path, result, exact, revision)


def _checked(path: str, result: bytes, exact: bool, revision: Revision | None) -> bytes:
    """Hold a whole patch on its own base to the result it promises."""
    if exact and revision and revision.after not in ("", sha256(result)):
        raise EditConflict(
            f"{path}: the edits do not give the file that the patch promises", why="one is missing or altered"
        )
    return result
