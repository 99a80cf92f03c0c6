"""What the extractor may cost, whatever it is given: memory, descriptors, folders; and that every cut is noticed."""

import gc
import io
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.errors import TransferRefused
from sandbox.transfer import Caps, extract
from tests.sandbox.archives import END, HONEST, HOSTILE, header, member, pax, record

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("end", range(0, len(HONEST), 512))
def test_an_archive_cut_at_any_block_is_refused(end, tmp_path):
    with pytest.raises(TransferRefused):
        extract(io.BytesIO(HONEST[:end]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("end", [1, 100, 511, 513, 600, len(HONEST) - 1])
def test_an_archive_cut_within_a_block_is_refused(end, tmp_path):
    with pytest.raises(TransferRefused, match="cut short"):
        extract(io.BytesIO(HONEST[:end]), tmp_path / "out")


def descriptors():
    """How many this process has open, but for those that others left to the garbage collector."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_corpus_leaves_no_descriptor_open(tmp_path):
    before = descriptors()
    for number, (archive, _) in enumerate(HOSTILE.values()):
        with pytest.raises(TransferRefused):
            extract(io.BytesIO(archive), tmp_path / str(number))
    extract(io.BytesIO(HONEST), tmp_path / "honest")
    assert descriptors() <= before


# Each makes the stream of one archive, piece by piece, so that what is measured is the extractor and not the archive.
GREEDY = {
    "a hundred thousand empty files": "(header(b'f%d' % n) for n in range(100_000))",
    "a hundred thousand folders": "(header(b'd%d' % n, kind=b'5') for n in range(100_000))",
    "deep folders that are only implied": "(header(b'/'.join(b'%d' % (n * 20 + d) for d in range(20))) for n in range(9000))",
    "a file as long as may be": "chain([header(size=64 << 20)], repeat(ZEROS, 64), [END])",
    "a file that says 10 GB": "chain([header(raw_size=b'112402762000')], repeat(ZEROS, 200))",
    "an extended header of 50 MB": "chain([header(b'x', 50 << 20, b'x')], repeat(b'a' * (1 << 20), 50))",
    "a hundred thousand extended headers": "(pax(record(b'path', b'n' * 90 + b'%d' % n)) + header() for n in range(100_000))",
    "padding without end": "chain([END], repeat(ZEROS, 1000))",
}
MEASURE = """
import io, resource, sys, tempfile
from itertools import chain, repeat
from pathlib import Path
from sandbox.errors import TransferRefused
from sandbox.transfer import extract
from tests.sandbox.archives import END, header, member, pax, record

ZEROS = bytes(1 << 20)

class Stream(io.RawIOBase):
    def __init__(self, pieces):
        self.pieces, self.held = iter(pieces), b""
    def read(self, size=-1):
        if not self.held:
            self.held = next(self.pieces, b"")
        piece, self.held = self.held[:size], self.held[size:]
        return piece

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with tempfile.TemporaryDirectory() as folder:
    try:
        extract(Stream(eval(sys.argv[1])), Path(folder, "out"))
        end = "taken"
    except TransferRefused as error:
        end = "refused"
print(end, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("name", GREEDY)
def test_memory_stays_bounded_whatever_is_claimed(name):
    """The resident memory of a process of its own, at its highest, in KiB: far below what any of these describe."""
    said = subprocess.run(
        [sys.executable, "-c", MEASURE, GREEDY[name]], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert said[0] == ("taken" if name == "a file as long as may be" else "refused")
    assert int(said[1]) < 24 * 1024


def test_a_tree_as_large_as_may_be_is_taken_and_one_more_is_not(tmp_path):
    caps = Caps(members=6, total=30, depth=3)
    folders = header(b"a/", kind=b"5") + header(b"a/b/", kind=b"5")
    files = b"".join(member(b"a/b/%d" % n, b"0123456789") for n in range(3))

    assert extract(io.BytesIO(folders + files + member(b"empty", b"") + END), tmp_path / "full", caps).files == 4
    over = folders + files + member(b"y", b"") + member(b"z", b"") + END
    with pytest.raises(TransferRefused, match="more than 6"):
        extract(io.BytesIO(over), tmp_path / "over", caps)
    with pytest.raises(TransferRefused, match="more than 30 bytes"):
        extract(io.BytesIO(folders + files + member(b"z", b"1") + END), tmp_path / "heavy", caps)
    long = pax(record(b"path", b"a/b/c/d")) + member(content=b"")
    with pytest.raises(TransferRefused, match="deeper"):
        extract(io.BytesIO(folders + long + END), tmp_path / "deep", caps)
