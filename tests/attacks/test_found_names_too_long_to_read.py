"""A scaffold that leaves a file in folders whose names are, together, longer than the system takes at once.

It could be written here, folder by folder, and not read: the run ended in the middle, and again whenever it was resumed.
"""

import io
import tarfile

import pytest

from sandbox.attempt import Work, attempt, unpacked
from sandbox.contract import MIB, Limits
from sandbox.errors import TransferRefused
from sandbox.transfer import Caps, stage

LIMITS = Limits(memory=256 * MIB, tmp=16 * MIB, work=32 * MIB)
DEEP = """
import os
for _ in range(19):
    os.mkdir("d" * 250); os.chdir("d" * 250)
open("f", "w").write("x")
"""


def archive(name):
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as file:
        file.addfile(tarfile.TarInfo(name))
    return whole.getvalue()


def test_a_path_that_could_not_be_read_again_is_refused():
    with pytest.raises(TransferRefused):
        unpacked(archive("/".join(["d" * 250] * 19 + ["f"])))


def test_the_longest_path_that_is_taken_can_be_read_and_staged(tmp_path):
    name = "/".join(["d" * 204] * 10)[: Caps().path - 1] + "f"
    found = unpacked(archive(name))

    assert found == {name: (b"", False)}
    stage(found, tmp_path / "staged")
    assert len(name) == Caps().path - 1 or len(name) == Caps().path


def test_what_is_left_so_deep_is_no_answer_and_ends_nothing(one_wall, tmp_path):
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    stage({"a": (b"", False)}, tmp_path / "given")
    found = attempt(one_wall, LIMITS, (), Work(tmp_path / "given", ("python", "-c", DEEP), 30))

    assert (found.code, found.files) == (0, None)
    assert "longer than" in found.why
