"""Packs are read as git reads them, whatever deltas they are made of; damage is never taken for content."""

import subprocess

import pytest

from agent.errors import AuditFailed
from agent.lineage.audit import audit
from agent.lineage.audit_git import Clone
from agent.lineage.pack_reader import CACHED_BYTES, PackReader, _check_size
from tests.lineage.world import git

NUMBERS = {"commit": 1, "tree": 2, "blob": 3}
MOST = 64 * 1024 * 1024


@pytest.fixture
def packed(world):
    """A repository whose objects all lie in one pack, deltas upon deltas."""
    git(world.folder, "repack", "-adfq", "--depth=50", "--window=50")
    return world


def objects_of(world):
    listing = git(world.folder, "cat-file", "--batch-check", "--batch-all-objects")
    return [line.split()[:2] for line in listing.splitlines()]


def index_of(world):
    (found,) = (world.folder / ".git/objects/pack").glob("*.idx")
    return found


def content_of(world, name, kind):
    command = ["git", "-C", str(world.folder), "cat-file", kind, name]
    return subprocess.run(command, check=True, capture_output=True).stdout


def test_every_object_is_what_git_says_it_is(packed):
    reader = PackReader(index_of(packed), MOST)
    listing = git(packed.folder, "verify-pack", "-v", str(index_of(packed)))
    assert "chain length = 2" in listing

    for name, kind in objects_of(packed):
        assert reader.get(bytes.fromhex(name)) == (NUMBERS[kind], content_of(packed, name, kind))
    assert reader.fault() == ""
    assert reader.get(bytes(20)) is None
    reader.close()


def test_bases_named_by_their_id_are_found(world):
    git(world.folder, "-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq")
    reader = PackReader(index_of(world), MOST)

    for name, kind in objects_of(world):
        assert reader.get(bytes.fromhex(name)) == (NUMBERS[kind], content_of(world, name, kind))
    reader.close()


def test_no_more_is_remembered_than_there_is_room_for(packed, monkeypatch):
    monkeypatch.setattr("agent.lineage.pack_reader.CACHED_BYTES", 4096)
    reader = PackReader(index_of(packed), MOST)

    for name, kind in objects_of(packed):
        assert reader.get(bytes.fromhex(name)) == (NUMBERS[kind], content_of(packed, name, kind))
        assert sum(len(body) for _, body in reader._cache.values()) <= 4096
    reader.close()
    assert CACHED_BYTES > 4096


def test_what_is_remembered_wrongly_is_not_taken_for_the_object(packed):
    clone = Clone.open(packed.folder)
    tip = packed.tip("gate-log")
    assert clone.read(tip, "commit")
    (reader,) = clone._opened()
    for at, (kind, body) in reader._cache.items():
        reader._cache[at] = (kind, body + b"x")

    with pytest.raises(AuditFailed, match="its content does not have that name"):
        clone.read(tip, "commit")
    clone.close()


def test_an_object_that_claims_to_be_too_large_is_not_inflated(packed):
    reader = PackReader(index_of(packed), 10)

    with pytest.raises(ValueError, match="too large"):
        reader.get(bytes.fromhex(packed.tip("gate-log")))
    reader.close()


def test_a_name_that_stands_twice_in_an_index_is_found(packed):
    index = index_of(packed)
    content = bytearray(index.read_bytes())
    content[1032:1052] = content[1052:1072]
    index.chmod(0o644)
    index.write_bytes(content)

    findings = audit(packed.folder, packed.root.fingerprint).findings

    assert [one.slug for one in findings] == ["pack-index"]
    assert "stands there twice" in findings[0].reason


@pytest.mark.parametrize("spoil", [lambda content: content[:-50], lambda content: b"x" + content[1:], lambda _: b""])
def test_a_damaged_index_is_a_finding(packed, spoil):
    index = index_of(packed)
    content = index.read_bytes()
    index.chmod(0o644)
    index.write_bytes(spoil(content))

    findings = audit(packed.folder, packed.root.fingerprint).findings

    assert "pack-index" in [one.slug for one in findings]


@pytest.mark.parametrize("at", [12, 100, 1000, 5000])
def test_a_damaged_pack_proves_nothing(packed, at):
    pack = index_of(packed).with_suffix(".pack")
    content = bytearray(pack.read_bytes())
    for place in range(at, at + 40):
        content[place] ^= 0x55
    pack.chmod(0o644)
    pack.write_bytes(content)

    assert audit(packed.folder, packed.root.fingerprint).findings


def test_a_chain_of_deltas_that_holds_more_than_any_object_is_refused(packed, monkeypatch):
    reader = PackReader(index_of(packed), 100)
    monkeypatch.setattr(PackReader, "_stored", lambda _, offset: (6, b"x" * 30, offset + 1))

    with pytest.raises(ValueError, match="larger than any object"):
        reader.get(bytes.fromhex(objects_of(packed)[0][0]))
    reader.close()


@pytest.mark.parametrize("first", [0x9F, 0x6F], ids=["a size", "the distance of a base"])
def test_a_number_that_does_not_end_is_refused_before_it_is_added_up(packed, first):
    """A megabyte of it took minutes; so much of it ends in another error."""
    index, place = index_of(packed), 12
    pack = index.with_suffix(".pack")
    pack.chmod(0o644)
    pack.write_bytes(pack.read_bytes()[:place] + bytes([first]) + b"\xff" * 50_000)
    reader = PackReader(index, MOST)

    with pytest.raises(ValueError, match="a number in it does not end"):
        reader._stored(place)
    reader.close()


def test_the_size_of_a_result_that_does_not_end_is_refused():
    with pytest.raises(ValueError, match="a number in it does not end"):
        _check_size(b"\xff" * 50_000, MOST)
