"""The unattended run: it ends for a reason, resumes where it stood, and pays nothing twice."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tests.journeys.conftest import ROOT

SMALL = ("--trials", "2400", "--yes")


def start(desk, *args):
    """Start `successor run` and return when it is searching."""
    argv = [sys.executable, "-m", "agent", "run", "--yes", "--sandbox", desk.wall, "--json", *args]
    process = subprocess.Popen(
        [*argv, "--workspace", str(desk.folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(staged(desk))},
        # Who runs the tests in the background may have told all children to ignore Ctrl-C; a user's shell does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # no threads here
    )
    for line in process.stderr:
        if "candidates tried" in line:
            return process
    raise AssertionError(f"ended before it searched: {process.communicate()}")


def staged(desk):
    """Where a run started here stages its trees: by this its sandboxes are told from those of other tests."""
    folder = desk.folder.parent / "staged"
    folder.mkdir(exist_ok=True)
    return folder


def paid_and_kept(desk):
    """Trials that all runs say they paid, and trials in the store."""
    with sqlite3.connect(desk.folder / ".successor" / "state.db") as db:
        (kept,) = db.execute("SELECT count(*) FROM trials").fetchone()
        (paid,) = db.execute("SELECT sum(trials) FROM runs").fetchone()
    return paid, kept


def sandboxes(desk, process):
    """Sandboxes that `process` left on this machine."""
    if desk.wall == "docker":
        ask = ["docker", "ps", "--all", "--quiet", "--filter", f"label=successor.owner.pid={process.pid}"]
        return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.split()
    out = subprocess.run(["pgrep", "-f", f"bwrap.*{staged(desk)}"], capture_output=True, text=True, check=False).stdout
    return out.split()


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.2)


def test_a_run_of_several_candidates_ends_with_a_reason_and_commits_nothing(desk):
    said = desk.successor("run", "-n", "2", *SMALL, "--sandbox", desk.wall)

    assert said.code == 0, said.document
    assert said.document["ending"] in ("done", "nothing_found", "budget_exhausted", "pending_reviews")
    assert said.document["message"]
    assert desk.branches() == []
    assert desk.successor("status").document["last_run"]["ending"] == said.document["ending"]


def test_the_same_seed_proposes_the_same_candidate_whatever_the_workers(desk, tmp_path):
    twin = shutil.copytree(desk.folder, tmp_path / "twin", symlinks=True)

    one = desk.successor("run", "--trials", "2500", "--yes", "--parallel", "1", "--sandbox", desk.wall).document
    two = type(desk)(twin, desk.people, desk.wall, desk.root).successor(
        "run", "--trials", "2500", "--yes", "--parallel", "2", "--sandbox", desk.wall
    ).document  # fmt: skip

    # The same trees were scored on the same tasks, and the search came to the same end, candidate or not.
    assert one["trials"] == two["trials"] > 500  # it did search: a race stops most children early
    assert [one["ending"], one["message"]] == [two["ending"], two["message"]]
    assert [c["id"] for c in one["candidates"]] == [c["id"] for c in two["candidates"]]


def test_a_spent_budget_ends_the_run_in_good_order(desk):
    said = desk.successor("run", "--trials", "60", "--yes", "--sandbox", desk.wall)

    assert said.code == 0
    assert said.document["ending"] in ("budget_exhausted", "nothing_found")
    assert desk.branches() == []


def test_a_halt_from_another_shell_stops_a_run_and_keeps_others_from_starting(desk):
    process = start(desk)

    assert desk.successor("halt", "--reason", "something is odd").code == 0

    out, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "something is odd" in out
    again = desk.successor("run", "--yes", "--sandbox", desk.wall)
    assert again.document["ending"] == "halted"
    assert desk.successor("status").document["halted"] == "something is odd"
    assert desk.successor("resume", "--sandbox", desk.wall).code == 0
    assert desk.successor("status").document["halted"] is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_things_right(desk, number):
    process = start(desk)

    process.send_signal(number)

    said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    last = desk.successor("status").document["last_run"]
    assert last["ending"] == "interrupted"
    paid, kept = paid_and_kept(desk)
    assert paid == kept > 0
    assert sandboxes(desk, process) == []


def test_a_killed_run_is_resumed_and_nothing_is_paid_twice(desk):
    process = start(desk)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    assert desk.successor("status").document["last_run"]["ending"] is None
    if desk.wall == "bubblewrap":
        wait_until(lambda: sandboxes(desk, process) == [])
    _, before = paid_and_kept(desk)
    assert before > 0
    said = desk.successor("run", "--trials", "400", "--yes", "--sandbox", desk.wall)
    assert said.code == 0, said.document
    assert sandboxes(desk, process) == []
    _, after = paid_and_kept(desk)
    # What the killed run had paid for was found in the store; only what is new was paid.
    assert after - before <= said.document["trials"] + 1


def test_two_runs_do_not_share_a_workspace(desk):
    process = start(desk)
    try:
        said = desk.successor("run", "--yes", "--sandbox", desk.wall)
        assert said.code == 1
        assert f"process {process.pid} holds the lock" in said.error["why"]
        assert desk.successor("status").code == 0
    finally:
        process.kill()
        process.communicate()


def test_a_workspace_for_people_only_takes_no_search(desk):
    settings = desk.folder / "successor.toml"
    settings.write_text(settings.read_text().replace('autonomy = "assisted"', 'autonomy = "manual"'))
    desk.git("-c", "user.name=t", "-c", "user.email=t@t.invalid", "commit", "-qam", "people only")
    desk.git("update-ref", "-d", "refs/heads/gate-log")
    shutil.rmtree(desk.folder / ".successor")
    desk.successor("init", str(desk.folder), "--reviewer", "alice", "--key", str(desk.key("alice.pub")))

    said = desk.successor("run", "--yes", "--sandbox", desk.wall)

    assert said.code == 1
    assert "people only" in said.error["what"]


def test_assisted_means_that_somebody_says_yes(desk):
    said = desk.successor("run", "--sandbox", desk.wall)

    assert said.code == 1
    assert "nobody is here to say yes" in said.error["what"]
