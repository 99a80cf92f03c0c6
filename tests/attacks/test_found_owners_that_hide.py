"""One user's command that removes the live containers of another's, on a machine that hides processes from strangers.

With `hidepid` on /proc nobody sees another user's process, and what cannot be seen was taken for gone. Two users of one
engine would have removed each other's sandboxes in the middle of a trial.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest

from sandbox.ownership import abandoned, labels, this_process


@pytest.fixture
def somebody():
    """The labels of a container whose owner is alive, and that owner."""
    process = subprocess.Popen(["sleep", "60"])
    given = labels(this_process(), "run", int(time.time()) + 600)
    started = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    yield given | {"successor.owner.pid": str(process.pid), "successor.owner.started": started}, process
    process.kill()
    process.wait()


@pytest.fixture(params=[FileNotFoundError, PermissionError], ids=["hidepid=2", "hidepid=1"])
def hidden(request, somebody, monkeypatch):
    """Hide that owner, as the kernel does."""
    read, (_, process) = Path.read_text, somebody

    def reading(path, *given, **named):
        if str(path).startswith(f"/proc/{process.pid}/"):
            raise request.param(str(path))
        return read(path, *given, **named)

    monkeypatch.setattr(Path, "read_text", reading)


def test_who_cannot_be_seen_is_not_gone(somebody, hidden):
    given, _ = somebody

    assert not abandoned(given, time.time(), this_process())


def test_who_may_not_be_signalled_is_not_gone(somebody, hidden, monkeypatch):
    given, _ = somebody

    def kill(pid, number):
        raise PermissionError(pid)

    monkeypatch.setattr(os, "kill", kill)

    assert not abandoned(given, time.time(), this_process())


def test_who_is_gone_is_gone_however_hidden(somebody, hidden):
    given, process = somebody
    process.kill()
    process.wait()

    assert abandoned(given, time.time(), this_process())


@pytest.mark.parametrize("pid", ["0", "-1", "9" * 30])
def test_a_number_that_no_process_has_is_nobody(somebody, pid):
    given, _ = somebody

    assert abandoned(given | {"successor.owner.pid": pid}, time.time(), this_process())
