"""Apply SEARCH/REPLACE blocks to a text: exactly, or not at all.

A model quotes a file from memory, so SEARCH is first taken literally, then with ever less respect for white space, and
last with `...` standing for lines it left out. The first of these that fits must fit exactly one place: no place is
stale, two are ambiguous, and both are refused, because a wrong file costs more than another try. A line that the block
does not change keeps the file's own bytes, whatever the model made of its white space.
"""

from collections.abc import Callable
from difflib import SequenceMatcher

from scaffold.blocks import Block, parse_blocks
from scaffold.layout import TAB_COLUMNS, parse, shifted, uses_crlf, uses_tabs
from scaffold.place import Lines, Place, Quote, literal, nearest, only_place, split_at_elisions
from scaffold.refused import Refused


def apply_edit(content: str, edit: str, path: str = "") -> str:
    """Return `content` with every block of `edit` applied in order; raise `Refused` when one of them cannot be.

    An edit that turns a valid Python file into an invalid one is refused too; `path` says what kind of file it is.
    """
    result = content
    for number, block in enumerate(parse_blocks(edit), 1):
        try:
            result = apply_block(result, block)
        except Refused as refused:
            raise Refused(f"block {number}: {refused}") from refused
    if path.endswith(".py") and parse(result) is None and parse(content) is not None:
        raise Refused("the result would not be valid Python")
    return result


def apply_block(content: str, block: Block) -> str:
    """Return `content` with one block applied."""
    if not any(line.strip() for line in block.search):
        if content.strip():
            raise Refused("SEARCH is empty, which fits only an empty file")
        return "".join(f"{line}\n" for line in block.replace)
    body = content.removesuffix("\n")
    lines = body.split("\n")
    place, search, replace = _locate(lines, block)
    write = _writer(place, tabs=uses_tabs(lines), end="\r" if uses_crlf(content) else "")
    for start, old, new in reversed(list(zip(place.starts, search.pieces, replace.pieces, strict=True))):
        span = slice(start, start + len(old))
        lines[span] = _merged(lines[span], old, new, place, write)
    result = "\n".join(lines) + content[len(body) :] if lines else ""
    return result if content.endswith(("\r", "\n")) else result.removesuffix("\r")


def _locate(lines: Lines, block: Block) -> tuple[Place, Quote, Quote]:
    """Return the one place of the block, with its SEARCH and REPLACE as they are to be read."""
    search, replace = Quote((block.search,)), Quote((block.replace,))
    place = only_place(lines, search)
    if place is None:
        search, replace = split_at_elisions(block.search), split_at_elisions(block.replace)
        if search.elisions and len(search.elisions) != len(replace.elisions):
            raise Refused("SEARCH and REPLACE leave out a different number of passages")
        if search.elisions and all(search.pieces):
            place = only_place(lines, search)
    if place is None:
        raise Refused(f"SEARCH is not in the file; {nearest(lines, block.search)}")
    return place, search, replace


def _writer(place: Place, tabs: bool, end: str) -> Callable[[str], str]:
    """Return how a new line is written: as it stands after a literal match, else in the layout of its place."""

    def write(line: str) -> str:
        if place.form is literal:
            return line + end
        return (shifted(line, place.shift, tabs) if place.form is str.strip else line.rstrip()) + end

    return write


def _merged(kept: Lines, old: Lines, new: Lines, place: Place, write: Callable[[str], str]) -> list[str]:
    """Return the lines of `new`: those that stand in `old` too as the file has them (`kept`), the others written."""

    def same(line: str) -> str:
        return line if place.form is literal else line.expandtabs(TAB_COLUMNS).rstrip()

    changes = SequenceMatcher(None, [same(line) for line in old], [same(line) for line in new], autojunk=False)
    merged: list[str] = []
    for tag, first, last, new_first, new_last in changes.get_opcodes():
        merged += kept[first:last] if tag == "equal" else [write(line) for line in new[new_first:new_last]]
    return merged
