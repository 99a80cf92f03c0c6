"""From two trees to a patch. Whatever the trees hold, `apply(base, diff(base, tree)) == tree`, byte for byte."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from agent.digest import sha256
from agent.edits.align import matches
from agent.edits.edit import BlockEdit, Edit, FileAdded, FileRemoved, ModeChanged, Side, Spot, TextEdit
from agent.edits.lines import line_changes, split_lines
from agent.edits.outline import Block, outline
from agent.edits.patch import Patch, Revision
from agent.edits.splice import splice_blocks
from agent.edits.tree import File, Tree
from agent.edits.unified import changed_paths
from agent.errors import EditConflict

PYTHON_SUFFIXES = (".py", ".pyi")
_CONTEXT_LINES = 3
_ALIKE_PERCENT = 50
_MAX_COMPARED = 256
_WORDS = re.compile(rb"\w+|[^\w\s]")
_Places = dict[int, Spot]
_Pair = tuple[int, int]
_Matcher = Callable[[Sequence[Block], Sequence[Block]], list[_Pair]]


def diff(base: Tree, tree: Tree) -> Patch:
    """Return the patch from `base` to `tree`: edits by name where both sides are readable Python, else by lines."""
    edits: list[Edit] = []
    revisions: list[Revision] = []
    for path in changed_paths(base, tree):
        old, new = base.get(path), tree.get(path)
        edits += _file_edits(path, old, new)
        if old and new and old.content != new.content:
            revisions.append(Revision(path, sha256(old.content), sha256(new.content)))
    return Patch(tuple(edits), tuple(revisions))


def _file_edits(path: str, old: File | None, new: File | None) -> Iterator[Edit]:
    if old is None or new is None:
        if old:
            yield FileRemoved(path, old.content, old.executable)
        if new:
            yield FileAdded(path, new.content, new.executable)
        return
    if old.executable != new.executable:
        yield ModeChanged(path, new.executable)
    if old.content != new.content:
        yield from _block_edits(path, old.content, new.content) or _text_edits(path, old.content, new.content)


def _block_edits(path: str, old: bytes, new: bytes) -> tuple[BlockEdit, ...]:
    """Return edits by name, or nothing when the file has no names or they would not give exactly the other side."""
    if not path.endswith(PYTHON_SUFFIXES):
        return ()
    try:
        edits = tuple(_compare(path, outline(old), outline(new)))
        undo = tuple(edit.inverse() for edit in edits)
        exact = splice_blocks(old, edits, exact=True) == new and splice_blocks(new, undo, exact=True) == old
    except EditConflict:
        return ()
    return edits if exact else ()


def _text_edits(path: str, old: bytes, new: bytes) -> Iterator[TextEdit]:
    lines = split_lines(old)
    found = line_changes(old, new)
    for index, change in enumerate(found):
        end = change.old_at + len(change.old)
        floor = found[index - 1].old_at + len(found[index - 1].old) if index else 0
        ceiling = found[index + 1].old_at if index + 1 < len(found) else len(lines)
        above = lines[max(floor, change.old_at - _CONTEXT_LINES) : change.old_at]
        below = lines[end : min(ceiling, end + _CONTEXT_LINES)]
        sides = (b"".join(part) for part in (change.old, change.new, above, below))
        yield TextEdit(path, change.old_at, change.new_at, *sides)


def _compare(path: str, old: Block, new: Block) -> Iterator[BlockEdit]:
    """Yield the edits between two versions of a block that is split on both sides, in the order of the result."""
    pairs = _pair(old.children, new.children)
    stays = dict(pairs)
    moves = _moves(old.children, new.children, pairs)
    leave = _places(new, old.children, {i: new.children[j].address for i, j in pairs})
    enter = _places(old, new.children, {j: old.children[i].address for i, j in pairs})
    came_from = {j: i for i, j in (*stays.items(), *moves.items())}
    gone = [i for i in range(len(old.children)) if i not in stays and i not in moves]
    yield from (_edit(path, old.children[i], None, leave[i], None) for i in gone)
    for j, block in enumerate(new.children):
        i = came_from.get(j)
        if i is None:
            yield _edit(path, None, block, None, enter[j])
        elif i in moves:
            yield _edit(path, old.children[i], block, leave[i], enter[j])
        else:
            yield from _changed(path, old.children[i], block)


def _changed(path: str, old: Block, new: Block) -> Iterator[BlockEdit]:
    if old.content == new.content and old.kind == new.kind:
        return
    if old.children and new.children and (old.kind, old.stem) == (new.kind, new.stem):
        yield from _compare(path, old, new)
    else:
        yield _edit(path, old, new, None, None)


def _edit(path: str, old: Block | None, new: Block | None, leave: Spot | None, enter: Spot | None) -> BlockEdit:
    block = new or old
    assert block is not None
    return BlockEdit(
        path,
        block.kind,
        Side(old.address, old.content, leave) if old else None,
        Side(new.address, new.content, enter) if new else None,
    )


def _places(container: Block, blocks: Sequence[Block], partner: dict[int, str]) -> _Places:
    """Say for each block without partner behind which partner it would stand in `container`, and as how many-th."""
    places: _Places = {}
    addresses = ["", *(child.address for child in container.children), ""]
    following = dict(pairwise(addresses))
    after, order = "", 0
    for index in range(len(blocks)):
        if index in partner:
            after, order = partner[index], 0
        else:
            places[index] = Spot(container.address, after, following[after], order)
            order += 1
    return places


def _pair(old: Sequence[Block], new: Sequence[Block]) -> list[_Pair]:
    """Say which blocks stay in order: the equal ones first, between them those of one name, then look-alikes."""
    equal = matches([(b.kind, b.stem, b.content) for b in old], [(b.kind, b.stem, b.content) for b in new])
    named = _between(
        equal, old, new, lambda a, b: matches([(x.kind, x.stem) for x in a], [(x.kind, x.stem) for x in b])
    )
    return _between(named, old, new, _look_alikes)


def _between(pairs: Iterable[_Pair], old: Sequence[Block], new: Sequence[Block], find: _Matcher) -> list[_Pair]:
    """Return `pairs` and what `find` pairs in the gaps between them."""
    merged: list[_Pair] = []
    i = j = 0
    for at, to in [*pairs, (len(old), len(new))]:
        merged += [(i + x, j + y) for x, y in find(old[i:at], new[j:to])]
        if at < len(old):
            merged.append((at, to))
        i, j = at + 1, to + 1
    return merged


def _look_alikes(old: Sequence[Block], new: Sequence[Block]) -> list[_Pair]:
    """Pair blocks of one kind that share most of their words: a rename is one edit, not two."""
    names = {block.stem for block in old} & {block.stem for block in new}
    if len(old) * len(new) > _MAX_COMPARED:
        return []
    pairs: list[_Pair] = []
    start = 0
    for i, block in enumerate(old):
        for j in range(start, len(new)):
            if block.stem not in names and new[j].stem not in names and _alike(block, new[j]):
                pairs.append((i, j))
                start = j + 1
                break
    return pairs


def _alike(old: Block, new: Block) -> bool:
    if old.kind != new.kind or old.kind == "head":
        return False
    a, b = _WORDS.findall(old.content), _WORDS.findall(new.content)
    return 2 * len(matches(a, b)) * 100 >= _ALIKE_PERCENT * (len(a) + len(b))


def _moves(old: Sequence[Block], new: Sequence[Block], pairs: Iterable[_Pair]) -> dict[int, int]:
    """Pair blocks of one name that changed their order: old index to new index."""
    stay_old, stay_new = {i for i, _ in pairs}, {j for _, j in pairs}
    waiting: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, block in enumerate(old):
        if i not in stay_old and block.kind != "head":
            waiting[block.kind, block.stem].append(i)
    moves: dict[int, int] = {}
    for j, block in enumerate(new):
        if j not in stay_new and waiting[block.kind, block.stem]:
            moves[waiting[block.kind, block.stem].pop(0)] = j
    return moves
