"""Candidates share their parent's trials: what was paid for one is not paid for the next."""

import random

from agent.cli.init import template
from agent.edits.diff import diff
from agent.edits.tree import File, Tree
from agent.edits.unified import unified_diff
from agent.evaluate.catalogue import load_suites
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.trial import MemoryTrials
from agent.loop.dev_half import DevHalf
from agent.loop.store import Store
from agent.loop.trials import StoredTrials
from agent.propose.catalogue import Catalogue
from agent.propose.mind import Library
from agent.propose.mutations import apply_mutation
from agent.propose.reach import reachable
from agent.workspace import parse_settings
from tests.evaluate.world import MAIN, alone

PATH = "scaffold/__main__.py"


def children(base, count):
    return [base.with_file(PATH, File(MAIN.replace(b"LIMIT = 20", b"LIMIT = %d" % n))) for n in range(1, count + 1)]


def test_many_candidates_against_one_parent_pay_its_trials_once(evaluator, base):
    tasks = evaluator.dev_tasks("search")
    for child in children(base, 3):
        dev = DevHalf(evaluator, base)  # one for each proposal of a run
        parent, mine = dev.score([base, child], "search", tasks)
        assert parent != mine
        assert dev.trials == 2 * len(tasks)

    assert evaluator.trials_run == (1 + 3) * len(tasks)


def test_the_next_run_pays_nothing_that_an_earlier_one_paid(wall, suites, settings, base, tmp_path):
    """Also when the earlier one died: the store is all that is left of it."""
    paid = []
    for _ in range(2):
        store = Store(tmp_path / ".successor", clock=lambda: 5)
        with Evaluator(*wall, suites, settings, StoredTrials(store)) as evaluator:
            DevHalf(evaluator, base).score([base, *children(base, 2)], "search", evaluator.dev_tasks("search"))
            paid.append(evaluator.trials_run)
        store.close()

    assert paid == [3 * len(suites[0].tasks("dev")), 0]


def test_what_no_task_runs_is_not_run_again(evaluator, base):
    """`edit` is never run by the search suite, and `rank` never by the edit suite."""
    dev = DevHalf(evaluator, base)
    other = base.with_file(PATH, File(base[PATH].content.replace(b'{"refused": "no"}', b'{"refused": "never"}')))
    search, edit = evaluator.dev_tasks("search"), evaluator.dev_tasks("edit")
    before = dev.score([base], "search", search)
    assert dev.score([other], "search", search) == before
    assert (evaluator.trials_run, dev.inherited) == (len(search), len(search))
    assert dev.trials == 2 * len(search)  # those of the base, and the same once more to hear what they run

    dev.score([base, other], "edit", edit)
    assert dev.inherited == len(search)


def test_a_trace_is_asked_for_once_and_not_while_the_function_is_known_to_run(evaluator, base, monkeypatch):
    asked = []
    heard = Evaluator.ran
    monkeypatch.setattr(Evaluator, "ran", lambda *a: asked.append(len(a[3])) or heard(*a))
    dev = DevHalf(evaluator, base)
    tasks = evaluator.dev_tasks("search")
    runs = base.with_file(PATH, File(base[PATH].content.replace(b"text.lower()", b"text.upper().lower()")))
    for number in (10, 20, 60):
        dev.score([runs, runs], "search", tasks[:number])

    assert asked == [10]
    assert dev.inherited == 0


def test_a_lie_in_the_trace_misdirects_the_search_and_not_the_decision(evaluator, base, monkeypatch):
    """The parent's process says that nothing ran; a worse child then inherits, and is measured for what it is."""
    tasks = evaluator.dev_tasks("search")
    monkeypatch.setattr(Evaluator, "ran", lambda self, tree, suite, tasks: dict.fromkeys(tasks, frozenset()))
    good = base.with_file(PATH, File(MAIN))
    worse = base.with_file(PATH, File(MAIN.replace(b'return {"ranking": best[:LIMIT]}', b'return {"ranking": []}')))
    dev = DevHalf(evaluator, good)
    assert dev.score([worse], "search", tasks) == dev.score([good], "search", tasks)

    evidence = evaluator.evaluate(
        "a" * 40, good, worse, diff(good, worse), unified_diff(good, worse), 0, 1, grant=alone
    )
    told = next(each for each in evidence.comparisons if (each.suite, each.split) == ("search", "dev"))
    assert told.candidate_ppm == 0 < told.parent_ppm


MUTANTS = 8


def test_inherited_outcomes_are_those_of_really_running(wall, cache):
    """Mutants of the template, of code that tasks run and of code that they do not, on both suites."""
    base = template("reduced", "inheritance")
    settings = parse_settings(base["successor.toml"].content)
    suites, _ = load_suites(base, settings, wall[1], cache, lambda _: None, backend=wall[0], no_model="none is here")
    library, dice = Library(settings.zones), random.Random(5)
    catalogue = Catalogue(library.mind(base), reachable(library.mind(base), ()))
    trees: list[Tree] = []
    while len(trees) < MUTANTS:
        draw = catalogue.draw(dice, lambda _: 1.0)
        mutant = apply_mutation(base, draw, library) if draw else None
        trees += [mutant] if mutant else []
    with (
        Evaluator(*wall, suites, settings, MemoryTrials()) as inheriting,
        Evaluator(*wall, suites, settings, MemoryTrials()) as running,
    ):
        dev = DevHalf(inheriting, base)
        for suite, count in (("search", 20), ("edit", 20)):
            tasks = dev.dev_tasks(suite)[:count]
            assert dev.score(trees, suite, tasks) == running.score(trees, suite, "dev", tasks)
        assert dev.inherited > MUTANTS * 40 // 4
        assert inheriting.trials_run + dev.inherited == running.trials_run + 40
        assert dev.trials == inheriting.trials_run + 40
