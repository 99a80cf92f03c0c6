"""Jobs run in single-use sandboxes; a wall that breaks is tried again and never scored."""

import threading
import time
from concurrent import futures

import pytest

from agent.errors import SandboxDown, SuccessorError
from agent.evaluate.executor import Executor, Job, SecondTry
from sandbox.contract import Command, Ending, Limits
from sandbox.errors import BackendUnavailable, EngineAway, SandboxBroken
from sandbox.memory_backend import MemorySandbox
from tests.evaluate.world import answering, broken, said


def jobs(count):
    return [Job((), Command((str(number),), 1)) for number in range(count)]


def run(backend, count=1, *, workers=2, checkpoint=lambda: None):
    done = {}
    Executor(backend, Limits(), workers, checkpoint).run(jobs(count), done.__setitem__)
    return done


def echo(mounts, command):
    return said(command.argv[0].encode())


def test_every_job_has_a_sandbox_of_its_own_and_its_own_answer():
    backend = answering(echo)
    done = run(backend, 7)

    assert {index: result.outcome.stdout for index, result in done.items()} == {n: b"%d" % n for n in range(7)}
    assert backend.started == 7


def test_no_more_sandboxes_than_workers_are_open():
    both, live, most = threading.Barrier(2), [], []

    def meet(mounts, command):
        live.append(1)
        most.append(len(live))
        both.wait(10)
        live.pop()
        return said()

    run(answering(meet), 6, workers=2)

    assert max(most) == 2


def test_a_wall_that_breaks_is_tried_again_in_a_new_sandbox():
    failures = iter([True, True, False])

    def sometimes(mounts, command):
        return broken() if next(failures) else said(b"fine")

    backend = answering(sometimes)

    assert run(backend)[0].retries == 2
    assert backend.started == 3


def test_a_wall_that_breaks_three_times_is_down_and_no_score():
    backend = answering(broken)

    with pytest.raises(SandboxDown, match="the engine went away"):
        run(backend)
    assert backend.started == 4  # three times the job, and once a trifle of ours


def test_a_job_that_brings_every_wall_down_is_not_measured_and_stops_no_other():
    """A candidate that knew how to break its wall could else end the whole run, and never be judged."""
    backend = answering(lambda mounts, command: broken() if command.argv == ("1",) else echo(mounts, command))
    done = run(backend, 3)

    assert [done[n].outcome.ending for n in range(3)] == [Ending.EXITED, Ending.BROKEN, Ending.EXITED]
    assert done[1].outcome.stdout == b""


def test_an_engine_that_was_away_is_nobodys_doing(monkeypatch):
    monkeypatch.setattr("agent.evaluate.executor.AWAY_SECONDS", (0.0, 0.0))

    def away(mounts, command):
        if command.argv == ("true",):
            return said()
        raise EngineAway("the engine was away", mend="Start it")

    with pytest.raises(SandboxDown, match="the engine was away"):
        run(answering(away))


def test_a_wall_that_is_not_there_is_not_tried_again():
    def absent(mounts, command):
        raise BackendUnavailable("no engine", mend="Install one")

    backend = answering(absent)

    with pytest.raises(SandboxDown, match="Install one"):
        run(backend)
    assert backend.started == 1


def test_a_failing_candidate_is_a_result_and_not_tried_again():
    backend = answering(lambda mounts, command: said(b"", code=1))

    assert run(backend)[0].outcome.exit_code == 1
    assert backend.started == 1


def test_a_halt_stops_the_next_start_and_keeps_what_was_paid():
    calls = iter([None, None, SuccessorError("halted")])

    def checkpoint():
        if error := next(calls, None):
            raise error

    done, backend = {}, answering(echo)
    with pytest.raises(SuccessorError, match="halted"):
        Executor(backend, Limits(), 1, checkpoint).run(jobs(5), done.__setitem__)

    assert sorted(done) == [0, 1]
    assert backend.started == 2


def test_what_ended_before_an_error_is_still_reported():
    started, failed = threading.Event(), threading.Event()

    def script(mounts, command):
        if command.argv[0] == "1":
            started.set()
            failed.wait(10)
            return said(b"late")
        started.wait(10)
        failed.set()
        time.sleep(0.1)
        raise SandboxBroken("gone")

    done = {}
    with pytest.raises(SandboxDown):
        Executor(answering(script), Limits(), 2, lambda: None).run(jobs(2), done.__setitem__)

    assert done[1].outcome.stdout == b"late"


def test_each_piece_that_ended_is_reported_whatever_the_reports_of_the_others_raise(monkeypatch):
    """Trials with a model are paid: two that were not measured must not lose a third that was."""
    monkeypatch.setattr("agent.evaluate.executor.wait", lambda running, **_: futures.wait(running))
    reported = []

    def refuse(index, done):
        reported.append(index)
        raise SuccessorError(f"report {len(reported)}")

    with pytest.raises(SuccessorError, match="report 1") as raised:
        Executor(answering(echo), Limits(), 3, lambda: None).run(jobs(3), refuse)

    assert sorted(reported) == [0, 1, 2]
    assert ["report 2" in note or "report 3" in note for note in raised.value.__notes__] == [True, True]


def test_a_mistake_of_ours_is_not_taken_for_a_broken_wall():
    def wrong(mounts, command):
        raise RuntimeError("a sandbox runs one command")

    with pytest.raises(RuntimeError):
        run(answering(wrong))


def test_what_comes_out_after_a_halt_is_never_reported():
    """It may have ended because the sandbox it spoke with was killed."""
    halted = threading.Event()

    def slow(mounts, command):
        halted.wait(10)
        return said(b"late")

    def checkpoint():
        if backend.started == 2:
            halted.set()
            raise SuccessorError("halted")

    done, backend = {}, answering(slow)
    with pytest.raises(SuccessorError, match="halted"):
        Executor(backend, Limits(), 2, checkpoint).run(jobs(2), done.__setitem__)
    assert done == {}


def test_a_job_to_be_scored_that_was_killed_by_a_halt_is_not_tried_again(monkeypatch):
    kill, killed, done = MemorySandbox.kill, threading.Event(), {}

    def killing(sandbox):
        kill(sandbox)
        killed.set()

    def checkpoint():
        if backend.started:
            raise SuccessorError("halted")

    monkeypatch.setattr(MemorySandbox, "kill", killing)
    backend = answering(lambda *_: said(b"late" if killed.wait(60) else b"never killed"))
    with pytest.raises(SuccessorError, match="halted"):
        Executor(backend, Limits(), 1, checkpoint).run([SecondTry(job) for job in jobs(2)], done.__setitem__)
    assert (backend.started, done) == (1, {})


@pytest.mark.parametrize("ending", [Ending.KILLED, Ending.TIMED_OUT])
def test_any_other_job_that_is_cut_off_is_run_once(ending):
    backend = answering(lambda *_: said(ending=ending))

    assert run(backend)[0].outcome.ending is ending
    assert backend.started == 1


def test_a_wall_that_breaks_under_a_second_try_is_no_end_of_it():
    """It is begun anew, as any other work is."""
    answers = iter([said(ending=Ending.KILLED), None, said(b"fine")])
    done = {}

    def script(*_):
        return next(answers) or broken()

    Executor(answering(script), Limits(), 1, lambda: None).run([SecondTry(job) for job in jobs(1)], done.__setitem__)
    assert (done[0].outcome.outcome.stdout, done[0].outcome.again, done[0].retries) == (b"fine", False, 1)


def test_a_halt_kills_what_is_under_way_and_keeps_what_had_ended(wall):
    backend, _ = wall
    raised = []

    def checkpoint():
        if done:
            raised.append(time.monotonic())
            raise SuccessorError("halted")

    done = {}
    work = [Job((), Command(("sleep", "60"), 90)), Job((), Command(("echo", "ended"), 90)), *jobs(1)]
    with pytest.raises(SuccessorError, match="halted"):
        Executor(backend, Limits(), 2, checkpoint).run(work, done.__setitem__)
    assert time.monotonic() - raised[0] < 45  # before it would have ended by itself
    assert {index: result.outcome.stdout for index, result in done.items()} == {1: b"ended\n"}


def test_an_interrupt_kills_what_is_under_way(wall):
    backend, _ = wall
    calls = []

    def checkpoint():
        calls.append(time.monotonic())
        if len(calls) == 4:
            raise KeyboardInterrupt

    done = {}
    with pytest.raises(KeyboardInterrupt):
        Executor(backend, Limits(), 2, checkpoint).run([Job((), Command(("sleep", "60"), 90))] * 2, done.__setitem__)
    assert time.monotonic() - calls[-1] < 45  # before it would have ended by itself
    assert done == {}
