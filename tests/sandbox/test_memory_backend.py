"""The stand-in answers as a wall does, and calls itself what it is."""

import pytest

from sandbox.contract import Command, Ending, Limits, Mount, Outcome
from sandbox.memory_backend import MemoryBackend


def test_the_function_is_given_what_is_mounted_and_asked(tmp_path):
    seen = []

    def answer(mounts, command):
        seen.append((mounts, command))
        return Outcome(Ending.EXITED, 0, b"out", b"", 0.1)

    backend = MemoryBackend(answer, tmp_path)
    assert backend.name == "memory"
    assert backend.prepare().stdlib == tmp_path
    mounts, command = (Mount(tmp_path, "/cand"),), Command(("python", "-V"), 5)
    with backend.start(mounts, Limits()) as sandbox:
        assert sandbox.run(command).stdout == b"out"
        with pytest.raises(RuntimeError, match="one command"):
            sandbox.run(command)
    assert seen == [(mounts, command)]
