"""SEARCH/REPLACE blocks: the form in which a model writes an edit.

<<<<<<< SEARCH
lines that are in the file
=======
lines to put there
>>>>>>> REPLACE
"""

from dataclasses import dataclass

from scaffold.refused import Refused

OPEN, DIVIDER, CLOSE = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"


@dataclass(frozen=True)
class Block:
    """One replacement: the lines to find and the lines to put there, without line ends."""

    search: tuple[str, ...]
    replace: tuple[str, ...]


def parse_blocks(edit: str) -> list[Block]:
    """Read the blocks of an edit; what stands between blocks is talk and is ignored."""
    blocks: list[Block] = []
    inside: list[str] | None = None
    search: list[str] = []
    last = CLOSE
    for line in edit.replace("\r\n", "\n").split("\n"):
        mark = line.rstrip()
        if mark in (OPEN, DIVIDER, CLOSE) and (inside is not None or mark == OPEN):
            if (last, mark) not in ((CLOSE, OPEN), (OPEN, DIVIDER), (DIVIDER, CLOSE)):
                raise Refused(f"the line {mark!r} is in the wrong place of a block")
            if mark == DIVIDER:
                search = inside or []
            elif mark == CLOSE:
                blocks.append(Block(tuple(search), tuple(inside or ())))
            inside = None if mark == CLOSE else []
            last = mark
        elif inside is not None:
            inside.append(line)
    if inside is not None or not blocks:
        raise Refused("the edit holds no complete block")
    return blocks
