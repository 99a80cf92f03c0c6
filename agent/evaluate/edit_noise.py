"""How an edit that a model writes differs from the file it is meant for: one function for each kind of noise.

Each takes a spot (lines as they are, lines as they shall be) and returns the SEARCH and REPLACE lines that a model
might write, or `None` when the noise does not fit the spot. The kinds are those seen in the edits of models: white
space at the ends of lines, indentation lost or invented, lines left out behind an ellipsis, context remembered wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.evaluate.dice import Dice

Lines = tuple[str, ...]
Sides = tuple[Lines, Lines]

ELLIPSES = ("...", "# ...", "# ... existing code ...", "# ... (unchanged)")
_NAME = re.compile(r"\b[a-z_][a-z_0-9]{3,}\b")
NUMBER = re.compile(r"(?<![\w.])\d{1,4}(?![\w.])")
"""A whole number that stands alone."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A few lines of a file and what shall become of one of them."""

    start: int
    """Index of the first line in the file."""
    before: Lines
    at: int
    """Index in `before` of the line that changes."""
    instead: Lines
    """What stands in its place: no line, one or more."""

    @property
    def after(self) -> Lines:
        """The lines as they shall be."""
        return (*self.before[: self.at], *self.instead, *self.before[self.at + 1 :])

    @property
    def end(self) -> int:
        """Index of the first line behind the spot."""
        return self.start + len(self.before)


Noise = Callable[[Spot, Dice], Sides | None]


def clean(spot: Spot, dice: Dice) -> Sides | None:  # noqa: ARG001  # the signature of all kinds
    """Exactly what is in the file."""
    return spot.before, spot.after


def trailing_space(spot: Spot, dice: Dice) -> Sides | None:
    """White space at the ends of some SEARCH lines."""
    chosen = dice.below(len(spot.before))
    noisy = tuple(
        line + " " * (1 + dice.below(3)) if index == chosen or dice.below(3) == 0 else line
        for index, line in enumerate(spot.before)
    )
    return noisy, spot.after


def blank_edges(spot: Spot, dice: Dice) -> Sides | None:
    """Blank lines around both sides that the file does not have."""
    above, below = ((), ("",)) if dice.below(2) else (("",), ("",))
    return (*above, *spot.before, *below), (*above, *spot.after, *below)


def lost_indentation(spot: Spot, dice: Dice) -> Sides | None:  # noqa: ARG001  # the signature of all kinds
    """The whole block moved to the left margin."""
    width = _common_indentation(spot.before + spot.after)
    if width == 0:
        return None
    return tuple(line[width:] for line in spot.before), tuple(line[width:] for line in spot.after)


def added_indentation(spot: Spot, dice: Dice) -> Sides | None:
    """The whole block moved to the right."""
    pad = " " * (2, 4, 8)[dice.below(3)]
    before, after = (tuple(pad + line if line.strip() else line for line in side) for side in (spot.before, spot.after))
    return before, after


def elided(spot: Spot, dice: Dice) -> Sides | None:
    """The middle left out on both sides behind an ellipsis; the change is near an end."""
    keep = 2
    if len(spot.before) < 2 * keep + 2 or keep <= spot.at < len(spot.before) - keep:
        return None
    middle = spot.before[keep:-keep]
    mark = " " * _common_indentation(middle) + dice.pick(ELLIPSES)
    tail = len(spot.before) - keep
    if spot.at < keep:
        grown = len(spot.instead) - 1
        return _around(spot.before, keep, tail, mark), _around(spot.after, keep + grown, tail + grown, mark)
    return _around(spot.before, keep, tail, mark), _around(spot.after, keep, tail, mark)


def stale_context(spot: Spot, dice: Dice) -> Sides | None:
    """A line beside the change remembered wrongly, and left as remembered on both sides."""
    others = [index for index in range(len(spot.before)) if index != spot.at and _NAME.search(spot.before[index])]
    if len(spot.before) < 5 or not others:
        return None
    wrong_at = dice.pick(others)
    line = spot.before[wrong_at]
    name = dice.pick(_NAME.findall(line))
    wrong = line.replace(name, dice.pick((f"old_{name}", f"{name}_", f"{name}s")), 1)
    remembered = Spot(spot.start, (*spot.before[:wrong_at], wrong, *spot.before[wrong_at + 1 :]), spot.at, spot.instead)
    return remembered.before, remembered.after


def contradiction(spot: Spot, dice: Dice) -> Sides | None:
    """The very line to be changed holds another number than the model believes: whatever is written is a guess."""
    line = spot.before[spot.at]
    number = NUMBER.search(line)
    if number is None:
        return None
    believed, wanted = (str(int(number.group()) + step) for step in (2 + dice.below(5), 20 + dice.below(50)))
    lines = [line[: number.start()] + value + line[number.end() :] for value in (believed, wanted)]
    before, after = ((*spot.before[: spot.at], new, *spot.before[spot.at + 1 :]) for new in lines)
    return before, after


SOLVABLE: Mapping[str, Noise] = MappingProxyType(
    {
        "clean": clean,
        "trailing_space": trailing_space,
        "blank_edges": blank_edges,
        "lost_indentation": lost_indentation,
        "added_indentation": added_indentation,
        "elided": elided,
        "stale_context": stale_context,
    }
)


def render(search: Lines, replace: Lines) -> str:
    """Return one block as a model writes it."""
    return "\n".join(("<<<<<<< SEARCH", *search, "=======", *replace, ">>>>>>> REPLACE"))


def _around(lines: Lines, head: int, tail: int, mark: str) -> Lines:
    return (*lines[:head], mark, *lines[tail:])


def _common_indentation(lines: Lines) -> int:
    widths = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    return min(widths, default=0)
