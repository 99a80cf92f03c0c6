"""Questions and answers between a grader and a solver: what the host passes on, and what it does not."""

import base64
import json
import threading
import tracemalloc
from contextlib import nullcontext, suppress

import pytest

from agent.evaluate.apart import Solver, run_apart
from sandbox.contract import GUEST, Command, Ending, Limits
from sandbox.errors import SandboxBroken
from tests.evaluate.world import answering, said

QUESTION = {"argv": ["x"], "stdin": "", "files": {}, "env": {}, "keep": ["a"], "seconds": 1}
GOOD = {"code": 0, "stdout": base64.b64encode(b"out").decode(), "stderr": "", "files": {"a": ""}}
BROKEN = {"broken": "it ended, or answered out of form"}


def lines(*values):
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def converse(grader, solver):
    """Run two functions of a file over their wires; returns what the grader's run came to."""

    def answer(mounts, command):
        act = solver if command.argv[-1] == f"{GUEST}/solve.py" else grader
        command.wire.setblocking(True)
        # Whoever is not heard any more finds the line dead, as a real command does.
        with suppress(OSError), command.wire.makefile("rwb", buffering=0) as file:
            act(file)
        return said()

    return run_apart(answering(answer), Limits(), (), Command(("grade",), 5), Solver(()))


def asks(heard, *questions):
    """A grader that asks, notes the answers, and reports one test."""

    def act(file):
        for question in questions or (QUESTION,):
            file.write(lines({"nonce": "n", "ask": question}))
            heard.append(json.loads(file.readline()))
        file.write(lines({"id": "a", "outcome": "passed"}))

    return act


def answers(change=lines):
    """A solver that gives a good answer, changed."""

    def act(file):
        for line in iter(file.readline, b""):
            file.write(change({"id": json.loads(line)["id"], **GOOD}))

    return act


def test_a_question_is_carried_over_and_its_answer_back():
    heard, seen = [], []

    def solver(file):
        for line in iter(file.readline, b""):
            asked = json.loads(line)
            seen.append({name: value for name, value in asked.items() if name != "id"})
            file.write(lines({**GOOD, "id": asked["id"]}))

    outcome = converse(asks(heard, QUESTION, {**QUESTION, "argv": ["y"]}), solver)

    assert seen == [QUESTION, {**QUESTION, "argv": ["y"]}]
    assert heard == [GOOD, GOOD]
    assert (outcome.ending, outcome.stdout) == (Ending.EXITED, lines({"id": "a", "outcome": "passed"}))


def test_only_the_four_values_of_an_answer_reach_the_judge():
    heard = []
    converse(asks(heard), answers(lambda answer: lines({**answer, "ask": "x", "outcome": "passed", "nonce": "n"})))

    assert heard == [GOOD]


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: lines({**answer, "id": "guess"}),
        lambda answer: lines({name: value for name, value in answer.items() if name != "id"}),
        lambda answer: lines({**answer, "code": True}),
        lambda answer: lines({**answer, "code": 0.0}),
        lambda answer: lines({**answer, "code": 10**400}),
        lambda answer: lines({**answer, "stdout": "no base64!"}),
        lambda answer: lines({**answer, "stdout": ["e30="]}),
        lambda answer: lines({**answer, "files": [["a", ""]]}),
        lambda answer: lines({**answer, "files": {"a": None}}),
        lambda answer: lines([answer]),
        lambda answer: lines({**answer, "more": {}}),
        lambda answer: lines({**answer, "files": {"/work/conftest.py": ""}}),
        lambda answer: lines({**answer, "files": {"a": "", "../a": ""}}),
        lambda answer: lines({**answer, "files": {str(number): "" for number in range(3_000)}}),
        lambda answer: b"[" * 100_000 + b"\n",
        lambda answer: b"\xff\xfe\n",
        lambda answer: b"\n",
        lambda answer: lines(answer)[:-9] + b"\n",
    ],
)
def test_an_answer_out_of_form_is_no_answer_and_none_after_it_is(change):
    heard = []
    converse(asks(heard, QUESTION, QUESTION), answers(change))

    assert heard == [BROKEN, BROKEN]


def test_a_long_line_of_small_values_does_not_swell():
    """A list of a million lists is two megabytes on the wire, and two hundred once it is read."""
    heard, swollen = [], b'{"id": ' + b"[" + b"[]," * 1_000_000 + b"[]]}\n"
    tracemalloc.start()
    try:
        converse(asks(heard), answers(lambda answer: swollen))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert heard == [BROKEN]
    assert most < 10 * len(swollen)


def test_a_solver_that_ends_leaves_its_questions_unanswered():
    heard = []
    outcome = converse(asks(heard), lambda file: None)

    assert heard == [BROKEN]
    assert outcome.stdout == lines({"id": "a", "outcome": "passed"})


def test_what_is_sent_ahead_answers_nothing():
    heard = []

    def ahead(file):
        file.write(lines(*({**GOOD, "id": str(number)} for number in range(20))))
        answers()(file)

    converse(asks(heard), ahead)

    assert heard == [BROKEN]


def test_reports_of_a_solver_are_not_reports():
    outcome = converse(asks([]), lambda file: file.write(lines({"id": "b", "outcome": "passed"})))

    assert b'"b"' not in outcome.stdout


class Stays:
    """A solver's sandbox whose command ends only when it is killed."""

    def __init__(self):
        self.killed = threading.Event()

    def run(self, command):
        assert self.killed.wait(30), "nobody ended it"
        return said(ending=Ending.KILLED)

    def kill(self):
        self.killed.set()


def test_a_solver_that_stays_when_all_is_asked_holds_nobody_up():
    def grade(mounts, command):
        command.wire.sendall(lines({"id": "a", "outcome": "passed"}))
        return said()

    grader, stays = answering(grade), Stays()

    class Walls:
        def start(self, mounts, limits, role="solver"):
            return grader.start(mounts, limits) if role == "grader" else nullcontext(stays)

    outcome = run_apart(Walls(), Limits(), (), Command(("grade",), 5), Solver(()))

    assert stays.killed.is_set()
    assert outcome.stdout == lines({"id": "a", "outcome": "passed"})


@pytest.mark.parametrize("side", ["grade", f"{GUEST}/solve.py"])
def test_a_wall_that_breaks_on_either_side_is_nobodys_failure(side):
    def answer(mounts, command):
        if command.argv[-1] == side:
            raise SandboxBroken("gone")
        command.wire.setblocking(True)
        with command.wire.makefile("rwb", buffering=0) as file:
            (asks([]) if command.argv[-1] == "grade" else answers())(file)
        return said()

    with pytest.raises(SandboxBroken):
        run_apart(answering(answer), Limits(), (), Command(("grade",), 5), Solver(()))
