"""Found by the fuzzer of the record: a document that does not name its form was read as if it did.

The field was filled in with what it would have said, so the same entry had two byte forms, and what the audit put into the
Merkle tree was not what is stored. A document now names its form.
"""

import json

import pytest

from agent.candidate import Evidence
from agent.digest import canonical_json
from agent.errors import SignatureRefused
from agent.gate.dossier import EVIDENCE, VERDICT
from agent.gate.statement import parse_record
from agent.gate.trust import parse_root
from agent.gate.verdict import Verdict
from agent.lineage.gate_log import parse_entry, read_entry
from agent.lineage.succession import read_log


def without_its_form(content: bytes) -> bytes:
    document = json.loads(content)
    del document["schema"]
    return canonical_json(document)


@pytest.mark.parametrize("name", ["entry", "root", "evidence", "verdict"])
def test_a_document_that_does_not_name_its_form_is_refused(world, name):
    with world.open() as repository:
        entry, bundle = read_entry(repository.read, read_log(repository).tree, 5)
    content, read = {
        "entry": (entry.content, parse_entry),
        "root": (world.root.content, parse_root),
        "evidence": (bundle[EVIDENCE].content, lambda data: parse_record(data, Evidence, "the evidence")),
        "verdict": (bundle[VERDICT].content, lambda data: parse_record(data, Verdict, "the verdict")),
    }[name]
    read(content)

    with pytest.raises(SignatureRefused, match="does not say of which form it is"):
        read(without_its_form(content))
