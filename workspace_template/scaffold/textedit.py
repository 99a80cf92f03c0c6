"""Apply SEARCH/REPLACE blocks to a text: exactly, or not at all.

A model quotes a file from memory, so SEARCH is first taken literally, then with ever less respect for white space, and
last with `...` standing for lines it left out. The first of these that fits must fit exactly one place: no place is
stale, two are ambiguous, and both are refused, because a wrong file costs more than another try. A line that the block
does not change keeps the file's own bytes, whatever the model made of its white space.
"""

from difflib import SequenceMatcher

from scaffold.blocks import Block, parse_blocks
from scaffold.layout import columns, parse, shifted, uses_crlf, uses_tabs
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
    tabs, end = uses_tabs(lines), "\r" if uses_crlf(content) else ""
    shift = _shift_of_replace(search, replace, place.shift)
    for start, old, new in reversed(list(zip(place.starts, search.pieces, replace.pieces, strict=True))):
        span = slice(start, start + len(old))
        written = _in_layout(new, place, shift, tabs)
        lines[span] = _merged(lines[span], _in_layout(old, place, place.shift, tabs), written, end)
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


def _shift_of_replace(search: Quote, replace: Quote, shift: int) -> int:
    """Return the columns that REPLACE lacks: as many as SEARCH, or none when it alone is laid out as the file is."""
    old = [line for piece in search.pieces for line in piece if line.strip()]
    new = [line for piece in replace.pieces for line in piece if line.strip()]
    before = {line.strip(): columns(line) for line in old}
    moved = [columns(line) - before[line.strip()] for line in new if line.strip() in before]
    mostly = max(moved, key=moved.count, default=None)
    right = mostly == shift and min(map(columns, new)) == min(map(columns, old)) + shift
    return 0 if right else shift


def _in_layout(quoted: Lines, place: Place, shift: int, tabs: bool) -> list[str]:
    """Return quoted lines as the file would have them: as they stand after a literal match, else in its layout."""
    if place.form is literal:
        return list(quoted)
    if place.form is str.rstrip:
        return [line.rstrip() for line in quoted]
    return [shifted(line, shift, tabs) for line in quoted]


def _merged(kept: Lines, old: Lines, new: Lines, end: str) -> list[str]:
    """Return the new lines; those that are old ones too are taken from the file (`kept`), byte for byte."""
    merged: list[str] = []
    for tag, first, last, new_first, new_last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        merged += kept[first:last] if tag == "equal" else [line + end for line in new[new_first:new_last]]
    return merged
