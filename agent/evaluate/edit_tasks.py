"""Make the tasks of the edit suite from real files: deterministic from the seed.

A solvable task has exactly one right result, because the noisy SEARCH fits one place only. An impossible one has none:
its SEARCH fits two places, or none, or contradicts the line it wants to change, or is cut off.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.evaluate.dice import Dice, draw, shuffled
from agent.evaluate.edit_noise import NUMBER, SOLVABLE, Lines, Noise, Spot, contradiction, render
from agent.evaluate.modules import Module

MIN_LINES = 30
MAX_BYTES = 24_000
TRIES_PER_FILE = 12
_ODD = re.compile(r"\.\.\.|^[<=>]{7}|[^\x20-\x7e]")
_ASSIGNED = re.compile(r"^\s+([a-z_]\w*) = ")
_RETURN = re.compile(r"^(\s+)return (\S.*)$")

SCHEDULE = (
    *("clean", "trailing_space", "blank_edges", "lost_indentation", "added_indentation", "elided", "stale_context"),
    *("two_blocks", "elided", "stale_context", "lost_indentation"),
    *("ambiguous", "missing", "contradiction", "half_missing", "cut_off"),
)
"""Kinds in the order in which tasks are made; 5 of 16 are impossible."""


@dataclass(frozen=True, slots=True)
class EditTask:
    """One edit to one file. `expected` is the only right result, or `None` when only a refusal is right."""

    id: str
    family: str
    kind: str
    path: str
    content: str
    edit: str
    expected: str | None


def make_tasks(modules: Sequence[Module], count: int, seed: int) -> tuple[EditTask, ...]:
    """Return up to `count` tasks over these modules, ordered by ID; fewer only if the modules do not give more."""
    usable = [module for module in modules if _usable(module)]
    streams = {kind: _stream(kind, usable, seed) for kind in dict.fromkeys(SCHEDULE)}
    made: dict[str, EditTask] = {}
    for number in range(count):
        task = next(streams[SCHEDULE[number % len(SCHEDULE)]], None)
        if task is not None:
            made[task.id] = task
    return tuple(sorted(made.values(), key=lambda task: task.id))


def _stream(kind: str, modules: Sequence[Module], seed: int) -> Iterator[EditTask]:
    """Yield tasks of one kind: one from each file in a seeded order, then a second round, and so on."""
    make = MAKERS[kind]
    for turn in range(8):
        order = shuffled(modules, seed, kind, str(turn))
        for index, module in enumerate(order):
            dice = Dice(seed, kind, str(turn), module.path)
            lines = tuple(module.stripped.decode().split("\n"))
            made = make(lines, dice, order[index - 1])
            if made is not None:
                edit, expected = made
                content = "\n".join(lines)
                name = draw(0, module.path, content, edit).hex()[:16]
                yield EditTask("e" + name, module.family, kind, module.path, content, edit, expected)


Made = tuple[str, str | None]
"""The edit, and the right result."""
Maker = Callable[[Lines, Dice, Module], Made | None]


def _solvable(noise: Noise) -> Maker:
    def make(lines: Lines, dice: Dice, other: Module) -> Made | None:  # noqa: ARG001  # the signature of all makers
        for _ in range(TRIES_PER_FILE):
            spot = find_spot(lines, dice)
            sides = noise(spot, dice) if spot is not None and stands_alone(lines, spot) else None
            result = apply_spots(lines, (spot,)) if spot is not None and sides is not None else None
            if sides is not None and result is not None:
                return render(*sides), result
        return None

    return make


def _two_blocks(lines: Lines, dice: Dice, other: Module) -> Made | None:  # noqa: ARG001  # the signature of all makers
    for _ in range(TRIES_PER_FILE):
        spots = [spot for spot in (find_spot(lines, dice), find_spot(lines, dice)) if spot is not None]
        spots.sort(key=lambda spot: spot.start)
        if len(spots) < 2 or spots[0].end >= spots[1].start or not all(stands_alone(lines, spot) for spot in spots):
            continue
        result = apply_spots(lines, spots)
        if result is not None:
            blocks = [render(spot.before, spot.after) for spot in spots]
            return "\n".join(reversed(blocks) if dice.below(2) else blocks), result
    return None


def _ambiguous(lines: Lines, dice: Dice, other: Module) -> Made | None:  # noqa: ARG001  # the signature of all makers
    for _ in range(TRIES_PER_FILE * 4):
        spot = find_spot(lines, dice, shortest=1, longest=3)
        if spot is not None and len(exact_places(lines, spot.before)) > 1 and sum(map(len, spot.before)) > 12:
            return render(spot.before, spot.after), None
    return None


def _foreign(lines: Lines, dice: Dice, other: Module) -> Spot | None:
    """A spot of another file of which this one holds next to nothing."""
    here = {line.strip() for line in lines}
    for _ in range(TRIES_PER_FILE):
        spot = find_spot(tuple(other.stripped.decode().split("\n")), dice)
        if spot is not None and sum(line.strip() in here for line in spot.before) <= len(spot.before) // 4:
            return spot
    return None


def _missing(lines: Lines, dice: Dice, other: Module) -> Made | None:
    spot = _foreign(lines, dice, other)
    return (render(spot.before, spot.after), None) if spot is not None else None


def _half_missing(lines: Lines, dice: Dice, other: Module) -> Made | None:
    """One block that fits and one that does not: half an edit is not an edit."""
    spot, foreign = find_spot(lines, dice), _foreign(lines, dice, other)
    if spot is None or foreign is None or not stands_alone(lines, spot):
        return None
    blocks = [render(spot.before, spot.after), render(foreign.before, foreign.after)]
    return "\n".join(reversed(blocks) if dice.below(2) else blocks), None


def _contradiction(lines: Lines, dice: Dice, other: Module) -> Made | None:  # noqa: ARG001  # the signature of all
    for _ in range(TRIES_PER_FILE * 2):
        spot = find_spot(lines, dice)
        sides = contradiction(spot, dice) if spot is not None and stands_alone(lines, spot) else None
        if sides is not None:
            return render(*sides), None
    return None


def _cut_off(lines: Lines, dice: Dice, other: Module) -> Made | None:  # noqa: ARG001  # the signature of all makers
    """The answer ended in the middle of the REPLACE side."""
    spot = find_spot(lines, dice)
    if spot is None or len(spot.after) < 3:
        return None
    whole = render(spot.before, spot.after).split("\n")
    return "\n".join(whole[: -2 - dice.below(2)]), None


MAKERS: dict[str, Maker] = {
    **{kind: _solvable(noise) for kind, noise in SOLVABLE.items()},
    "two_blocks": _two_blocks,
    "ambiguous": _ambiguous,
    "missing": _missing,
    "contradiction": _contradiction,
    "half_missing": _half_missing,
    "cut_off": _cut_off,
}


def find_spot(lines: Lines, dice: Dice, *, shortest: int = 4, longest: int = 9) -> Spot | None:
    """Draw a run of lines and a change to one of them; `None` when the draw is no good."""
    length = shortest + dice.below(longest - shortest + 1)
    if len(lines) <= length:
        return None
    start = dice.below(len(lines) - length)
    before = lines[start : start + length]
    if not before[0].strip() or not before[-1].strip() or any(_ODD.search(line) for line in before):
        return None
    at = dice.below(length)
    instead = change(before[at], dice)
    return Spot(start, before, at, instead) if instead is not None and instead != (before[at],) else None


def change(line: str, dice: Dice) -> Lines | None:
    """Return what a small edit makes of a line, or `None` when it has no handle for one."""
    options: list[Lines] = []
    number, assigned, returned = NUMBER.search(line), _ASSIGNED.match(line), _RETURN.match(line)
    indentation = line[: len(line) - len(line.lstrip(" "))]
    if number is not None:
        options.append((line[: number.start()] + str(int(number.group()) + 1) + line[number.end() :],))
    if assigned is not None:
        options += [(line, f"{indentation}assert {assigned.group(1)} is not None"), ()]
    if returned is not None:
        options.append((f"{indentation}result = {returned.group(2)}", f"{indentation}return result"))
    if line.lstrip().startswith("if ") and line.endswith(":"):
        options.append((f"{indentation}if not ({line.strip()[3:-1]}):",))
    return dice.pick(options) if options else None


def stands_alone(lines: Lines, spot: Spot) -> bool:
    """Whether nowhere else in the file even half of the spot's lines stand in the same order, white space aside."""
    here = [line.strip() for line in spot.before]
    bare = [line.strip() for line in lines]
    for start in range(len(lines) - len(here) + 1):
        alike = sum(a == b for a, b in zip(bare[start : start + len(here)], here, strict=True))
        if start != spot.start and 2 * alike >= len(here):
            return False
    # The ends must be findable by themselves too, because an elided block has nothing else.
    return len(exact_places(bare, here[:2])) == 1 and len(exact_places(bare, here[-2:])) == 1


def exact_places(lines: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return every index at which the wanted lines stand."""
    span = len(wanted)
    return [start for start in range(len(lines) - span + 1) if list(lines[start : start + span]) == list(wanted)]


def apply_spots(lines: Lines, spots: Sequence[Spot]) -> str | None:
    """Return the file with all spots changed, or `None` when that is not valid Python."""
    changed = list(lines)
    for spot in sorted(spots, key=lambda spot: -spot.start):
        changed[spot.start : spot.end] = spot.after
    result = "\n".join(changed)
    try:
        ast.parse(result)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return result


def _usable(module: Module) -> bool:
    content = module.stripped
    small = len(content) <= MAX_BYTES and content.count(b"\n") >= MIN_LINES
    return small and b"\r" not in content and b"\f" not in content and b"\t" not in content
