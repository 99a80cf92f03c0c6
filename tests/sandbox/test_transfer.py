"""What crosses the wall: a corpus of hostile archives made by code, and the properties of the honest way."""

import io
import os
import tarfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.errors import TransferRefused
from sandbox.transfer import Caps, Extracted, extract, stage
from tests.sandbox.archives import END, HONEST, HOSTILE, header, member, pax, record

SHORT = sorted(archive for archive, _ in HOSTILE.values() if len(archive) < 20_000)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_whole(name, tmp_path):
    (tmp_path / "outside").mkdir()
    before = sorted(tmp_path.rglob("*"))
    archive, why = HOSTILE[name]
    with pytest.raises(TransferRefused, match=why):
        extract(io.BytesIO(archive), tmp_path / "in" / "side")

    (tmp_path / "in").rmdir()  # empty: the destination is gone
    assert sorted(tmp_path.rglob("*")) == before


def test_the_corpus_is_hostile_only_where_it_says_so(tmp_path):
    """The same maker, used honestly, makes archives that are accepted; so the refusals above have the named cause."""
    assert extract(io.BytesIO(HONEST + bytes(8192)), tmp_path / "out") == Extracted(files=4, total=9)
    assert (tmp_path / "out/d/file").read_bytes() == b"content"
    assert (tmp_path / "out/long/prefix/planted").read_bytes() == b"y"
    assert (tmp_path / "out/näme").read_bytes() == b"z"


@pytest.mark.parametrize(
    ("caps", "what"),
    [
        (Caps(members=4), "more than 4 members"),
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
    assert extract(io.BytesIO(archive), tmp_path / "out", Caps(members=5, total=40, depth=2, name=5)).files == 4


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


def folded(path):
    """As file systems that fold case or composition compare names."""
    return tuple(unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold()) for part in path)


TREE = st.dictionaries(
    st.lists(PART, min_size=1, max_size=4).map(tuple), st.tuples(st.binary(max_size=2000), st.booleans()), max_size=8
).filter(
    lambda tree: (
        not any(a != b and folded(b)[: len(a)] == folded(a) for a in tree for b in tree)
        and len({folded(path[:depth]) for path in tree for depth in range(1, 5)})
        == len({path[:depth] for path in tree for depth in range(1, 5)})
    )
)


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


def bounded(archive: bytes, folder: Path, caps: Caps) -> None:
    """Extract; hold that there is a folder within the caps, of regular files and folders only, or one refusal and none."""
    try:
        held = extract(io.BytesIO(archive), folder / "in", caps)
    except TransferRefused:
        assert list(folder.iterdir()) == []
    else:
        files = found(folder / "in")
        assert (len(files), sum(len(content) for content, _ in files.values())) == (held.files, held.total)
        assert held.total <= caps.total
        assert len(list((folder / "in").rglob("*"))) <= caps.members
        assert not [path for path in folder.rglob("*") if path.is_symlink() or not (path.is_dir() or path.is_file())]


@settings(deadline=None, max_examples=300)
@given(data=st.data(), tree=TREE)
def test_a_damaged_archive_is_taken_within_bounds_or_refused(data, tree, tmp_path_factory):
    """Whatever is flipped, cut, doubled or put in: a folder within the caps, or one refusal and no folder."""
    archive = bytearray(packed(tree, data.draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(archive)))
        piece = data.draw(st.binary(min_size=1, max_size=20) | st.sampled_from(SHORT))
        archive[place : place + data.draw(st.sampled_from([0, len(piece), 512]))] = piece
    bounded(bytes(archive), tmp_path_factory.mktemp("out"), Caps(members=20, total=10_000))


@settings(deadline=None, max_examples=200)
@given(archive=st.binary(max_size=3000) | st.lists(st.sampled_from(SHORT), max_size=4).map(b"".join))
def test_any_bytes_are_taken_within_bounds_or_refused(archive, tmp_path_factory):
    bounded(archive, tmp_path_factory.mktemp("out"), Caps(members=20, total=10_000))


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", "a//x", ".", "", "a/", "x\0y", "a" * 256, "\ud800"])
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
