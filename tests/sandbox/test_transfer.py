"""What crosses the wall: a corpus of hostile archives made by code, and the properties of the honest way."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.errors import TransferRefused
from sandbox.transfer import Caps, Extracted, extract, stage

END = bytes(1024)


def header(
    name=b"file", size=0, kind=b"0", *, mode=b"0000644", raw_size=None, prefix=b"", magic=b"ustar\x0000", link=b""
):
    """Make one tar header by hand, also those that no honest library would write."""
    block = bytearray(512)
    block[0 : len(name)] = name
    block[100:108] = mode + b"\0"
    block[108:116] = block[116:124] = b"0000000\0"
    block[124:136] = raw_size if raw_size is not None else b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257:265] = magic
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def member(name=b"file", content=b"x", **given):
    return header(name, len(content), **given) + content + bytes(-len(content) % 512)


def pax(*records):
    content = b"".join(records)
    return member(b"PaxHeader", content, kind=b"x")


def record(key, value):
    body = b" %s=%s\n" % (key, value)
    length = len(body) + 1
    while len(b"%d" % length) + len(body) != length:
        length += 1
    return b"%d" % length + body


HOSTILE = {
    "a symlink": header(b"link", kind=b"2", link=b"/etc/passwd") + END,
    "a symlink, then a file through it": header(b"d", kind=b"2", link=b"/tmp") + member(b"d/planted") + END,
    "a hard link": header(b"link", kind=b"1", link=b"/etc/passwd") + END,
    "a character device": header(b"null", kind=b"3") + END,
    "a block device": header(b"sda", kind=b"4") + END,
    "a pipe": header(b"fifo", kind=b"6") + END,
    "a contiguous file": member(b"file", kind=b"7") + END,
    "a sparse file": member(b"file", kind=b"S") + END,
    "a long name of GNU tar": member(b"././@LongLink", b"../planted\0", kind=b"L") + member() + END,
    "a long link of GNU tar": member(b"././@LongLink", b"/etc\0", kind=b"K") + member() + END,
    "a global extended header": member(b"g", record(b"path", b"../planted"), kind=b"g") + member() + END,
    "a kind nobody knows": member(b"file", kind=b"Z") + END,
    "a parent folder": member(b"../planted") + END,
    "a parent folder within": member(b"a/../../planted") + END,
    "a parent folder in the prefix": member(b"planted", prefix=b"..") + END,
    "a parent folder in an extended header": pax(record(b"path", b"../planted")) + member() + END,
    "an absolute name": member(b"/planted") + END,
    "an absolute name in an extended header": pax(record(b"path", b"/planted")) + member() + END,
    "an empty name": member(b"") + END,
    "a name that is only a dot": member(b".") + END,
    "an empty part": member(b"a//b") + END,
    "a dot part": member(b"a/./b") + END,
    "a file that ends in a slash": member(b"a/") + END,
    "a NUL in an extended name": pax(record(b"path", b"a\0b")) + member() + END,
    "a name that is not UTF-8": member(b"\xff\xfe") + END,
    "a lone surrogate in a name": pax(record(b"path", b"\xed\xa0\x80")) + member() + END,
    "a part too long for a file system": pax(record(b"path", b"a" * 256)) + member() + END,
    "too deep": pax(record(b"path", b"/".join([b"d"] * 21))) + member() + END,
    "the same file twice": member() + member() + END,
    "the same file twice, once with a dot": member() + member(b"./file") + END,
    "the same folder twice": header(b"d/", kind=b"5") + header(b"d", kind=b"5") + END,
    "a file, then a folder": member(b"a") + member(b"a/b") + END,
    "a folder, then a file": member(b"a/b") + member(b"a") + END,
    "a folder with content": member(b"d", b"x" * 600, kind=b"5") + END,
    "a negative size": header(raw_size=b"\xff" * 10 + b"\xfe\x00") + END,
    "a size in base 256": header(raw_size=b"\x80" + bytes(10) + b"\x01") + b"x" + bytes(511) + END,
    "a size with a sign": header(raw_size=b"-0000000010\0") + END,
    "a size that is no number": header(raw_size=b"0000000009\0\0") + END,
    "a size that is empty": header(raw_size=b"\0" * 12) + END,
    "a size far beyond the archive": header(raw_size=b"77777777777\0") + END,
    "a size just beyond the archive": header(size=4096) + b"x" * 512,
    "a size changed by an extended header": pax(record(b"size", b"0")) + member() + END,
    "a link target in an extended header": pax(record(b"linkpath", b"/etc")) + member() + END,
    "a sparse map in an extended header": pax(record(b"GNU.sparse.major", b"1")) + member() + END,
    "an extended header without length": pax(b"path=x\n") + member() + END,
    "an extended header with a length too long": pax(b"99 path=x\n") + member() + END,
    "an extended header with a length of nothing": pax(b"0 path=x\n") + member() + END,
    "an extended header without newline": pax(b"9 path=xx") + member() + END,
    "an extended header on an extended header": pax(record(b"path", b"a")) + pax(record(b"path", b"b")) + member() + END,
    "an extended header at the end": pax(record(b"path", b"a")) + END,
    "a damaged checksum": b"F" + member()[1:] + END,
    "no end": member(),
    "half an end": member() + bytes(512),
    "half a header": member() + header()[:100],
    "more after the end": member() + END + member(b"second"),
    "something between the end blocks": member() + bytes(512) + member(b"second") + END,
    "nothing at all": b"",
    "no archive": b"this is not an archive" * 100,
    "a compressed archive": gzip.compress(member() + END),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_whole(name, tmp_path):
    (tmp_path / "outside").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TransferRefused):
        extract(io.BytesIO(HOSTILE[name]), tmp_path / "in" / "side")

    (tmp_path / "in").rmdir()  # empty: the destination is gone
    assert sorted(tmp_path.rglob("*")) == before


def test_the_corpus_is_hostile_only_where_it_says_so(tmp_path):
    """The same maker, used honestly, makes archives that are accepted; so the refusals above have the named cause."""
    honest = (
        header(b"d/", kind=b"5")
        + member(b"d/file", b"content")
        + member(b"old", b"", kind=b"\0")
        + member(b"planted", b"y", prefix=b"long/prefix")
        + pax(record(b"mtime", b"1.5"), record(b"path", "näme".encode())) + member(b"x", b"z")
        + END + bytes(8192)
    )  # fmt: skip
    assert extract(io.BytesIO(honest), tmp_path / "out") == Extracted(files=4, total=9)
    assert (tmp_path / "out/d/file").read_bytes() == b"content"
    assert (tmp_path / "out/long/prefix/planted").read_bytes() == b"y"
    assert (tmp_path / "out/näme").read_bytes() == b"z"


@pytest.mark.parametrize(
    ("caps", "what"),
    [
        (Caps(members=3), "more than 3 members"),
        (Caps(total=39), "more than 39 bytes"),
        (Caps(depth=1), "deeper than 1"),
        (Caps(name=4), "longer than 4 bytes"),
    ],
)
def test_each_cap_holds(caps, what, tmp_path):
    archive = b"".join(member(b"d/part%d" % number, bytes(10)) for number in range(4)) + END
    with pytest.raises(TransferRefused, match=what):
        extract(io.BytesIO(archive), tmp_path / "out", caps)
    assert not (tmp_path / "out").exists()
    assert extract(io.BytesIO(archive), tmp_path / "out", Caps(members=4, total=40, depth=2, name=5)).files == 4


class Endless(io.RawIOBase):
    """A stream without end, that counts what was read of it."""

    def __init__(self, start: bytes, rest: bytes) -> None:
        self.start, self.rest, self.taken = start, rest, 0

    def read(self, size=-1):
        assert 0 < size <= 1024 * 1024, "a read without bound"
        self.taken += size
        piece, self.start = self.start[:size], self.start[size:]
        return piece or (self.rest * (size // len(self.rest) + 1))[:size]


def test_a_giant_extended_header_is_refused_before_it_is_read(tmp_path):
    stream = Endless(header(b"PaxHeader", 50 * 1024 * 1024, b"x"), b"a")
    with pytest.raises(TransferRefused, match="too long"):
        extract(stream, tmp_path / "out")
    assert stream.taken == 512


@pytest.mark.parametrize(
    "rest",
    [bytes(512), header(b"d", kind=b"5"), pax(record(b"mtime", b"1"))],
    ids=["padding", "members", "extended headers"],
)
def test_an_endless_stream_ends(rest, tmp_path):
    caps = Caps(members=50, total=4096)
    stream = Endless(member() + (END if rest == bytes(512) else b""), rest)
    with pytest.raises(TransferRefused):
        extract(stream, tmp_path / "out", caps)
    assert stream.taken <= caps.stream + 1024 * 1024


def test_a_stream_that_gives_a_byte_at_a_time_is_read_whole(tmp_path):
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(1)

    assert extract(Slow(member(b"file", b"content") + END), tmp_path / "out").total == 7


def test_a_destination_that_exists_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("mine")
    with pytest.raises(TransferRefused):
        extract(io.BytesIO(member() + END), tmp_path / "out")
    assert (tmp_path / "out/mine").read_text() == "mine"


def test_a_disk_that_fails_is_a_refusal_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(TransferRefused, match="No space left"):
        extract(io.BytesIO(member() + END), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_the_execute_bit_of_the_owner_is_taken(tmp_path):
    archive = (
        member(b"a", mode=b"0007777") + member(b"b", mode=b"0000666") + header(b"d/", kind=b"5", mode=b"0007777") + END
    )
    extract(io.BytesIO(archive), tmp_path / "out")
    modes = {path.name: path.stat().st_mode & 0o7777 for path in (tmp_path / "out").iterdir()}
    assert modes == {"a": 0o755, "b": 0o644, "d": 0o755}


# --- properties -------------------------------------------------------------------------------------------------------

PART = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40).filter(
    lambda part: part not in (".", "..") and len(part.encode()) <= 255
)
TREE = st.dictionaries(
    st.lists(PART, min_size=1, max_size=4).map(tuple), st.tuples(st.binary(max_size=2000), st.booleans()), max_size=8
).filter(lambda tree: not any(a != b and b[: len(a)] == a for a in tree for b in tree))


def packed(tree, form) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w|", format=form) as archive:
        for parts, (content, executable) in tree.items():
            info = tarfile.TarInfo("/".join(parts))
            info.size, info.mode, info.mtime = len(content), 0o755 if executable else 0o644, 1.5
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def found(folder: Path):
    return {
        path.relative_to(folder).parts: (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in folder.rglob("*")
        if path.is_file()
    }


@settings(deadline=None, max_examples=60)
@given(tree=TREE)
def test_what_an_honest_packer_packs_arrives_as_it_was(tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    extract(io.BytesIO(packed(tree, tarfile.PAX_FORMAT)), folder / "pax")
    assert found(folder / "pax") == tree


@settings(deadline=None, max_examples=60)
@given(tree=TREE)
def test_what_is_staged_is_there_and_readable_by_others(tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "staged"
    stage({"/".join(parts): value for parts, value in tree.items()}, folder)
    assert found(folder) == tree
    assert {path.stat().st_mode & 0o7777 for path in (folder, *folder.rglob("*")) if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o7777 for path in folder.rglob("*") if path.is_file()} <= {0o755, 0o644}


@settings(deadline=None, max_examples=300)
@given(data=st.data(), tree=TREE)
def test_a_damaged_archive_is_taken_within_bounds_or_refused(data, tree, tmp_path_factory):
    """Whatever is flipped, cut, doubled or put in: a folder within the caps, or one refusal and no folder."""
    archive = bytearray(packed(tree, data.draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(archive)))
        piece = data.draw(st.binary(min_size=1, max_size=20) | st.sampled_from(sorted(HOSTILE.values())))
        archive[place : place + data.draw(st.sampled_from([0, len(piece), 512]))] = piece
    caps = Caps(members=20, total=10_000)
    folder = tmp_path_factory.mktemp("out")
    try:
        held = extract(io.BytesIO(bytes(archive)), folder / "in", caps)
    except TransferRefused:
        assert list(folder.iterdir()) == []
    else:
        files = found(folder / "in")
        assert (len(files), sum(len(content) for content, _ in files.values())) == (held.files, held.total)
        assert held.total <= caps.total
        assert not [path for path in folder.rglob("*") if path.is_symlink() or not (path.is_dir() or path.is_file())]


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", "a//x", ".", "", "a/", "x\0y", "a" * 256])
def test_a_path_that_leaves_the_staged_folder_is_refused(path, tmp_path):
    with pytest.raises(TransferRefused):
        stage({"fine": (b"", False), path: (b"", False)}, tmp_path / "in" / "staged")
    assert list((tmp_path / "in").iterdir()) == []


def test_staging_is_readable_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        stage({"d/file": (b"x", False), "run": (b"x", True)}, tmp_path / "staged")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "staged").rglob("*")}
    assert modes == {"d": 0o755, "file": 0o644, "run": 0o755}
