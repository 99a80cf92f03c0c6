"""Found by the fuzzer of the record: a document that does not name its form was read as if it did.

The field was filled in with what it would have said, so the same entry had two byte forms, and what the audit put into the
Merkle tree was not what is stored. A document now names its form.
"""

import json

import pytest

from agent.candidate import Evidence
from agent.digest import canonical_json
from agent.errors import SignatureRefused
from agent.gate.statement import parse_record
from agent.gate.trust import parse_root
from agent.gate.verdict import Verdict
from agent.lineage.gate_log import parse_entry
from tests.lineage.world import git


def without_its_form(content: bytes) -> bytes:
    document = json.loads(content)
    del document["schema"]
    return canonical_json(document)


@pytest.mark.parametrize("name", ["entry", "root", "evidence", "verdict"])
def test_a_document_that_does_not_name_its_form_is_refused(world, name):
    def shown(path):
        return git(world.folder, "show", f"gate-log:{path}").encode()

    content, read = {
        "entry": (shown("entries/00/00/05/entry.json"), parse_entry),
        "root": (world.root.content, parse_root),
        "evidence": (
            shown("entries/00/00/05/evidence.json"),
            lambda data: parse_record(data, Evidence, "the evidence"),
        ),
        "verdict": (shown("entries/00/00/05/verdict.json"), lambda data: parse_record(data, Verdict, "the verdict")),
    }[name]
    read(content)

    with pytest.raises(SignatureRefused, match="does not say of which form it is"):
        read(without_its_form(content))
