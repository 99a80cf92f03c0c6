"""Put edits into one file. Whoever applies a patch, and `diff` when it checks itself, comes through here.

`exact` says that the source is the very file the edits were taken from, so addresses and line numbers mean what they
meant. Without it (a newer parent, a combination of patches) only what is found without doubt is edited: a block by its
name and its bytes, a place by a name that is there once, lines by lines that are there once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from agent.edits.edit import BlockEdit, Spot, TextEdit, shown
from agent.edits.lines import split_lines
from agent.edits.outline import Block, name_of, outline
from agent.errors import EditConflict

_ORDER_FREE = frozenset({"function", "class"})


def splice_blocks(source: bytes, edits: Sequence[BlockEdit], *, exact: bool) -> bytes:
    """Return `source` with the named blocks edited; raise `EditConflict` naming the first that does not fit."""
    root = outline(source)
    finder = _Finder(root, exact=exact)
    splice = _Splice()
    for edit in edits:
        if edit.old is not None:
            splice.replace(finder.block(edit), edit)
        if edit.old is None or (edit.new is not None and edit.new.spot is not None):
            splice.insert(finder.spot(edit), edit)
    pieces = list(splice.emit(root))
    if splice.waiting:
        place = min(splice.waiting)[-1]
        raise EditConflict(
            f"{shown(edits[0].path)}: two edits meet at {place}", why="one replaces what the other is in"
        )
    return _joined(pieces, edits[0].path if edits else "")


def splice_text(source: bytes, edits: Sequence[TextEdit], *, exact: bool) -> bytes:
    """Return `source` with the lines edited; raise `EditConflict` naming the first place that does not fit."""
    lines = split_lines(source)
    placed = sorted(((_line(lines, edit, exact=exact), edit) for edit in edits), key=lambda item: item[0])
    pieces: list[bytes] = []
    at = 0
    for start, edit in placed:
        if start < at:
            raise EditConflict(f"{shown(edit.path)} line {start + 1}: two edits overlap")
        pieces += lines[at:start]
        pieces.append(edit.new)
        at = start + len(split_lines(edit.old))
    return _joined([*pieces, *lines[at:]], edits[0].path if edits else "")


class _Finder:
    """Finds the blocks and places that edits name."""

    def __init__(self, root: Block, *, exact: bool) -> None:
        self.exact = exact
        self.blocks = {block.address: block for block in root.walk()}
        self.by_name: dict[str, list[Block]] = defaultdict(list)
        for block in root.walk():
            self.by_name[name_of(block.address)].append(block)

    def block(self, edit: BlockEdit) -> Block:
        """Return the block that an edit changes, with the bytes that it expects."""
        assert edit.old is not None
        there = self._there(edit.old.address)
        if not there:
            raise EditConflict(f"{edit.name} is not there")
        same = [block for block in there if (block.kind, block.content) == (edit.kind, edit.old.content)]
        if len(same) != 1:
            why = "there is more than one like it" if same else "it is not what the edit expects"
            raise EditConflict(f"{edit.name} cannot be edited", why=why, mend="Draft the edit again from this parent")
        return same[0]

    def spot(self, edit: BlockEdit) -> tuple[str, str]:
        """Return where a block goes, as the addresses of its container and of the block in front of it."""
        spot = edit.new.spot if edit.new else None
        if spot is None:
            raise EditConflict(f"{edit.name} has no place")
        inside = self._only(spot.inside, edit, spot)
        after = spot.after and self._only(spot.after, edit, spot)
        if not self.exact and edit.kind not in _ORDER_FREE:
            siblings = ["", *(child.address for child in self.blocks[inside].children), ""]
            if (after, name_of(spot.before)) not in {(here, name_of(there)) for here, there in pairwise(siblings)}:
                raise EditConflict(f"{edit.name} belongs behind {spot.after}", why="something else stands there now")
        return inside, after

    def _only(self, address: str, edit: BlockEdit, spot: Spot) -> str:
        there = self._there(address)
        if len(there) != 1:
            place = spot.after or spot.inside
            why = "that name is there more than once" if there else "that is not there"
            raise EditConflict(f"{edit.name} belongs behind {place}", why=why)
        return there[0].address

    def _there(self, address: str) -> list[Block]:
        if self.exact:
            return [self.blocks[address]] if address in self.blocks else []
        return self.by_name.get(name_of(address), [])


class _Splice:
    """What happens to each block, and what is put between them. What is still `waiting` at the end found no place."""

    def __init__(self) -> None:
        self.waiting: set[tuple[str, ...]] = set()
        self._changes: dict[str, bytes] = {}
        self._arrivals: dict[tuple[str, str], list[tuple[int, str, bytes]]] = defaultdict(list)

    def replace(self, block: Block, edit: BlockEdit) -> None:
        if block.address in self._changes:
            raise EditConflict(f"{edit.name} is edited twice")
        stays = edit.new is not None and edit.new.spot is None
        self._changes[block.address] = edit.new.content if edit.new and stays else b""
        self.waiting.add((block.address,))

    def insert(self, place: tuple[str, str], edit: BlockEdit) -> None:
        assert edit.new is not None
        assert edit.new.spot is not None
        self._arrivals[place].append((edit.new.spot.order, edit.new.address, edit.new.content))
        self.waiting.add(place)

    def emit(self, block: Block) -> Iterator[bytes]:
        """Yield the pieces of a block as they are after all edits."""
        if block.address in self._changes:
            self.waiting.discard((block.address,))
            yield self._changes[block.address]
        elif not block.children and block.kind != "module":
            yield block.content
        else:
            yield from self._arrive(block.address, "")
            for child in block.children:
                yield from self.emit(child)
                yield from self._arrive(block.address, child.address)

    def _arrive(self, inside: str, after: str) -> Iterator[bytes]:
        self.waiting.discard((inside, after))
        arrivals = self._arrivals.get((inside, after), [])
        yield from (content for _, _, content in sorted(arrivals, key=lambda arrival: arrival[0]))


def _line(lines: Sequence[bytes], edit: TextEdit, *, exact: bool) -> int:
    """Return how many lines stand in front of the place that an edit means."""
    old, above, below = (split_lines(part) for part in (edit.old, edit.above, edit.below))
    wanted = [*above, *old, *below]
    starts: Iterable[int] = (
        [edit.old_at - len(above)] if exact else range(len(lines) - len(wanted) + 1) if wanted else ()
    )
    found = [at for at in starts if at >= 0 and lines[at : at + len(wanted)] == wanted]
    if len(found) != 1:
        raise EditConflict(
            f"{shown(edit.path)} line {edit.old_at + 1} cannot be edited",
            why="the lines are there more than once" if found else "the lines are not what the edit expects",
            mend="Draft the edit again from this parent",
        )
    return found[0] + len(above)


def _joined(pieces: Sequence[bytes], path: str) -> bytes:
    """Join pieces of whole lines; one without a newline may only be the last."""
    filled = [piece for piece in pieces if piece]
    if not all(piece.endswith(b"\n") for piece in filled[:-1]):
        raise EditConflict(f"{shown(path)}: something would follow a line without newline", why="an edit is missing")
    return b"".join(filled)
