"""Every parser of the record that meets foreign bytes: whatever they are, they are read or refused, and nothing else."""

import contextlib
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import AuditFailed, Refused, SuccessorError
from agent.gate.revocation import read_revocation
from agent.gate.trust import parse_root
from agent.gate.trust_change import change_files, read_change, sign_change
from agent.lineage.audit_bundle import unpack
from agent.lineage.audit_disguise import disguises
from agent.lineage.audit_graph import check_graph
from agent.lineage.gate_log import LogEntry, parse_entry
from agent.lineage.objects import parse_commit, parse_tree
from agent.lineage.trailers import Trailers, check_message, entry_index, write_message
from tests.lineage.world import git

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
POSITION, CHANGE = st.integers(0, 2**20), st.integers(1, 255)


def spoilt(content, position, change):
    changed = bytearray(content)
    changed[position % len(changed)] ^= change
    return bytes(changed)


@pytest.fixture(scope="module")
def stored(good_history):
    """Real documents of a real history, to be spoilt."""
    world = good_history
    root = world.next_root()
    signed = [sign_change(root, world.root.fingerprint, "alice", world.people["alice"])]
    with world.open() as repository:
        tip = repository.commit(world.tip("gate-log"))
        body = repository.read(world.tip("gate-log"), "commit")
        tree = repository.read(tip.tree, "tree")
    entry = git(world.folder, "show", "gate-log:entries/00/00/05/entry.json").encode()
    return {
        "world": world, "entry": entry, "commit": body, "tree": tree, "root": world.root.content,
        "revocation": world.revocation("c3"),
        "change": {name: file.content for name, file in change_files(root, signed).items()},
    }  # fmt: skip


PARSERS = {"entry": parse_entry, "commit": parse_commit, "tree": parse_tree, "root": parse_root}


@pytest.mark.parametrize("name", PARSERS)
@given(content=st.binary(max_size=300))
@FEW
def test_no_bytes_raise_anything_but_a_refusal(name, content):
    try:
        PARSERS[name](content)
    except Refused:
        return


@pytest.mark.parametrize("name", PARSERS)
@given(position=POSITION, change=CHANGE)
@FEW
def test_a_changed_byte_is_refused_or_gives_another_value(name, stored, position, change):
    try:
        assert PARSERS[name](spoilt(stored[name], position, change)) != PARSERS[name](stored[name])
    except Refused:
        return


@given(position=POSITION, change=CHANGE)
@FEW
def test_no_changed_byte_of_a_revocation_survives(stored, position, change):
    world = stored["world"]
    read_revocation(stored["revocation"], world.root, world.root.fingerprint)
    with pytest.raises(Refused):
        read_revocation(spoilt(stored["revocation"], position, change), world.root, world.root.fingerprint)


@given(name=st.sampled_from(["root.json", "signature-1.dsse.json"]), position=POSITION, change=CHANGE)
@FEW
def test_no_changed_byte_of_a_new_trust_root_survives(stored, name, position, change):
    world, files = stored["world"], stored["change"]
    read_change(files, world.root, world.root.fingerprint)
    with pytest.raises(Refused):
        read_change({**files, name: spoilt(files[name], position, change)}, world.root, world.root.fingerprint)


@given(files=st.dictionaries(st.sampled_from(["root.json", "signature-1.dsse.json", "x"]), st.binary(max_size=80)))
@FEW
def test_no_files_are_a_new_trust_root_by_chance(stored, files):
    with pytest.raises(Refused):
        read_change(files, stored["world"].root, stored["world"].root.fingerprint)


TRAILERS = Trailers("c1", 12, "sha256:" + "1" * 64, "sha256:" + "2" * 64, 3, ("alice", "bob"))


@given(position=POSITION, character=st.characters())
@FEW
def test_no_changed_character_of_the_trailers_survives(position, character):
    message = write_message(TRAILERS, "a title")
    check_message(message, TRAILERS)
    place = message.index("Successor-Id") + position % len(message[message.index("Successor-Id") :])
    changed = message[:place] + character + message[place + 1 :]
    if changed != message:
        with pytest.raises(Refused):
            check_message(changed, TRAILERS)


@given(st.text(max_size=300))
@FEW
def test_no_message_raises_where_a_hint_is_sought(message):
    assert entry_index(message) is None or f"Gate-Entry: {entry_index(message)}" in message


@given(
    kind=st.sampled_from(["genesis", "successor", "rejected", "denied", "revoked", "trust", "witnessed", "x"]),
    index=st.integers(-1, 2),
    named=st.tuples(*[st.booleans()] * 5),
)
@FEW
def test_an_entry_names_what_its_kind_names_and_nothing_else(kind, index, named):
    values = ("sha256:" + "0" * 64, "c1", "1" * 40, "2" * 40, "sha256:" + "3" * 64)
    names = ("previous", "candidate", "base_commit", "commit", "tree")
    about = {name: value if there else None for name, value, there in zip(names, values, named, strict=True)}
    try:
        entry = LogEntry(index=index, kind=kind, time=1, bundle=values[0], by=(), reason="", **about)
    except ValueError:
        return
    assert (entry.kind == "genesis") == (entry.index == 0) == (entry.previous is None)
    assert (entry.commit is not None) == (entry.kind in ("genesis", "successor"))
    assert parse_entry(entry.content) == entry


@pytest.fixture(scope="module")
def graphed(good_history, tmp_path_factory):
    world = good_history.copy(tmp_path_factory.mktemp("graph") / "workspace")
    git(world.folder, "commit-graph", "write", "--reachable")
    return world, (world.folder / ".git" / "objects" / "info" / "commit-graph").read_bytes()


@given(position=POSITION, change=CHANGE)
@FEW
def test_a_cache_of_commits_with_a_changed_byte_is_damaged_or_agrees(graphed, position, change):
    world, content = graphed
    with tempfile.TemporaryDirectory() as name, world.open() as repository:
        place = Path(name) / "objects" / "info"
        place.mkdir(parents=True)
        (place / "commit-graph").write_bytes(spoilt(content, position, change))
        try:
            check_graph(Path(name), repository.read)
        except (AuditFailed, SuccessorError):
            return


@given(st.binary(max_size=200))
@FEW
def test_no_bytes_behind_a_bundles_first_line_raise_anything_but_an_error_of_ours(content):
    with tempfile.TemporaryDirectory() as name:
        bundle, folder = Path(name) / "bundle", Path(name) / "git"
        folder.mkdir()
        bundle.write_bytes(b"# v2 git bundle\n" + content)
        with pytest.raises(SuccessorError):
            unpack(bundle, folder)


@given(
    st.lists(st.sampled_from(["refs/heads/main", "refs/heads/x", "../../evil", "refs/heads/a b", "HEAD"]), max_size=4)
)
@FEW
def test_no_ref_of_a_bundle_is_written_anywhere_but_into_the_one_list(names):
    with tempfile.TemporaryDirectory() as name:
        bundle, folder = Path(name) / "bundle", Path(name) / "git"
        folder.mkdir()
        pack = b"PACK" + struct.pack(">II", 2, 0)
        lines = "".join(f"{'1' * 40} {ref}\n" for ref in names).encode()
        bundle.write_bytes(b"# v2 git bundle\n" + lines + b"\n" + pack)
        with contextlib.suppress(SuccessorError):
            unpack(bundle, folder)
        written = {str(path.relative_to(name)) for path in Path(name).rglob("*") if path.is_file()}
        assert written <= {
            "bundle",
            "git/HEAD",
            "git/packed-refs",
            *(f"git/objects/pack/pack-1.{e}" for e in ("pack", "idx")),
        }


@given(st.binary(max_size=300))
@FEW
def test_whatever_packed_refs_hold_is_told_in_words_or_not_at_all(content):
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "packed-refs").write_bytes(content)
        (Path(name) / "objects").mkdir()
        found = list(disguises(Path(name), ("refs/heads/main",)))
    assert all(slug and reason for slug, reason in found)
