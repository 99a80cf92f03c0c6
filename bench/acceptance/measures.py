"""The measures of acceptance, and the page that shows all that was simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from agent.evaluate.plan import Plan
from agent.evaluate.power import Noise, chance
from agent.evaluate.sequential import Paired, SequentialTest
from bench.acceptance import archives, budgets, grown, long_runs, null_runs, ours, single
from bench.acceptance.long_runs import CANDIDATES, TASKS, TRIALS, Kept
from bench.acceptance.page import page
from bench.acceptance.world import FAMILY, MIXES, Mix, Stream, own_shifts, run_pairs, shift_for, stream, tasks_of
from bench.measure import Measure

PAGE = Path(__file__).parents[2] / "docs" / "acceptance.md"
RUNS = 1_000
"""Long runs of each rule on each mix of candidates."""
AUDITED = 150
NOISE = Noise(369_000, 60_000)
"""What the simulated trials are like; see `power`."""

RULES: dict[str, Callable[[Stream, int], Kept]] = {
    "greedy": long_runs.greedy,
    "PACE": long_runs.pace,
    "DGM": archives.dgm,
    "SICA": archives.sica,
    "HGM": archives.hgm,
    "ours, one by one": long_runs.successor,
    "ours, a growing patch": grown.grown,
}
OURS = "ours, a growing patch"


@dataclass(frozen=True, slots=True)
class Long:
    """How one rule did in many long runs."""

    mix: Mix
    rule: str
    gain: float
    error: float
    """Standard error of `gain`."""
    behind: float
    """Gain less that of our growing patch on the same candidates, and its standard error."""
    behind_error: float
    fooled: float
    """Share of runs with a false promotion."""
    wrong: float
    right: float
    trials: float


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was simulated."""

    idle: single.Cell
    better: single.Cell
    cells: Sequence[single.Cell]
    forecasts: dict[tuple[int, int, float], float]
    run_400: null_runs.NullRuns
    runs_80: null_runs.NullRuns
    shared: Sequence[budgets.Shared]
    long: Sequence[Long]
    differs: int


@cache
def results() -> Results:
    """Simulate everything, once."""
    cells = single.table()
    return Results(
        idle=single.cell(60, 3, 0.0, single.MANY_RUNS),
        better=single.cell(60, 3, 10.0, single.MANY_RUNS),
        cells=cells,
        forecasts={(each.tasks, each.repeats, each.gain): _forecast(each) for each in cells},
        run_400=null_runs.simulate(1_000, 400, 5),
        runs_80=null_runs.simulate(1_000, 80, 4),
        shared=budgets.table(),
        long=[one for mix in MIXES for one in _long(mix)],
        differs=_differs(),
    )


def _forecast(cell: single.Cell) -> float:
    plan = Plan(
        {f"t{n:03}": f"f{n // FAMILY:03}" for n in range(cell.tasks)}, cell.repeats, single.ALPHA_PPB, 1,
        single.steps_of(cell.repeats) if cell.repeats > 1 else (1.0,),
    )  # fmt: skip
    return chance(plan, NOISE, cell.gain * 10_000)


def _long(mix: Mix) -> list[Long]:
    candidates = stream(mix, RUNS, CANDIDATES, TASKS, seed=11)
    kept = {name: rule(candidates, 12) for name, rule in RULES.items()}
    reference = candidates.gain(kept[OURS].odds)
    found = []
    for name, one in kept.items():
        gain = candidates.gain(one.odds)
        behind = gain - reference
        found.append(
            Long(
                mix, name, float(gain.mean()), _error(gain), float(behind.mean()), _error(behind),
                float(np.mean(one.false_promotions > 0)), float(one.wrong.mean()), float(one.right.mean()),
                float(one.trials.mean() / TRIALS),
            )
        )  # fmt: skip
    return found


def _error(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(values.std() / np.sqrt(len(values)))


def _differs() -> int:
    """Count the comparisons that the simulation decides otherwise than the product does."""
    random = np.random.default_rng(3)
    parent = tasks_of(random, AUDITED, TASKS)
    candidate = parent + shift_for(7) + own_shifts(random, AUDITED, TASKS, 0.4)
    parents, candidates = (np.zeros((AUDITED, TASKS, 3), dtype=np.int64) for _ in range(2))
    looks = run_pairs(random, parent, candidate, (1, 2, 3))
    for side, name in ((parents, "parent"), (candidates, "candidate")):
        solved = np.stack([getattr(look, name) for look in looks], axis=2)
        side[:] = np.diff(solved, axis=2, prepend=0)
    promoted, taken = ours.decide(looks, np.full(AUDITED, single.ALPHA_PPB))
    plan = Plan({f"t{n:03}": f"f{n // FAMILY:03}" for n in range(TASKS)}, 3, single.ALPHA_PPB, 1)
    differs = 0
    for row in range(AUDITED):
        trials = {
            f"t{n:03}": Paired(*(tuple(int(x) * 1_000_000 for x in side[row, n]) for side in (parents, candidates)))
            for n in range(TASKS)
        }
        last = SequentialTest.resume(plan, trials).looks[-1]
        differs += (last.decision == "promote", last.number) != (promoted[row], taken[row])
    return differs


def measures() -> list[Measure]:
    """The measures that the design names, each with what it is compared with."""
    got = results()
    greedy, fixed = got.idle.rate("greedy"), got.better.rate("fixed paired test")
    idle, better = got.idle.rate("ours"), got.better.rate("ours")
    rate, low, high = got.runs_80.fooled
    return [
        Measure(
            "acceptance.false_promotions_400", got.run_400.first, "promotions", "= 0",
            f"keeping a higher mean: {got.run_400.greedy:.0f}; "
            f"in {got.run_400.fooled[0]:.0%} of {got.run_400.runs} such runs there is one", 400,
        ),
        Measure(
            "acceptance.familywise", round(rate, 4), "of runs", "<= 0.05",
            f"stated alpha 0.05; 95 % interval {low:.3f} to {high:.3f}; 80 candidates a run", got.runs_80.runs,
        ),
        Measure(
            "acceptance.power_loss", round(fixed.promoted - better.promoted, 4), "", "<= 0.05",
            f"fixed paired test {fixed.promoted:.3f}, ours {better.promoted:.3f}; +10 points, 60 tasks x 3",
            got.better.runs,
        ),
        Measure(
            "acceptance.null_trials_share", round(idle.trials, 3), "ratio", "<= 0.62",
            f"fixed size; promoted {idle.promoted:.3f}, a higher mean {greedy.promoted:.3f}", got.idle.runs,
        ),
        Measure(
            "acceptance.better_trials_share", round(better.trials, 3), "ratio", "<= 0.8", "fixed size", got.better.runs,
        ),
        Measure(
            "acceptance.simulation_differs", got.differs, "decisions", "= 0",
            "the product on the same trials", AUDITED,
        ),
        *(_gain(got, mix) for mix in MIXES[1:]),
    ]  # fmt: skip


def _gain(got: Results, mix: Mix) -> Measure:
    """Our gain less that of the best other rule, at equal trials."""
    best = max(
        (one for one in got.long if one.mix == mix and not one.rule.startswith("ours")), key=lambda one: one.gain
    )
    mine = next(one for one in got.long if one.mix == mix and one.rule == OURS)
    against = (
        f"{best.rule} {best.gain:.1f}, ours {mine.gain:.1f}, error of the difference {best.behind_error:.1f}; "
        f"runs with a false promotion {best.fooled:.0%} and {mine.fooled:.0%}; trials 1 and {mine.trials:.2f}"
    )
    name = "acceptance.gain_over_best_rule." + mix.name.split()[0]
    return Measure(name, round(-best.behind, 2), "points", ">= 0", against, RUNS)


def write() -> None:
    """Make the page anew."""
    PAGE.write_text(page(results()), "utf-8")
