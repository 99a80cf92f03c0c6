"""The store remembers exactly what was true, and nothing else."""

import multiprocessing
import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from agent.candidate import TRANSITIONS, State, step
from agent.errors import IllegalTransition, StoreBroken, UnknownId
from agent.evaluate.trial import Attempted, TrialKey
from agent.loop.store import Entry, Store
from agent.loop.trials import StoredTrials
from sandbox.broker.ledger import Spent
from sandbox.broker.usage import Usage

BASE = "a" * 40


def entry(name: str, **changes) -> Entry:
    fields = {
        "id": name,
        "state": State.DRAFTED,
        "proposer": "codemod",
        "base_commit": BASE,
        "tree": "sha256:" + "0" * 64,
        "created": 1,
        "run": None,
        "trials": 0,
        "parts": {},
    }
    return Entry(**{**fields, **changes})


@pytest.fixture
def store(tmp_path):
    ticks = count(1000)
    store = Store(tmp_path / ".successor", clock=lambda: next(ticks))
    yield store
    store.close()


def test_a_candidate_is_drafted_once(store):
    assert store.draft(entry("c1"), "proposed") is True
    assert store.draft(entry("c1", proposer="human:eve"), "again") is False
    assert store.candidate("c1").proposer == "codemod"
    assert [t.note for t in store.transitions("c1")] == ["proposed"]


@pytest.mark.parametrize("current", State)
@pytest.mark.parametrize("target", State)
def test_only_the_way_of_the_design_is_open(current, target):
    if target in TRANSITIONS[current]:
        assert step(current, target) is target
    else:
        with pytest.raises(IllegalTransition, match=f"that is {current} cannot become {target}"):
            step(current, target)


def test_no_state_leads_to_committed_but_approved():
    assert [s for s in State if State.COMMITTED in TRANSITIONS[s]] == [State.APPROVED]
    assert [s for s in State if State.APPROVED in TRANSITIONS[s]] == [State.AWAITING_REVIEW]


def test_a_step_out_of_order_changes_nothing(store):
    store.draft(entry("c1"), "")

    with pytest.raises(IllegalTransition):
        store.advance("c1", State.APPROVED, parts={"review": "sha256:" + "1" * 64})

    assert store.candidate("c1") == entry("c1")
    assert len(store.transitions("c1")) == 1


def test_a_step_adds_its_parts_and_its_row_together(store):
    store.draft(entry("c1", parts={"diff": "sha256:" + "1" * 64}), "")

    moved = store.advance("c1", State.SCREENED, note="ok", parts={"x": "sha256:" + "2" * 64}, trials=7)

    assert moved.state is State.SCREENED
    assert dict(moved.parts) == {"diff": "sha256:" + "1" * 64, "x": "sha256:" + "2" * 64}
    assert moved.trials == 7
    assert [(t.source, t.target, t.note) for t in store.transitions("c1")][-1] == ("drafted", "screened", "ok")


def test_an_id_may_be_shortened_while_it_is_unambiguous(store):
    store.draft(entry("cabc1"), "")
    store.draft(entry("cabd2"), "")

    assert store.candidate("cabc").id == "cabc1"
    for wrong in ("cab", "x", "", "%", "_abc1"):
        with pytest.raises(UnknownId):
            store.candidate(wrong)


def test_what_was_written_is_there_after_reopening(tmp_path):
    first = Store(tmp_path, clock=lambda: 5)
    first.draft(entry("c1"), "")
    run = first.begin_run("codemod", 3)
    first.progress_run(run, made=1, trials=10)
    first.end_run(run, "halted", "halted: lunch")
    first.close()

    second = Store(tmp_path, clock=lambda: 9)
    assert second.candidate("c1") == entry("c1")
    assert [(r.ending, r.message, r.made, r.trials) for r in second.runs()] == [("halted", "halted: lunch", 1, 10)]
    second.close()


def test_trials_are_kept_by_all_their_inputs(store):
    trials = StoredTrials(store)
    key = TrialKey("t", "s", "dev", "q1", "r", "l", 0, 0)
    others = [
        TrialKey("t2", "s", "dev", "q1", "r", "l", 0, 0),
        TrialKey("t", "s2", "dev", "q1", "r", "l", 0, 0),
        TrialKey("t", "s", "heldout", "q1", "r", "l", 0, 0),
        TrialKey("t", "s", "dev", "q2", "r", "l", 0, 0),
        TrialKey("t", "s", "dev", "q1", "r2", "l", 0, 0),
        TrialKey("t", "s", "dev", "q1", "r", "l2", 0, 0),
        TrialKey("t", "s", "dev", "q1", "r", "l", 1, 0),
        TrialKey("t", "s", "dev", "q1", "r", "l", 0, 1),
        TrialKey("t", "s", "dev", "q1", "r", "l", 0, 0, "m"),
    ]

    trials.put_many({key: 400_000})
    trials.put_many({key: 900_000})

    assert dict(trials.get_many([key, *others])) == {key: 400_000}


def test_accounts_of_trials_with_a_model_outlive_the_process(tmp_path):
    spent = Spent(3, Usage(input=1, output=2, write_5m=3, write_1h=4, read=5), 6)
    key = TrialKey("t", "s", "dev", "q1", "r", "l", 0, 1, "m")
    first = Store(tmp_path, clock=lambda: 5)
    StoredTrials(first).note(key, Attempted(None, "provider", "529", spent, ("sha256:a",)))
    assert dict(StoredTrials(first).get_many([key])) == {}
    StoredTrials(first).note(key, Attempted(250_000, "agent", "cut off", spent, ("sha256:b", "sha256:c")))
    first.close()

    second = Store(tmp_path, clock=lambda: 9)
    trials = StoredTrials(second)
    assert dict(trials.get_many([key])) == {key: 250_000}
    assert trials.attempts([key]) == trials.attempts_of("t") == {
        key: Attempted(250_000, "agent", "cut off", spent + spent, ("sha256:b", "sha256:c"))
    }  # fmt: skip
    assert (trials.attempts_of("u"), trials.attempts([replace(key, model="n")])) == ({}, {})
    second.close()


def test_a_damaged_account_is_named_in_one_line(store):
    key = TrialKey("t", "s", "dev", "q1", "r", "l", 0, 1, "m")
    StoredTrials(store).note(key, Attempted(1, "none", "", Spent(), ()))
    with store.writing() as db:
        db.execute("UPDATE attempts SET usage = '{'")
    with pytest.raises(StoreBroken, match="cannot be read"):
        StoredTrials(store).attempts([key])


def test_a_store_of_the_first_schema_keeps_its_trials(tmp_path):
    Store(tmp_path, clock=lambda: 0).close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as db, db:
        db.executescript(FIRST_SCHEMA)

    store = Store(tmp_path, clock=lambda: 0)
    key = TrialKey("t", "s", "dev", "q", "r", "l", 7, 0)
    assert dict(StoredTrials(store).get_many([key, replace(key, model="m")])) == {key: 300_000}
    StoredTrials(store).put_many({replace(key, model="m"): 5})
    store.close()
    again = Store(tmp_path, clock=lambda: 0)
    assert len(StoredTrials(again).get_many([key, replace(key, model="m")])) == 2
    again.close()


FIRST_SCHEMA = """
DROP TABLE trials;
DROP TABLE attempts;
CREATE TABLE trials (
    tree TEXT NOT NULL, suite TEXT NOT NULL, split TEXT NOT NULL, task TEXT NOT NULL, runtime TEXT NOT NULL,
    limits TEXT NOT NULL, seed INTEGER NOT NULL, repeat INTEGER NOT NULL, score_ppm INTEGER NOT NULL,
    PRIMARY KEY (tree, suite, split, runtime, limits, seed, repeat, task)
) STRICT, WITHOUT ROWID;
INSERT INTO trials VALUES ('t', 's', 'dev', 'q', 'r', 'l', 7, 0, 300000);
PRAGMA user_version = 1;
"""


def open_files_below(folder):
    """The files below `folder` that this process holds open."""
    opened = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [path for path in opened if path.startswith(str(folder))]


def test_a_corrupt_store_is_named_in_one_line(tmp_path):
    folder = tmp_path / ".successor"
    Store(folder, clock=lambda: 0).close()
    for part in folder.glob("state.db*"):
        part.unlink()
    (folder / "state.db").write_bytes(b"this is no database" * 100)

    with pytest.raises(StoreBroken, match="the store cannot be used") as caught:
        Store(folder, clock=lambda: 0)

    assert "successors, decisions and the looks of their tests live in git" in caught.value.mend
    assert (folder / "state.db").read_bytes().startswith(b"this is no database")
    assert open_files_below(folder) == []


def test_a_store_of_the_future_is_left_alone(tmp_path):
    Store(tmp_path, clock=lambda: 0).close()
    db = sqlite3.connect(tmp_path / "state.db")
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()

    with pytest.raises(StoreBroken, match="newer successor"):
        Store(tmp_path, clock=lambda: 0)

    assert open_files_below(tmp_path) == []


def test_a_blob_that_was_changed_is_refused(store, tmp_path):
    digest = store.blobs.put(b"evidence")
    assert store.blobs.get(digest) == b"evidence"
    assert store.blobs.put(b"evidence") == digest

    (path,) = [p for p in (tmp_path / ".successor" / "blobs").rglob("*") if p.is_file()]
    path.write_bytes(b"evidencf")

    with pytest.raises(StoreBroken, match="not what its name says"):
        store.blobs.get(digest)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "sha256:", "sha256:" + "Z" * 64])
def test_a_blob_is_only_found_by_a_digest(store, name):
    with pytest.raises(StoreBroken, match="is not a digest"):
        store.blobs.get(name)


def _write_until_killed(folder: Path, ready) -> None:
    store = Store(folder, clock=lambda: 0)
    ready.set()
    for number in count():
        store.draft(entry(f"k{number:06}"), "n")
        store.advance(f"k{number:06}", State.SCREENED)


@pytest.mark.parametrize("delay", [0.05, 0.11, 0.2])
def test_a_killed_writer_leaves_a_true_store(tmp_path, delay):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_write_until_killed, args=(tmp_path, ready))
    process.start()
    assert ready.wait(60)
    process.join(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.join()

    store = Store(tmp_path, clock=lambda: 0)
    for candidate in store.candidates():
        rows = store.transitions(candidate.id)
        assert rows[-1].target == candidate.state
        assert [row.source for row in rows] == ["", "drafted"][: len(rows)]
    store.close()
