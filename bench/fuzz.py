"""A coverage-guided fuzzer of the strict extractor: what has no other way out of a sandbox must hold for any bytes.

The loop is `bench.guided`, over the two modules that read an archive. The mutations know where headers are and mend
their checksums, or hardly any input would get past the first check.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.guided import Guided
from bench.measure import Measure
from sandbox import tar_format, transfer
from sandbox.errors import TransferRefused
from sandbox.transfer import Caps, extract
from tests.sandbox.archives import HONEST, HOSTILE

SECONDS = 60
CAPS = Caps(members=24, total=8192, depth=6, name=120)
LONGEST = 24 * 1024
_BLOCK = 512
_FILES = {transfer.__file__, tar_format.__file__}
_PIECES = (
    b"\0", b"/", b"..", b"../", b"./", b"//", b"\xff", b"\x80", b" ", b"-1", b"7777777", b"00000000000\0",
    b"path=", b"size=0\n", b"linkpath=/", b"hdrcharset=BINARY\n", b"9 path=x\n", b"ustar\0", b"ustar  \0", b"0", b"5",
    b"x", b"g", b"L", b"K", b"S", b"2", b"e\xcc\x81", b"\xc3\xa9", b"A", b"a",
)  # fmt: skip
# Where the fields of a header lie (POSIX ustar), and how long they are.
_FIELDS = ((0, 100), (100, 8), (124, 12), (148, 8), (156, 1), (157, 100), (257, 8), (345, 155))


def measures(seconds: int = SECONDS) -> list[Measure]:
    """Fuzz for so many seconds: what was run, what was reached, and that nothing but the one refusal ever came."""
    number = int.from_bytes(os.urandom(4), "big")
    with _workshop() as folder:
        fuzzer = Fuzzer(folder, random.Random(number))
        seeded = fuzzer.sow([HONEST, *(archive for archive, _ in HOSTILE.values())])
        fuzzer.run(seconds)
    for crash, data in fuzzer.crashes[:5]:
        kept = Path(tempfile.gettempdir(), f"fuzz-crash-{abs(hash(data)):x}.tar")
        kept.write_bytes(data)
        print(f"{kept}\n{crash}", file=sys.stderr)
    against = f"{seeded} by the seeds alone"
    return [
        Measure("fuzz.executions", fuzzer.executions, "archives", "", f"{seconds} s, seed {number}", 1),
        Measure("fuzz.edges", len(fuzzer.edges), "edges", "", against, fuzzer.executions),
        Measure("fuzz.crashes", len(fuzzer.crashes), "archives", "= 0", "the contract of extract()", fuzzer.executions),
    ]


class Fuzzer(Guided):
    """The fuzzer of the extractor, in a folder of its own."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        super().__init__(lambda data: broken(data, folder), mutated, _FILES, dice, longest=LONGEST)


def broken(data: bytes, folder: Path) -> str:
    """Extract below `folder`; return how the contract of `extract` was broken, or nothing. Leaves `folder` empty."""
    target = folder / "out"
    try:
        held = extract(io.BytesIO(data), target, CAPS)
    except TransferRefused:
        return "something is left after a refusal" if any(folder.iterdir()) else ""
    except Exception:  # noqa: BLE001  # any other one is what is looked for
        return traceback.format_exc()
    finally:
        left = [path for path in folder.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())]
        files = [path.stat() for path in folder.rglob("*") if path.is_file()]
        entries = len(list(folder.rglob("*"))) - 1
        shutil.rmtree(target, ignore_errors=True)
    if left or any(status.st_nlink != 1 or status.st_mode & 0o7022 for status in files):
        return f"not only plain files and folders: {left}"
    if (held.files, held.total) != (len(files), sum(status.st_size for status in files)):
        return f"{held} is not what is there"
    return f"beyond the caps: {entries}, {held}" if entries > CAPS.members or held.total > CAPS.total else ""


def mutated(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """Return `data` changed in a few places, most often with the checksums of its headers mended."""
    made = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 3, 5, 8))):
        place = dice.randrange(len(made) + 1)
        block = place - place % _BLOCK
        match dice.randrange(7):
            case 0 if made:
                made[min(place, len(made) - 1)] ^= 1 << dice.randrange(8)
            case 1:
                piece = dice.choice(_PIECES)
                made[place : place + len(piece)] = piece
            case 2:
                made[place:place] = dice.choice(_PIECES)
            case 3:  # blocks of another archive
                other = dice.choice(others)
                start = dice.randrange(len(other) // _BLOCK + 1) * _BLOCK
                made[block:block] = other[start : start + _BLOCK * dice.randrange(1, 5)]
            case 4:
                del made[block : block + _BLOCK * dice.randrange(1, 3)]
            case 5:
                made[block:block] = made[block : block + _BLOCK * dice.randrange(1, 4)]
            case _:
                start, length = dice.choice(_FIELDS)
                filled = (dice.choice(_PIECES) * dice.randrange(1, 40))[:length].ljust(dice.choice((0, length)), b"\0")
                made[block + start : block + start + len(filled)] = filled
    del made[LONGEST:]
    return mended(made, dice) if dice.random() < 0.9 else bytes(made)


def mended(made: bytearray, dice: random.Random) -> bytes:
    """Give each block that looks like a header the checksum it should have."""
    for start in range(0, len(made) - _BLOCK + 1, _BLOCK):
        if made[start + 257 : start + 262] == b"ustar" or (dice.random() < 0.05 and any(made[start : start + _BLOCK])):
            made[start + 148 : start + 156] = b" " * 8
            made[start + 148 : start + 156] = b"%06o\0 " % sum(made[start : start + _BLOCK])
    return bytes(made)


@contextmanager
def _workshop() -> Iterator[Path]:
    """A folder in memory where there is one: the disk is not what is tried."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)
