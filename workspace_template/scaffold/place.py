"""Find where quoted lines stand in a file, although the quote may be careless about white space or leave lines out."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from scaffold.layout import columns
from scaffold.refused import Refused

Lines = Sequence[str]

_ELISION = re.compile(r"\s*(?:#\s*)?\.\.\.\s*")


def literal(line: str) -> str:
    """Return the line without the carriage return that may end it."""
    return line.removesuffix("\r")


# From strict to lenient: a quoted line matches a line of the file when their forms are equal.
FORMS: tuple[Callable[[str], str], ...] = (literal, str.rstrip, str.strip)


@dataclass(frozen=True)
class Place:
    """Where a quote stands: the first line of each piece (from 0), the form that fits, the columns the quote lacks."""

    starts: tuple[int, ...]
    form: Callable[[str], str]
    shift: int


@dataclass(frozen=True)
class Quote:
    """Lines cut at each `...` that stands alone, and the column of each `...`."""

    pieces: tuple[Lines, ...]
    elisions: tuple[int, ...] = ()


def split_at_elisions(lines: Lines) -> Quote:
    """Cut lines at each `...` (or `# ...`) that stands alone."""
    marks = [number for number, line in enumerate(lines) if _ELISION.fullmatch(line)]
    starts = [0, *(mark + 1 for mark in marks)]
    pieces = tuple(lines[start:end] for start, end in zip(starts, [*marks, len(lines)], strict=True))
    return Quote(pieces, tuple(columns(lines[mark]) for mark in marks))


def only_place(lines: Lines, quote: Quote) -> Place | None:
    """Return the one place that the strictest fitting form finds, None when none does; raise when it finds several."""
    for form in FORMS:
        places = _Reading(lines, form).places(quote)
        if len(places) > 1:
            numbers = ", ".join(str(place.starts[0] + 1) for place in places[:5])
            raise Refused(f"SEARCH fits {len(places)} places (lines {numbers}); quote more lines to tell them apart")
        if places:
            return places[0]
    return None


def nearest(lines: Lines, quoted: Lines) -> str:
    """Say where the longest run of quoted lines stands in the file, for a refusal that helps."""
    file, quote = [line.strip() for line in lines], [line.strip() for line in quoted]
    run = SequenceMatcher(None, file, quote, autojunk=False).find_longest_match()
    if not any(file[run.a : run.a + run.size]):
        return "nothing in the file is like it"
    return f"nearest are lines {run.a + 1} to {run.a + run.size}, which hold {run.size} of its {len(quote)} lines"


class _Reading:
    """A file read in one form."""

    def __init__(self, lines: Lines, form: Callable[[str], str]) -> None:
        self._lines = lines
        self._form = form
        self._forms = [form(line) for line in lines]

    def places(self, quote: Quote) -> list[Place]:
        """Return every place where the pieces of the quote stand in order."""
        places = []
        for start, shift in self._fits(quote.pieces[0], 0, len(self._lines)):
            starts = self._follow(quote, start, shift)
            if len(starts) == len(quote.pieces):
                places.append(Place(starts, self._form, shift))
        return places

    def _follow(self, quote: Quote, start: int, shift: int) -> tuple[int, ...]:
        """Return the starts of the pieces, as far as they follow the first; raise when one may stand in two places."""
        starts = [start]
        for before, piece, column in zip(quote.pieces, quote.pieces[1:], quote.elisions, strict=False):
            first = starts[-1] + len(before)
            last = self._reach(first, column + shift)
            fits = [at for at, by in self._fits(piece, first, last + 1) if by == shift]
            if len(fits) > 1:
                raise Refused(f"the lines after '...' fit {len(fits)} places below line {first}")
            if not fits:
                break
            starts.append(fits[0])
        return tuple(starts)

    def _fits(self, piece: Lines, first: int, end: int) -> list[tuple[int, int]]:
        """Return where a piece stands with its first line in `first:end`, and by how many columns it is shifted."""
        wanted = [self._form(line) for line in piece]
        fits: list[tuple[int, int]] = []
        for start in range(first, min(end, len(self._lines) - len(piece) + 1)):
            if self._forms[start] == wanted[0] and self._forms[start : start + len(piece)] == wanted:
                pairs = zip(self._lines[start : start + len(piece)], piece, strict=True)
                shifts = {columns(line) - columns(quoted) for line, quoted in pairs if quoted.strip()}
                if len(shifts) <= 1:
                    fits.append((start, shifts.pop() if shifts else 0))
        return fits

    def _reach(self, first: int, column: int) -> int:
        """Return the first line from `first` on that a `...` at this column cannot stand for: one further left."""
        for number in range(first, len(self._lines)):
            if self._lines[number].strip() and columns(self._lines[number]) < column:
                return number
        return len(self._lines)
