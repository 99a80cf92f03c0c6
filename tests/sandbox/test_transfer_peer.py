"""Why `tarfile` is not the wall: what its `data` filter lets through on this Python, beside what ours refuses.

Informative: a Python whose `tarfile` has been mended passes here too, and what it lets through is printed (`-rP`).
"""

import io
import sys
import tarfile
import warnings

import pytest

from sandbox.errors import TransferRefused
from sandbox.transfer import extract
from tests.sandbox.archives import HOSTILE, cve_2025_4517

MENDED = {(3, 11): 13, (3, 12): 11, (3, 13): 4}
"""The first release of each Python whose filters resist the pattern of CVE-2025-4517."""


def peer(archive: bytes, folder) -> str:
    """Extract as is usually advised; say how it ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as tar:
                tar.extractall(folder, filter="data")
        except (tarfile.TarError, OSError, ValueError, KeyError, RecursionError, EOFError) as error:
            return type(error).__name__
    return "accepted"


@pytest.mark.skipif(
    sys.version_info[2] >= MENDED[sys.version_info[:2]], reason="this Python's tarfile resists that pattern"
)
def test_the_data_filter_of_this_python_writes_outside_of_its_destination(tmp_path):
    """CVE-2025-4517: a file outside is overwritten, through links that the filter thinks stay within."""
    (tmp_path / "planted").write_text("mine")
    peer(cve_2025_4517(), tmp_path / "out")
    assert (tmp_path / "planted").read_text() == "owned"

    (tmp_path / "planted").write_text("mine")
    with pytest.raises(TransferRefused):
        extract(io.BytesIO(cve_2025_4517()), tmp_path / "ours")
    assert (tmp_path / "planted").read_text() == "mine"
    assert not (tmp_path / "ours").exists()


def test_the_data_filter_accepts_what_is_refused_here(tmp_path):
    """Not each of these does harm; but none is what an honest packer writes, and a strict reader need not know why."""
    accepted = [
        name
        for number, (name, (archive, _)) in enumerate(HOSTILE.items())
        if len(archive) < 100_000 and peer(archive, tmp_path / str(number)) == "accepted"
    ]
    print("\n".join(accepted))  # noqa: T201  # the figure that this test is for
    for name in ("the same file twice", "two archives, one after the other", "a compressed archive"):
        assert name in accepted
