"""Two commands that open a store of the first schema at once: the second renewed it again, and its trials lost their model.

A score that one model earned was then that of a trial without any, or the store could not be opened for two of one name.
"""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from agent.evaluate.trial import TrialKey
from agent.loop import store as house
from agent.loop.store import Store
from agent.loop.trials import StoredTrials
from tests.loop.test_store import FIRST_SCHEMA

KEY = TrialKey("t", "s", "dev", "q", "r", "l", 7, 0, "m")


@pytest.mark.parametrize("tasks", [("p",), ("q",)], ids=["another task", "the task that was there"])
def test_what_was_kept_meanwhile_keeps_its_model(tmp_path, monkeypatch, tasks):
    Store(tmp_path, clock=lambda: 0).close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as db, db:
        db.executescript(FIRST_SCHEMA)
    kept = {replace(KEY, task=task): 5 for task in tasks}
    real = house.files

    def meanwhile(package):
        monkeypatch.setattr(house, "files", real)
        with closing(Store(tmp_path, clock=lambda: 0)) as other:
            StoredTrials(other).put_many(kept)
        return real(package)

    monkeypatch.setattr(house, "files", meanwhile)
    with closing(Store(tmp_path, clock=lambda: 0)) as store:
        assert dict(StoredTrials(store).get_many(kept)) == kept
        assert dict(StoredTrials(store).get_many([replace(KEY, model="")])) == {replace(KEY, model=""): 300_000}
