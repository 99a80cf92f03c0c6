"""The search: it finds what is there, nothing where nothing is, within its budget, and the same thing every time."""

import time

import pytest

from agent.propose.codemod import Codemod, Plan
from agent.propose.finish import Finish, accepted_from
from agent.propose.genome import grow
from agent.propose.ledger import Ledger
from agent.propose.mutations import Kind, Mutation
from agent.propose.pools import Pools
from agent.propose.proposer import Brief
from agent.propose.toy import ToyBench, named_values, peaks

KNOBS = '''"""A scaffold with four knobs that matter, one that does not, and code around them."""

from typing import Literal

UNUSED = 7


def low(word: str) -> str:
    return word.lower()


def high(word: str) -> str:
    return word.upper()


TABLE = {"low": low, "high": high}


def search(
    words,
    mode: Literal["whole", "parts", "both"] = "whole",
    weight: float = 1.0,
    size: int = 3,
    fast: bool = False,
):
    found = [low(word) for word in words if len(word) > 2]
    return found[:size] if fast else found
'''
BEST = {"mode": "both", "weight": 4.0, "size": 12, "fast": True}
PATH = "mind/knobs.py"


@pytest.fixture
def base(tree_of):
    return tree_of({PATH: KNOBS, "kept.toml": "x = 1\n", "mind/kept/judge.py": "SCORE = 1.0\n"})


@pytest.fixture
def brief(zones):
    def brief(**change):
        fields = {"objective": "be better", "objective_suite": "toy", "editable": zones, "max_changed_lines": 60}
        return Brief(**(fields | {"seed": 0, "trial_budget": 10_000} | change))

    return brief


def run(base, brief, bench, checkpoint=lambda: None, plan=None):
    return Codemod(plan).propose(base, brief, bench, checkpoint, lambda _: None)


def values(proposal):
    return named_values(proposal.tree[PATH].content)


def smooth(noise=0, **options):
    return ToyBench(PATH, peaks(BEST, noise=noise), required=sorted(BEST), **options)


def height(proposal):
    """How far a proposal is up the landscape, from 0 for the base to 1 for the top."""
    landscape = peaks(BEST)
    start = landscape(named_values(KNOBS.encode()), "any")
    return (landscape(values(proposal), "any") - start) / (landscape(BEST, "any") - start)


@pytest.mark.parametrize("seed", range(2))
def test_the_search_climbs_to_the_top_of_a_smooth_landscape(base, brief, seed):
    proposal = run(base, brief(seed=seed, trial_budget=100_000), smooth(), plan=Plan(trees=180, patience=8))
    assert (values(proposal)["mode"], values(proposal)["fast"]) == ("both", True)
    assert height(proposal) > 0.85


@pytest.mark.parametrize("seed", range(3))
def test_the_search_finds_a_true_gain_under_noise(base, brief, seed):
    proposal = run(base, brief(seed=seed, trial_budget=20_000), smooth(noise=150_000, tasks=200))
    assert values(proposal)["mode"] == "both"
    assert height(proposal) > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_proposed_where_nothing_matters(base, brief, seed):
    assert run(base, brief(seed=seed), ToyBench(PATH, lambda values, task: 500_000)) is None


def test_pure_noise_is_hardly_ever_proposed(base, brief):
    noisy = peaks({}, noise=500_000)
    proposed = [run(base, brief(seed=seed), ToyBench(PATH, noisy, tasks=80)) is not None for seed in range(8)]
    assert sum(proposed) <= 1


def test_the_base_at_the_optimum_is_left_alone(base, brief, tree_of):
    best = KNOBS.replace('"whole", "parts", "both"] = "whole"', '"whole", "parts", "both"] = "both"')
    best = best.replace("= 1.0", "= 4.0").replace("= 3", "= 12").replace("bool = False", "bool = True")
    assert run(tree_of({PATH: best}), brief(), smooth()) is None


def test_a_proposal_holds_no_edit_that_carries_nothing(base, brief):
    """`UNUSED` is as easy to change as the others, and the search does change it on the way."""
    proposal = run(base, brief(seed=1), ToyBench(PATH, peaks({"mode": "both"}), required=["mode"]))
    changed = {name for name, value in values(proposal).items() if value != named_values(KNOBS.encode())[name]}
    assert changed == {"mode"}
    assert proposal.tree[PATH].content.decode() == KNOBS.replace('"both"] = "whole"', '"both"] = "both"')


def test_only_the_mind_is_changed(base, brief):
    proposal = run(base, brief(), smooth())
    assert {path for path in base if base[path] != proposal.tree[path]} == {PATH}
    assert base.keys() == proposal.tree.keys()


@pytest.mark.parametrize("budget", [0, 50, 79, 80, 500, 2_000, 2_345])
def test_the_trial_budget_is_never_exceeded(base, brief, budget):
    bench = smooth()
    proposal = run(base, brief(trial_budget=budget), bench)
    asked = sum(len(tasks) for _, tasks in bench.asked)
    assert asked <= budget
    assert proposal is None or proposal.search_trials == asked


def test_seconds_are_planned_as_a_number_of_trees_and_never_measured(base, brief, monkeypatch):
    def clock():
        raise AssertionError("the search looked at a clock")

    for name in ("time", "monotonic", "perf_counter", "process_time"):
        monkeypatch.setattr(time, name, clock)
    bench = smooth()
    run(base, brief(seconds_budget=20), bench, plan=Plan(seconds_per_tree=0.5))
    assert 20 < len({tree for tree, _ in bench.asked}) <= 40


def test_a_small_budget_of_trials_is_spent_on_fewer_tasks(base, brief):
    bench = smooth()
    run(base, brief(trial_budget=600), bench)
    assert len({task for _, tasks in bench.asked for task in tasks}) == 20
    assert len({tree for tree, _ in bench.asked}) > 20


def test_the_same_seed_gives_the_same_questions_and_the_same_proposal(base, brief):
    first, second = smooth(noise=50_000), smooth(noise=50_000)
    assert run(base, brief(seed=5), first) == run(base, brief(seed=5), second)
    assert first.asked == second.asked


def test_another_seed_asks_other_questions(base, brief):
    first, second = smooth(), smooth()
    run(base, brief(seed=5), first)
    run(base, brief(seed=6), second)
    assert first.asked != second.asked


def test_the_number_of_workers_changes_nothing(base, brief):
    class Uneven(ToyBench):
        """Finishes trees in an order that has nothing to do with the order in which they were asked."""

        def _score(self, tree, tasks):
            time.sleep(int(tree.digest[-1], 16) / 20_000)
            return super()._score(tree, tasks)

    benches = [Uneven(PATH, peaks(BEST, noise=50_000), workers=workers) for workers in (1, 4)]
    first, second = (run(base, brief(seed=2), bench) for bench in benches)
    assert first == second is not None
    assert benches[0].asked == benches[1].asked


def test_one_proposer_gives_the_same_proposal_twice(base, brief):
    proposer = Codemod()
    twice = [proposer.propose(base, brief(), smooth(), lambda: None, lambda _: None) for _ in range(2)]
    assert twice[0] == twice[1] is not None


@pytest.mark.parametrize("stop_at", [1, 2, 5])
def test_what_the_checkpoint_raises_goes_through_untouched(base, brief, stop_at):
    class Halt(Exception):
        pass

    calls = []

    def checkpoint():
        calls.append(1)
        if len(calls) == stop_at:
            raise Halt

    with pytest.raises(Halt):
        run(base, brief(), smooth(), checkpoint)
    assert len(calls) == stop_at


def test_a_base_that_does_not_run_is_not_improved_upon(tree_of, brief):
    assert run(tree_of({PATH: "X = 1\n"}), brief(), smooth()) is None


def test_a_mind_without_anything_to_mutate_ends_the_search(tree_of, brief):
    assert run(tree_of({PATH: '"""Nothing."""\n'}), brief(), ToyBench(PATH, lambda values, task: 1)) is None


def test_mutants_that_crash_are_dropped(base, brief):
    class Fragile(ToyBench):
        def _score(self, tree, tasks):
            return None if b"size: int = 3" not in tree[PATH].content else super()._score(tree, tasks)

    found = values(run(base, brief(), Fragile(PATH, peaks(BEST))))
    assert found["size"] == 3
    assert found["mode"] == "both"


@pytest.mark.parametrize("most", [2, 4])
def test_a_proposal_holds_no_more_changed_lines_than_the_brief_allows(base, brief, most):
    proposal = run(base, brief(max_changed_lines=most), smooth())
    old, new = KNOBS.splitlines(), proposal.tree[PATH].content.decode().splitlines()
    assert len(set(old) - set(new)) + len(set(new) - set(old)) <= most


def test_nothing_fits_into_no_changed_lines(base, brief):
    bench = smooth()
    assert run(base, brief(max_changed_lines=0), bench) is None
    assert {tree for tree, _ in bench.asked} == {base.digest}


def test_the_rationale_has_one_line_for_each_edit_and_the_counts_are_those_of_the_bench(base, brief):
    bench = smooth()
    proposal = run(base, brief(), bench)
    lines = proposal.rationale.splitlines()
    assert lines[0].startswith(f"{len(lines) - 1} edits found by search")
    assert all(line.startswith(f"- {PATH}::search ") for line in lines[1:])
    assert proposal.candidates_tried == len({tree for tree, _ in bench.asked}) - 1
    assert proposal.search_trials == sum(len(tasks) for _, tasks in bench.asked)


def test_the_finalists_are_scored_on_tasks_that_chose_nothing(base, brief):
    """The fresh half of the tasks is asked of the base and of few trees at the end, never of the many on the way."""
    bench = smooth(tasks=80)
    run(base, brief(), bench)
    race = {task for _, tasks in bench.asked[1:9] for task in tasks} | next(
        set(tasks) for _, tasks in bench.asked[9:] if len(tasks) == 24
    )
    every = {tree for tree, tasks in bench.asked if set(tasks) - race}
    assert len(bench.asked[0][1]) == 80
    assert len(race) == 40
    assert len(every) < 20 < len({tree for tree, _ in bench.asked})


def test_a_gain_on_the_tasks_of_the_search_that_fresh_tasks_do_not_confirm_is_not_proposed(base, brief):
    """The winner's curse in the flesh: the landscape rewards a change on exactly the tasks that choose."""
    probe = smooth(tasks=80)
    run(base, brief(), probe)
    chosen = {task for _, tasks in probe.asked[1:9] for task in tasks}
    chosen |= next(set(tasks) for _, tasks in probe.asked[9:] if not set(tasks) & chosen)
    assert len(chosen) == 40
    overfit = ToyBench(PATH, lambda values, task: 600_000 * (values["mode"] != "whole") * (task in chosen), tasks=80)
    assert run(base, brief(), overfit) is None


class Guarded(ToyBench):
    """A bench whose workspace has a test; `passes` says which values pass it."""

    def __init__(self, landscape, passes):
        super().__init__(PATH, landscape, required=["mode"])
        self.passes, self.tested = passes, []

    def sound(self, trees):
        self.tested += [tree.digest for tree in trees]
        return [self.passes(named_values(tree[PATH].content)) for tree in trees]


def test_what_breaks_a_test_of_the_workspace_is_not_proposed(base, brief):
    bench = Guarded(peaks(BEST), lambda values: values["mode"] != "both")
    found = values(run(base, brief(), bench))
    assert found["mode"] == "whole"
    assert found["fast"] is True
    assert len(bench.tested) == len(set(bench.tested)) < len({tree for tree, _ in bench.asked}) / 2


MODE = Mutation(Kind.ALTERNATIVE, PATH, "search", "string", '"whole"', '"both"', "mode")
SIZE = Mutation(Kind.DEFAULT, PATH, "search", "number", "3", "4", "size")


def settle(base, library, bench, edits, others=()):
    """What the end of a search makes of one genome, after `others` were scored as well."""
    tasks = bench.dev_tasks("toy")
    ledger = Ledger(bench, "toy", trials=100_000, trees=1_000, checkpoint=lambda: None)
    genome = grow(base, edits, library)
    ledger.score([base, genome.tree, *others], tasks)
    end = Finish(base, ledger, Pools((tasks[:20], tasks[:40]), tasks), library)
    outcome = end.settle([genome], lambda _: None)
    return named_values(outcome.tree[PATH].content) if outcome else None


@pytest.mark.parametrize("coupled", [False, True])
def test_an_edit_without_gain_stays_only_where_a_test_breaks_without_it(base, library, coupled):
    """The genome changes `mode`, which gains, and `size`, which does not; under `coupled` a test wants both or none."""
    passes = (lambda v: v["mode"] == "whole" or v["size"] == 4) if coupled else lambda _: True
    found = settle(base, library, Guarded(peaks({"mode": "both"}), passes), [MODE, SIZE])
    assert (found["mode"], found["size"]) == ("both", 4 if coupled else 3)


def gaining(gain):
    """A landscape in which the new mode gains `gain(number)` on the task of that number."""
    return lambda values, task: 500_000 + (values["mode"] == "both") * gain(int(task.removeprefix("task-")))


@pytest.mark.parametrize(("fresh", "proposed"), [(0, False), (2_000, False), (20_000, True)])
def test_a_gain_must_show_on_the_fresh_tasks_by_more_than_their_noise(base, library, fresh, proposed):
    """40 tasks chose, 20 are fresh; on those the gain swings by 20,000 to either side of `fresh`."""
    swings = gaining(lambda n: 100_000 if n < 40 else fresh + (20_000 if n % 2 else -20_000))
    assert (settle(base, library, ToyBench(PATH, swings), [MODE]) is not None) == proposed


@pytest.mark.parametrize(("others", "proposed"), [(0, True), (60, False)])
def test_the_same_gain_is_enough_for_the_only_candidate_and_too_little_for_the_best_of_many(
    base, library, tree_of, others, proposed
):
    """The gain is 2.4 standard errors."""
    swings = gaining(lambda n: 31_000 + (100_000 if n % 2 else -100_000))
    many = [tree_of({PATH: f"{KNOBS}OTHER = {n}\n"}) for n in range(others)]
    assert (settle(base, library, ToyBench(PATH, swings), [MODE], many) is not None) == proposed


@pytest.mark.parametrize("seed", range(2))
def test_stopping_losers_early_changes_no_decision_and_costs_a_fraction(base, brief, seed):
    """The same search, once with every race run to its end: who joins, and what is proposed, is the same."""
    told, asked = [], []
    for plan in (Plan(), Plan(least_chance=0.0)):
        bench, lines = smooth(noise=150_000, tasks=200), []
        proposal = Codemod(plan).propose(base, brief(seed=seed, trial_budget=60_000), bench, lambda: None, lines.append)
        told.append((proposal and proposal.tree, [line.partition("trials, ")[2] for line in lines]))
        asked.append(sum(len(tasks) for _, tasks in bench.asked))
    assert told[0] == told[1]
    assert told[0][0] is not None
    assert asked[0] < 0.7 * asked[1]


def test_a_look_only_kills(base, brief):
    """However well a child does at an early look, what is proposed was run on all tasks of the race, and on the rest."""
    bench = smooth(tasks=200)
    proposed = run(base, brief(), bench).tree.digest
    run_on = {tree: sum(len(tasks) for of, tasks in bench.asked if of == tree) for tree, _ in bench.asked}
    assert set(run_on.values()) <= {20, 40, 100, 200}
    assert run_on[proposed] == 200


def test_more_candidates_need_a_clearer_gain():
    assert accepted_from(0) == accepted_from(5) == 2.0
    assert accepted_from(60) == pytest.approx(2.86, abs=0.01)
    assert accepted_from(1000) > accepted_from(60)


def test_code_that_the_entry_point_never_reaches_is_not_tried(tree_of, brief):
    code = KNOBS + "\n\ndef elsewhere(knob: int = 5):\n    return knob\n"
    bench = smooth()
    trees = []
    score = bench.score
    bench.score = lambda asked, suite, tasks: trees.extend(asked) or score(asked, suite, tasks)
    run(tree_of({PATH: code}), brief(entry_points=("search",)), bench)
    assert len(trees) > 20
    assert all(named_values(tree[PATH].content)["knob"] == 5 for tree in trees)
    assert all(named_values(tree[PATH].content)["UNUSED"] == 7 for tree in trees)
