"""The bundle of an entry in one file: what is read is what was written, and there is one form of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edits.tree import File, Tree
from agent.errors import AuditFailed, Refused
from agent.gate.signer import MachineKey
from agent.gate.statement import Evaluation, StatementKind, Subject, encode, sign
from agent.lineage.bundle_file import packed, unpacked

KEY = MachineKey.generate()
STATED = Evaluation(base_commit="3" * 40, diff="sha256:" + "4" * 64, evidence="sha256:" + "5" * 64)
SUBJECT = Subject("1" * 40, "sha256:" + "2" * 64)
ENVELOPE = sign(StatementKind.EVALUATION, SUBJECT, STATED, KEY)
CONTENTS = st.binary(max_size=40) | st.sampled_from([ENVELOPE, ENVELOPE + b"\n", ENVELOPE[:-1], b"{}", b"\n\n"])
NAMES = st.sampled_from(["diff", "facts.json", "review-1.dsse.json", "review-10.dsse.json", "x.y"])
BUNDLES = st.dictionaries(NAMES, st.builds(File, CONTENTS, st.booleans()), max_size=5).map(Tree)
STORED = packed(Tree({"a": File(b"12\n"), "b.dsse.json": File(ENVELOPE), "c": File(b"")}))


@given(BUNDLES)
def test_what_is_read_is_what_was_written(bundle):
    read = unpacked(packed(bundle))

    assert read == bundle
    assert read.digest == bundle.digest


@given(st.integers(0, len(STORED) - 1), st.binary(max_size=3))
def test_bytes_that_are_read_at_all_are_in_the_one_form(at, change):
    spoilt = STORED[:at] + change + STORED[at + len(change) :]
    try:
        read = unpacked(spoilt)
    except Refused:
        return

    assert packed(read) == spoilt


def test_a_payload_lies_there_as_it_was_signed():
    payload = encode(StatementKind.EVALUATION, SUBJECT, STATED)

    assert b" signed\n%s\n" % payload in STORED


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not begin with its version"),
        (STORED.replace(b"v2", b"v1", 1), "does not begin with its version"),
        (STORED + b"x", "does not begin as files do"),
        (STORED[:-1], "does not end where it says"),
        (STORED.replace(b"a 3\n", b"a 03\n"), "does not begin as files do"),
        (STORED.replace(b"a 3\n", b"a 1\n"), "does not end where it says"),
        (STORED.replace(b" a 3", b" z 3"), "out of order"),
        (STORED.replace(b" c 0", b" b.dsse.json 0"), "out of order"),
        (STORED.replace(b" a 3", b" ../a 3"), "does not begin as files do"),
        (STORED.replace(b" a 3", b" .git 3"), "does not begin as files do"),
        (b"successor.bundle/v2\n100644 a %d\n%s\n" % (len(ENVELOPE), ENVELOPE), "is not stored as one"),
    ],
)
def test_every_other_form_is_refused(content, reason):
    with pytest.raises(AuditFailed, match=reason):
        unpacked(content)


def test_more_files_than_a_bundle_may_have_are_refused():
    many = Tree({f"f{number:03}": File(b"") for number in range(101)})

    with pytest.raises(AuditFailed, match="too many"):
        unpacked(packed(many))


def test_a_name_that_has_no_place_in_a_bundle_is_refused():
    with pytest.raises(AuditFailed, match="cannot be the name"):
        packed(Tree({"a folder/a": File(b"")}))
