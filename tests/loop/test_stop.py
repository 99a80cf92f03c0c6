"""A run stops when a person, a budget or another run says so."""

import multiprocessing
import os

import pytest

from agent.errors import Refused, StoreBroken
from agent.loop.stop import Checkpoint, Halt, Stop, workspace_lock
from agent.workspace import Budget


def test_within_its_budgets_a_run_goes_on(tmp_path):
    Checkpoint(Halt(tmp_path), Budget(trials=10, seconds=10), lambda: 9, lambda: 9.9, 0.0)()


def test_a_spent_trial_budget_stops(tmp_path):
    with pytest.raises(Stop, match="budget of 10 trials") as caught:
        Checkpoint(Halt(tmp_path), Budget(trials=10), lambda: 10, lambda: 0.0, 0.0)()
    assert caught.value.ending == "budget_exhausted"


def test_a_spent_time_budget_stops(tmp_path):
    with pytest.raises(Stop, match="budget of 10 seconds") as caught:
        Checkpoint(Halt(tmp_path), Budget(seconds=10), lambda: 0, lambda: 15.0, 5.0)()
    assert caught.value.ending == "budget_exhausted"


def test_a_halt_set_by_another_process_stops_until_it_is_lifted(tmp_path):
    check = Checkpoint(Halt(tmp_path), Budget(), lambda: 0, lambda: 0.0, 0.0)
    check()

    Halt(tmp_path).set("smoke in the server room")
    with pytest.raises(Stop, match="smoke in the server room") as caught:
        check()
    assert caught.value.ending == "halted"

    assert Halt(tmp_path).clear() is True
    assert Halt(tmp_path).clear() is False
    check()


def test_a_halt_that_cannot_be_read_is_a_halt(tmp_path):
    (tmp_path / "halt").mkdir()

    with pytest.raises(Stop, match="cannot be read"):
        Checkpoint(Halt(tmp_path), Budget(), lambda: 0, lambda: 0.0, 0.0)()


def _hold(folder, ready, release):
    with workspace_lock(folder):
        ready.set()
        release.wait(60)


def test_two_runs_never_share_a_workspace(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, ready, release))
    other.start()
    assert ready.wait(60)

    with pytest.raises(Refused, match=f"process {other.pid} holds the lock"), workspace_lock(tmp_path):
        pass

    other.kill()
    other.join()
    with workspace_lock(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_workspace_that_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreBroken, match="cannot be locked"), workspace_lock(tmp_path / "file"):
        pass
