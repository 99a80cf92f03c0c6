"""docs/acceptance.md: what is said once, around tables that are made anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.acceptance.world import MIXES

if TYPE_CHECKING:
    from bench.acceptance.measures import Results

TEXT = Path(__file__).with_suffix(".md")
SINGLE_RULES = ("ours", "fixed paired test", "PACE", "greedy", "leeway (DGM)", "overlap (SICA)", "best belief (HGM)")


def page(got: Results) -> str:
    """Return the whole page: `page.md` with its tables."""
    text = TEXT.read_text("utf-8")
    tables = {"one": _one, "sizes": _sizes, "null": _null, "shared": _shared, "long": _long}
    for name, table in tables.items():
        text = text.replace("{" + name + "}", "\n".join(table(got)).strip())
    return text


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [*("| " + " | ".join(map(str, line)) + " |" for line in lines), ""]


def _one(got: Results) -> list[str]:
    rows = [
        [rule, *(f"{one.rate(rule).promoted:.3f}" for one in (got.idle, got.better)),
         *(f"{one.rate(rule).trials:.2f}" for one in (got.idle, got.better))]
        for rule in SINGLE_RULES
    ]  # fmt: skip
    return _table(["rule", "promotes what is idle", "promotes +10 points", "trials, idle", "trials, better"], rows)


def _sizes(got: Results) -> list[str]:
    by_gain = {(one.tasks, one.repeats, one.gain): one for one in got.cells}
    rows = []
    for tasks, repeats in dict.fromkeys((one.tasks, one.repeats) for one in got.cells):
        idle, five, ten = (by_gain[tasks, repeats, gain] for gain in (0.0, 5.0, 10.0))
        rates = [
            " / ".join(f"{one.rate(rule).promoted:.2f}" for one in (idle, five, ten))
            for rule in ("ours", "fixed paired test", "PACE", "greedy")
        ]
        foretold = " / ".join(f"{got.forecasts[tasks, repeats, gain]:.2f}" for gain in (5.0, 10.0))
        trials = f"{idle.rate('ours').trials:.2f} / {ten.rate('ours').trials:.2f}"
        rows.append([tasks, repeats, *rates, foretold, trials])
    return _table(
        ["tasks", "repeats", "ours", "fixed", "PACE", "greedy", "foretold +5 / +10", "trials, idle / +10"], rows
    )


def _null(got: Results) -> list[str]:
    rows = [
        [one.runs, one.candidates, f"{one.fooled[0]:.3f} ({one.fooled[1]:.3f} to {one.fooled[2]:.3f})",
         f"{one.greedy:.0f}", f"{one.luckiest:.1f}", f"{one.trials:.2f}"]
        for one in (got.runs_80, got.run_400)
    ]  # fmt: skip
    return _table(
        [
            "runs",
            "candidates",
            "runs with a false promotion",
            "greedy, in each run",
            "luckiest looks better by",
            "trials",
        ],
        rows,
    )


def _shared(got: Results) -> list[str]:
    mixes = list(dict.fromkeys(one.mix for one in got.shared))
    rows = []
    for scheme in dict.fromkeys(one.scheme for one in got.shared):
        ones = {one.mix: one for one in got.shared if one.scheme == scheme}
        rows.append([scheme, *(f"{ones[mix].false[0]:.3f} / {ones[mix].found:.2f}" for mix in mixes)])
    return _table(["scheme", *mixes], rows)


def _long(got: Results) -> list[str]:
    lines = []
    for mix in MIXES:
        share = f"{mix.better:.0%} better by about {mix.up:g} points, {mix.worse:.0%} worse by about {mix.down:g}"
        lines += [f"**{mix.name.capitalize()}** ({share})", ""]
        lines += _table(
            ["rule", "gain kept, points", "against our growing patch", "runs with a false promotion",
             "better / idle or worse steps kept", "trials"],
            [
                [one.rule, f"{one.gain:.1f} ± {1.96 * one.error:.1f}",
                 f"{one.behind:+.1f} ± {1.96 * one.behind_error:.1f}", f"{one.fooled:.0%}",
                 f"{one.right:.1f} / {one.wrong:.1f}", f"{one.trials:.2f}"]
                for one in got.long
                if one.mix == mix
            ],
        )  # fmt: skip
    return lines
