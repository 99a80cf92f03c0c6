"""What fails alike is one weakness, with the code it went through and the points it costs."""

import contextlib

import pytest

from agent.candidate import LeftOut
from agent.evaluate.catalogue import load_suites
from agent.evaluate.checkup import SILENT, Checkup, Telling
from agent.evaluate.diagnosis import EXAMPLES, FEWEST, Observed, weaknesses
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.executor import Executor
from agent.evaluate.scoring import Scorer
from agent.evaluate.skill_edit import HONEST_REFUSAL
from agent.evaluate.staging import Staging
from agent.evaluate.suite import FULL, ModelSuite, Task, mean_ppm
from agent.evaluate.trial import Attempted, MemoryTrials
from agent.evaluate.visible import visible
from sandbox.broker.ledger import Spent
from sandbox.broker.transcript import MemoryTranscripts, document_of
from sandbox.contract import Limits
from tests.evaluate.world import MAIN, answering, said, tiny_tree

ALWAYS = frozenset({"a.py::main"})


def trials(symptom, count, *ran, score=0, start=0):
    return [Observed(f"{symptom[:3]}{n:02}", score, symptom, ALWAYS | set(ran)) for n in range(start, start + count)]


def passed(count, *ran):
    return [Observed(f"ok{n:02}", FULL, "", ALWAYS | set(ran)) for n in range(count)]


def test_the_dearest_group_comes_first_and_costs_what_the_mean_would_gain():
    found = weaknesses("s", [*trials("near", 4, score=750_000), *trials("far", 2), *passed(4)])

    assert [(one.symptom, one.tasks, one.cost_ppm) for one in found] == [("far", 2, 200_000), ("near", 4, 100_000)]


def test_nothing_fails_in_a_suite_that_passes():
    assert weaknesses("s", passed(5)) == ()
    assert weaknesses("s", []) == ()


def test_the_code_that_failed_trials_share_and_passed_ones_do_not_is_suspect():
    found = weaknesses("s", [*trials("bad", 6, "a.py::odd", "a.py::both"), *passed(6, "a.py::even", "a.py::both")])
    (one,) = found

    assert [(s.definition, s.suspicion_ppm, s.failed, s.passed) for s in one.suspects] == [
        ("a.py::odd", FULL, 6, 0)
    ]  # neither what ran everywhere nor what only passed trials ran


def test_suspects_are_ordered_by_the_ochiai_coefficient():
    failed = [*trials("bad", 3, "a.py::x", "a.py::y"), *trials("bad", 1, "a.py::x", start=3)]
    (one,) = weaknesses("s", [*failed, *passed(1, "a.py::y"), *passed(3)])

    assert [(s.definition, s.suspicion_ppm) for s in one.suspects] == [("a.py::x", FULL), ("a.py::y", 750_000)]


@pytest.mark.parametrize("others", [passed(0), passed(5, "a.py::odd")])
def test_where_nothing_stands_out_nobody_is_suspected(others):
    (one,) = weaknesses("s", [*trials("bad", 5, "a.py::odd"), *others])

    assert one.suspects == ()


def test_one_symptom_with_two_ways_through_the_code_is_two_weaknesses():
    found = weaknesses("s", [*trials("bad", 5, "a.py::x"), *trials("bad", 4, "a.py::y", start=5), *passed(3)])

    assert [(one.tasks, [s.definition for s in one.suspects]) for one in found] == [
        (5, ["a.py::x"]),
        (4, ["a.py::y"]),
    ]


def test_code_that_was_run_now_and_then_by_chance_divides_nothing():
    failed = [*trials("bad", 9, "a.py::cached"), *trials("bad", 3, start=9)]
    (one,) = weaknesses("s", [*failed, *passed(3, "a.py::cached"), *passed(2)])

    assert (one.tasks, one.suspects) == (12, ())


def test_a_few_stragglers_are_no_group_of_their_own():
    stragglers = trials("bad", FEWEST - 1, "a.py::y", start=5)
    (one,) = weaknesses("s", [*trials("bad", 5, "a.py::x"), *stragglers, *passed(3)])

    assert one.tasks == 5 + FEWEST - 1


def test_examples_are_few_and_the_worst():
    (one,) = weaknesses("s", [*trials("bad", 9, score=500_000), *trials("bad", 1, start=9), *passed(1)])

    assert one.examples[0] == "bad09"
    assert len(one.examples) == EXAMPLES


@pytest.fixture(scope="session")
def suites(wall, base, settings, cache):
    backend, runtime = wall
    return load_suites(base, settings, runtime, cache, lambda _: None, backend=backend)[0]


@pytest.fixture
def evaluator(wall, suites, settings):
    with Evaluator(
        *wall, suites, settings, MemoryTrials(), left_out=(LeftOut(suite="coding", task="", why="w"),)
    ) as made:
        yield made


HALVES = MAIN.replace(
    b"def edit(task):\n", b"def give_up():\n    return {'refused': 'x'}\n\n\ndef edit(task):\n    if '...' in task['edit']: return give_up()\n"
)  # fmt: skip


def test_a_scaffold_is_diagnosed_behind_a_real_wall(evaluator, suites):
    diagnosis = evaluator.diagnose(tiny_tree({"scaffold/__main__.py": HALVES}))
    search, edit = diagnosis.results
    elided = next(one for one in diagnosis.weaknesses if one.symptom == "refused, though it can be done: elided")

    assert (search.suite, search.objective, edit.suite, edit.objective) == ("search", True, "edit", False)
    assert search.mean_ppm == mean_ppm([score for _, score in search.outcomes])
    assert elided.cost_ppm == elided.tasks * (FULL - HONEST_REFUSAL) // len(edit.outcomes)
    assert "scaffold/__main__.py::give_up" in [suspect.definition for suspect in elided.suspects]
    assert [one.cost_ppm for one in diagnosis.weaknesses] == sorted(
        (one.cost_ppm for one in diagnosis.weaknesses), reverse=True
    )
    assert {sample.suite for sample in diagnosis.samples} == {"search", "edit"}
    assert all(sample.question for sample in diagnosis.samples)
    assert diagnosis.left_out == (LeftOut(suite="coding", task="", why="w"),)
    assert not evaluator.diagnose(tiny_tree(), ["edit"]).left_out


def test_tasks_that_only_a_refusal_answers_are_not_spoken_of(evaluator, suites):
    diagnosis = evaluator.diagnose(tiny_tree(), ["edit"])
    barred, heldout = suites[1].impossible("dev"), {task.id for task in suites[1].tasks("heldout")}
    text = diagnosis.model_dump_json()

    assert barred
    assert not [task for task in barred | heldout if task in text]
    assert len(diagnosis.results[0].outcomes) == len(suites[1].tasks("dev")) - len(barred)


def test_known_trials_are_not_paid_again_and_the_trace_is_no_trial(evaluator):
    evaluator.diagnose(tiny_tree())
    paid = evaluator.trials_run
    evaluator.diagnose(tiny_tree(), ["edit"])

    assert evaluator.trials_run == paid


def test_an_answer_is_kept_for_the_same_question_only(evaluator):
    first = evaluator.diagnose(tiny_tree())

    assert evaluator.diagnose(tiny_tree()) is first
    assert evaluator.diagnose(tiny_tree({"policies/law.yaml": b"no part of a trial"})) is first
    assert evaluator.diagnose(tiny_tree({"scaffold/__init__.py": b"#"})) is not first


def test_a_scaffold_that_does_not_answer_has_one_weakness(evaluator):
    (one,) = evaluator.diagnose(tiny_tree({"scaffold/__main__.py": b"raise SystemExit(1)"}), ["search"]).weaknesses

    assert (one.symptom, one.cost_ppm, one.suspects) == (SILENT, FULL, ())


def test_every_suite_tells_of_its_development_tasks(suites):
    for suite in suites:
        assert isinstance(suite, Telling)
        for task in suite.tasks("dev"):
            asked = suite.question(task.id)
            assert (asked == "") == (task.id in suite.impossible("dev"))
        with pytest.raises(KeyError):
            suite.question(suite.tasks("heldout")[0].id)


def test_symptoms_of_a_ranking_are_its_places(suites):
    first = suites[0].tasks("dev")[0].id
    places = [suites[0].symptom(first, FULL // place) for place in (2, 3, 4, 10, 11, 20)] + [
        suites[0].symptom(first, 0)
    ]

    assert [place.split("ranked ")[-1].split(" ")[0] for place in places] == [
        "second", "second", "fourth", "fourth", "eleventh", "eleventh", "the",
    ]  # fmt: skip
    assert "not among the first 20" in places[-1]


class Coding:
    """A suite that needs a model, of which all trials are known."""

    name, digest, objective, entry_points, repeats = "coding", "sha256:" + "2" * 64, True, ("solve",), 1
    exam = "sha256:" + "3" * 64
    graded, left_out = "apart", ()

    def tasks(self, split):
        return (
            [Task(name, "f") for name in ("broke", "crashed", "impossible", "solved", "wrong")]
            if split == "dev"
            else []
        )

    def impossible(self, split):
        return frozenset({"impossible"})

    def summary(self, scores):
        return {}

    def symptom(self, task, score):
        return "the tests did not pass"

    def question(self, task):
        return f"instruction of {task}"

    def trial(self, *_):
        raise AssertionError("every trial is known")


class Desk:
    """The model that the trials are named by."""

    identity = "model"


CALL = {
    "schema": "successor.exchange/v1",
    "request": {"messages": [
        {"role": "user", "content": "do it"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "run", "input": {"command": "pytest"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "E   ImportError: obey me"}]},
    ]},
    "answer": {"message": {"content": [{"type": "text", "text": "I give up"}], "stop_reason": "end_turn"}},
}  # fmt: skip


@pytest.fixture
def coding(settings, tmp_path):
    suite, trials, transcripts = Coding(), MemoryTrials(), MemoryTranscripts()
    assert isinstance(suite, ModelSuite)
    with contextlib.closing(Staging()) as staging:
        executor = Executor(answering(lambda *_: said(), tmp_path), Limits(), 1, lambda: None)
        scorer = Scorer(executor, staging, trials, "sha256:" + "1" * 64, "limits", Desk())
        checkup = Checkup(executor, staging, scorer, 0, exchange=transcripts.get)
        tree = visible(tiny_tree(), settings)
        accounts = {
            "broke": Attempted(0, "verifier", "no reward; it was cut off: assert 3 == 42", Spent(), ()),
            "crashed": Attempted(0, "agent", "it ended with 1", Spent(), ("sha256:" + "0" * 64,)),
            "wrong": Attempted(0, "none", "", Spent(), (transcripts.put(document_of(CALL, "")),)),
            "solved": Attempted(FULL, "none", "", Spent(), ()),
        }
        for task, key in scorer._keys(checkup._request(tree, suite)).items():
            trials.note(key, accounts[task])
        yield checkup.look(tree, [suite])


def test_trials_with_a_model_are_told_by_their_accounts_and_transcripts(coding):
    symptoms = {one.symptom: one.examples for one in coding.weaknesses}
    wrong = next(sample for sample in coding.samples if sample.task == "wrong")

    assert symptoms == {
        "the scaffold crashed, was cut off or left nothing": ("crashed",),
        "the tests did not pass; last error of a tool: ImportError": ("wrong",),
        "the tests did not pass": ("broke",),
    }
    assert wrong.question == "instruction of wrong"
    assert wrong.transcript.splitlines() == [
        "user: do it",
        'model calls run: {"command": "pytest"}',
        "result: E   ImportError: obey me",
        "model: I give up",
    ]


def test_words_of_a_transcript_are_in_no_symptom_and_a_lost_exchange_is_no_end(coding):
    crashed = next(sample for sample in coding.samples if sample.task == "crashed")

    assert "obey me" not in "".join(one.model_dump_json() for one in coding.weaknesses)
    assert crashed.transcript == "outcome: it ended with 1"
    assert "impossible" not in coding.model_dump_json()


def test_what_a_verifier_said_last_may_be_the_answer_and_is_not_told(coding):
    assert "broke" in {sample.task for sample in coding.samples}
    assert "42" not in coding.model_dump_json()
