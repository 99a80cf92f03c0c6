"""Trials are named by all their inputs, paid once, and never scored when they were not measured."""

import json

import pytest

from agent.edits.tree import File
from agent.errors import SandboxDown, UnknownId
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.staging import KEPT
from agent.evaluate.suite import SuiteJob, Task
from agent.evaluate.trial import NO_ANSWER, MemoryTrials
from agent.evaluate.visible import overlay, visible
from sandbox.contract import Command, Ending
from tests.evaluate.world import answering, broken, json_lines, said, tiny_tree


class CountingSuite:
    """Tasks a, b, c; a task scores what the answer says in ppm."""

    name = "count"
    digest = exam = "sha256:" + "2" * 64
    objective = True

    def tasks(self, split):
        return tuple(Task(f"{split}-{letter}", letter) for letter in "abc")

    def job(self, split, task_ids):
        stdin = json.dumps(list(task_ids)).encode()
        return SuiteJob((), Command(("count",), 1, stdin), lambda out: self.score(out, task_ids))

    def score(self, out, task_ids):
        given = {json.loads(line)["id"]: json.loads(line)["score"] for line in out.splitlines()}
        return {task: given.get(task, 0) for task in task_ids} if given else None

    entry_points = ()

    def impossible(self, split):
        return frozenset()

    def summary(self, scores):
        return {}


def perfect(mounts, command):
    return said(json_lines(*({"id": task, "score": 500_000} for task in json.loads(command.stdin))))


@pytest.fixture
def make(settings, library):
    def evaluator(script=perfect, trials=None, **options):
        backend = answering(script)
        made = Evaluator(backend, library, [CountingSuite()], settings, trials or MemoryTrials(), **options)
        open_ones.append(made)
        return made, backend

    open_ones = []
    yield evaluator
    for made in open_ones:
        made.close()


ALL = ("dev-a", "dev-b", "dev-c")


def test_a_trial_is_paid_once(make, base):
    evaluator, backend = make()
    first = evaluator.score([base], "count", "dev", ALL)

    assert evaluator.score([base], "count", "dev", ALL) == first == [dict.fromkeys(ALL, 500_000)]
    assert (evaluator.trials_run, backend.started) == (3, 1)


def test_only_the_missing_trials_are_run(make, base):
    asked = []

    def script(mounts, command):
        asked.append(json.loads(command.stdin))
        return perfect(mounts, command)

    evaluator, _ = make(script)
    evaluator.score([base], "count", "dev", ["dev-b"])
    result = evaluator.score([base], "count", "dev", ["dev-c", "dev-b", "dev-a"])

    assert asked == [["dev-b"], ["dev-c", "dev-a"]]
    assert list(result[0]) == ["dev-c", "dev-b", "dev-a"]


def test_a_store_carries_trials_over_to_another_evaluator(make, base):
    trials = MemoryTrials()
    make(trials=trials)[0].score([base], "count", "dev", ALL)
    later, backend = make(broken, trials)

    assert later.score([base], "count", "dev", ALL) == [dict.fromkeys(ALL, 500_000)]
    assert backend.started == 0


def test_equal_trees_in_one_request_are_run_once(make, base):
    evaluator, backend = make()

    assert len(evaluator.score([base, tiny_tree()], "count", "dev", ALL)) == 2
    assert backend.started == 1


@pytest.mark.parametrize(
    "outcome",
    [
        said(b""),
        said(json_lines({"id": "dev-a", "score": 1_000_000}), code=1),
        said(json_lines({"id": "dev-a", "score": 1_000_000}), ending=Ending.TIMED_OUT),
        said(json_lines({"id": "dev-a", "score": 1_000_000}), ending=Ending.OUTPUT_LIMIT),
        said(b"", ending=Ending.OUT_OF_MEMORY),
    ],
    ids=["silent", "crashed", "timed out", "flooding", "greedy"],
)
def test_a_scaffold_that_crashed_or_was_cut_off_has_no_scores(make, base, outcome):
    evaluator, _ = make(lambda mounts, command: outcome)

    assert evaluator.score([base], "count", "dev", ALL) == [None]


def test_a_crash_is_remembered_and_a_cut_off_run_is_not(make, base):
    """A run that met its deadline, or was killed, on a machine in need may end well on another day: it is run twice at
    once, and again when it is asked for again. Whoever crashes when it goes badly gets no second throw of the dice."""
    for outcome, runs in (
        (said(code=1), 1),
        (said(ending=Ending.OUT_OF_MEMORY), 1),
        (said(ending=Ending.OUTPUT_LIMIT), 1),
        (said(ending=Ending.KILLED), 4),
        (said(ending=Ending.TIMED_OUT), 4),
        (said(ending=Ending.BROKEN), 2),
    ):
        evaluator, backend = make(lambda mounts, command, outcome=outcome: outcome)
        assert evaluator.score([base], "count", "dev", ALL) == [None]
        assert evaluator.score([base], "count", "dev", ALL) == [None]
        assert backend.started == runs


CUT_OFF = pytest.mark.parametrize("ending", [Ending.KILLED, Ending.TIMED_OUT])


@CUT_OFF
def test_of_what_was_cut_off_once_the_second_run_is_scored_and_kept(make, base, ending):
    trials, first = MemoryTrials(), iter([said(json_lines({"id": "dev-a", "score": 1_000_000}), ending=ending)])
    evaluator, backend = make(lambda *of: next(first, None) or perfect(*of), trials)

    assert evaluator.score([base], "count", "dev", ALL) == [dict.fromkeys(ALL, 500_000)]
    assert (backend.started, evaluator.trials_run) == (2, 3)
    assert list(trials._scores.values()) == [500_000] * 3


@CUT_OFF
def test_a_run_that_ends_by_itself_after_one_that_was_cut_off_is_believed(make, base, ending):
    trials, first = MemoryTrials(), iter([said(ending=ending)])
    evaluator, backend = make(lambda *_: next(first, None) or said(code=1), trials)

    assert evaluator.score([base], "count", "dev", ALL) == [None]
    assert backend.started == 2
    assert set(trials._scores.values()) == {NO_ANSWER}


@CUT_OFF
def test_what_was_cut_off_twice_leaves_nothing_in_the_store(make, base, ending):
    trials = MemoryTrials()
    evaluator, backend = make(lambda *_: said(ending=ending), trials)

    assert evaluator.score([base], "count", "dev", ALL) == [None]
    assert (backend.started, trials._scores) == (2, {})


def test_a_broken_wall_stores_nothing(make, base):
    trials = MemoryTrials()
    evaluator, _ = make(broken, trials)

    with pytest.raises(SandboxDown):
        evaluator.score([base], "count", "dev", ALL)
    assert evaluator.trials_run == 0
    assert trials._scores == {}


def test_unknown_suites_and_tasks_of_the_other_split_are_refused(make, base):
    evaluator, _ = make()

    with pytest.raises(UnknownId, match="no suite"):
        evaluator.score([base], "other", "dev", ALL)
    with pytest.raises(UnknownId, match="no dev task"):
        evaluator.score([base], "count", "dev", ["heldout-a"])
    assert evaluator.dev_tasks("count") == ALL


def test_trials_of_other_inputs_are_other_trials(make, base, settings, library):
    trials = MemoryTrials()
    make(trials=trials)[0].score([base], "count", "dev", ALL)
    seeded = settings.model_copy(update={"seed": 9})
    tighter = settings.model_copy(update={"sandbox": settings.sandbox.model_copy(update={"memory_mib": 64})})
    for changed in (seeded, tighter):
        backend = answering(perfect)
        with Evaluator(backend, library, [CountingSuite()], changed, trials) as evaluator:
            evaluator.score([base], "count", "dev", ALL)
        assert backend.started == 1


def test_staged_trees_are_gone_when_the_evaluator_is_closed(make, base):
    seen = []

    def script(mounts, command):
        seen.append(mounts[0].source)
        assert (mounts[0].source / "scaffold/__main__.py").is_file()
        return perfect(mounts, command)

    evaluator, _ = make(script)
    with evaluator:
        evaluator.score([base], "count", "dev", ALL)
    assert not seen[0].exists()
    assert not seen[0].parent.exists()


def test_a_long_search_does_not_fill_the_disk(make, base):
    folders = set()

    def script(mounts, command):
        folders.add(mounts[0].source)
        return perfect(mounts, command)

    evaluator, _ = make(script)
    with evaluator:
        for number in range(KEPT + 5):
            tree = base.with_file("scaffold/n.py", File(b"%d" % number))
            evaluator.score([base, tree], "count", "dev", ["dev-a"])
            evaluator.score([base], "count", "dev", ["dev-b" if number % 2 else "dev-c"])
        assert sum(folder.exists() for folder in folders) <= KEPT + 1


def test_the_judged_do_not_see_what_the_judge_reads(make, base, settings):
    """The seed of a suite would let a scaffold make its exam again."""
    seen = set()

    def script(mounts, command):
        root = mounts[0].source
        seen.update(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        return perfect(mounts, command)

    make(script)[0].score([base], "count", "dev", ALL)

    assert seen == {"scaffold/__init__.py", "scaffold/__main__.py", "tests/scaffold/test_scaffold.py"}


def test_trees_that_differ_only_in_what_no_trial_sees_share_their_trials(make, base, settings):
    evaluator, backend = make()
    evaluator.score([base], "count", "dev", ALL)
    evaluator.score([base.with_file("policies/law.yaml", File(b"other"))], "count", "dev", ALL)
    assert backend.started == 1

    evaluator.score([base.with_file("scaffold/new.py", File(b""))], "count", "dev", ALL)
    assert backend.started == 2


def test_an_overlay_takes_a_folder_from_the_base_and_nothing_else(base):
    theirs = base.with_file("tests/kept/test_kept.py", File(b"")).with_file("tests/kept/conftest.py", File(b""))
    theirs = theirs.with_file("tests/kept_too.py", File(b"x"))
    laid = overlay(theirs, base, "tests/kept")

    assert laid["tests/kept/test_kept.py"] == base["tests/kept/test_kept.py"]
    assert "tests/kept/conftest.py" not in laid
    assert "tests/kept_too.py" in laid


def test_visible_leaves_no_kept_folder_in(base, settings):
    assert not [path for path in visible(base, settings) if path.startswith(("policies/", "suites/", "tests/kept/"))]


def test_a_stored_crash_is_no_score_of_its_own(make, base):
    trials = MemoryTrials()
    make(lambda *_: said(code=1), trials)[0].score([base], "count", "dev", ALL)

    assert set(trials._scores.values()) == {NO_ANSWER}
