"""A candidate that takes long to die, so that its sandbox looks like one that broke, and all that was asked for stops.

Thirty processes, each with sixty thousand mappings that share what they came from, are a gigabyte of the kernel's own
memory, and took it 4.3 s to take apart; a workspace may give its sandboxes more. Here time passes as that would.
"""

import os
import select

import pytest

from sandbox import bubblewrap_backend, docker_life
from sandbox.docker_life import Life
from sandbox.errors import SandboxBroken

TAKES = 25.0


@pytest.fixture
def dying(monkeypatch):
    """Something that dies, `TAKES` seconds after it was killed."""
    monkeypatch.setattr(docker_life, "_readable", lambda first, seconds: seconds >= TAKES)
    monkeypatch.setattr(select, "select", lambda read, *_: (read if _[-1] >= TAKES else [], [], []))


def test_a_container_that_dies_slowly_is_waited_for(dying, monkeypatch):
    monkeypatch.setattr(docker_life, "_first_process", lambda state, container: os.open(os.devnull, os.O_RDONLY))

    class Engine:
        def state(self, container):
            return {"Pid": 1}

    life = Life(Engine(), "one")
    try:
        life.end()
    finally:
        life.close()


def test_a_namespace_that_dies_slowly_is_waited_for(dying):
    bubblewrap_backend._await_end(os.getpid())


def test_what_never_dies_is_told(monkeypatch):
    monkeypatch.setattr(select, "select", lambda *given: ([], [], []))

    with pytest.raises(SandboxBroken, match="survived"):
        bubblewrap_backend._await_end(os.getpid())
