"""Folders made once: whole or not at all, also under two processes and a kill."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from sandbox.cache import folder_digest, locked, made_once
from sandbox.errors import BackendUnavailable

FORK = multiprocessing.get_context("spawn")


def make_slowly(folder, log):
    def make(partial):
        with Path(log).open("a") as file:
            file.write("made\n")
        (partial / "first").write_text("1")
        time.sleep(0.5)
        (partial / "second").write_text("2")

    made_once(Path(folder), make)


def test_two_processes_make_it_once(tmp_path):
    workers = [
        FORK.Process(target=make_slowly, args=(str(tmp_path / "x" / "it"), str(tmp_path / "log"))) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert (tmp_path / "log").read_text() == "made\n"
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [".lock-it", "it"]


def test_a_killed_maker_leaves_nothing_that_counts(tmp_path):
    worker = FORK.Process(target=make_slowly, args=(str(tmp_path / "x" / "it"), str(tmp_path / "log")))
    worker.start()
    while not list(tmp_path.glob("x/.partial-it-*/first")):
        assert worker.is_alive()
        time.sleep(0.01)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert not (tmp_path / "x" / "it").exists()

    make_slowly(tmp_path / "x" / "it", tmp_path / "log")
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [".lock-it", "it"]
    assert (tmp_path / "x/it/second").read_text() == "2"


def test_a_failing_maker_leaves_nothing(tmp_path):
    def make(partial):
        (partial / "half").write_text("")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        made_once(tmp_path / "it", make)
    assert [path.name for path in tmp_path.iterdir()] == [".lock-it"]


def test_what_is_there_is_not_made_again(tmp_path):
    (tmp_path / "it").mkdir()
    assert made_once(tmp_path / "it", lambda partial: pytest.fail("made again")) == tmp_path / "it"


def test_a_cache_that_cannot_be_written_is_said_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendUnavailable, match="cannot be written"), locked(tmp_path / "file" / "lock"):
        pass


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a/file").write_text("other"),
        lambda root: (root / "a/file").chmod(0o755),
        lambda root: (root / "a").chmod(0o700),
        lambda root: (root / "a/file").rename(root / "a/renamed"),
        lambda root: (root / "new").mkdir(),
        lambda root: ((root / "link").unlink(), (root / "link").symlink_to("elsewhere")),
        lambda root: ((root / "a/file").unlink(), (root / "a/file").symlink_to("content")),
    ],
)
def test_a_folders_digest_changes_with_everything_that_can_be_seen(change, tmp_path):
    (tmp_path / "a").mkdir(mode=0o755)
    (tmp_path / "a/file").write_text("content")
    (tmp_path / "link").symlink_to("a")
    before = folder_digest(tmp_path)
    os.utime(tmp_path / "a/file", (1, 1))
    assert folder_digest(tmp_path) == before
    change(tmp_path)
    assert folder_digest(tmp_path) != before
