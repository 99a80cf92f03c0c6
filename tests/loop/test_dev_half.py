"""Candidates share their parent's trials: what was paid for one is not paid for the next."""

from agent.edits.tree import File
from agent.evaluate.evaluator import Evaluator
from agent.loop.dev_half import DevHalf
from agent.loop.store import Store
from agent.loop.trials import StoredTrials
from tests.evaluate.world import MAIN

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

    comparison, _ = _measured(evaluator, good, worse)
    assert comparison.candidate_ppm == 0 < comparison.parent_ppm


def _measured(evaluator, base, tree):
    from agent.edits.diff import diff
    from agent.edits.unified import unified_diff

    evidence = evaluator.evaluate("a" * 40, base, tree, diff(base, tree), unified_diff(base, tree), 0, 1)
    return next((c, evidence) for c in evidence.comparisons if (c.suite, c.split) == ("search", "dev"))
