"""What was recorded about a candidate or successor, to be made again: from the gate log, else from the store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.candidate import Allowance, Evidence
from agent.digest import canonical_json, sha256
from agent.edits.diff import diff
from agent.edits.patch import Patch
from agent.edits.tree import Tree
from agent.edits.unified import apply_unified, unified_diff
from agent.errors import Refused, UnknownId
from agent.evaluate.reproduced import Part, same_or_not
from agent.gate.dossier import DIFF, EVIDENCE, FACTS, VERDICT, policies_of
from agent.gate.facts import collect
from agent.gate.review import BRANCH_PREFIX, CANDIDATE_ID
from agent.gate.rules import load_bundle
from agent.gate.verdict import Verdict, judge_document
from agent.lineage.gate_log import read_entry
from agent.lineage.repository import Repository
from agent.lineage.succession import read_log
from agent.lineage.trailers import entry_index
from agent.loop.judging import part_of, settings_of
from agent.loop.store import Store


@dataclass(frozen=True)
class Record:
    """Base, result and what was measured and judged of them. `source`: where that was found."""

    base_commit: str
    base: Tree
    tree: Tree
    source: str
    files: Mapping[str, bytes]

    @property
    def evidence(self) -> Evidence:
        """What was measured."""
        return Evidence.model_validate_json(self.files[EVIDENCE])

    @property
    def patch(self) -> Patch:
        """The edits from base to result."""
        return diff(self.base, self.tree)

    def grant(self, _suites: object) -> Allowance:
        """Give the tests the error that they had. Raises `Refused` when they had none: they were not begun then."""
        for decision in self.evidence.decisions:
            if decision.allowance is not None:
                return decision.allowance
        raise Refused("the candidate passes the screen now, and was not shown to held-out tasks then")


def find_record(repository: Repository, store: Store, name: str) -> Record | None:
    """Return what is recorded about a successor, by branch, commit or ID, or about any candidate of the store.

    None for a generation without evidence, such as the first. Raises `UnknownId`.
    """
    try:
        entry = store.candidate(name)
    except UnknownId:
        return _of_commit(repository, name)
    if repository.branch(BRANCH_PREFIX + entry.id) is not None:
        return _of_commit(repository, entry.id)
    if EVIDENCE not in entry.parts:
        raise Refused(f"{entry.id} was never measured", why=f"it is {entry.state}", mend="See: successor show ID")
    names = [name for name in (DIFF, EVIDENCE, FACTS, VERDICT) if name in entry.parts]
    return _record(repository, entry.base_commit, {name: part_of(store, entry, name) for name in names}, "the store")


def _of_commit(repository: Repository, name: str) -> Record | None:
    own = re.fullmatch(CANDIDATE_ID, name) and repository.branch(BRANCH_PREFIX + name)
    commit = own or repository.resolve(name)
    index = entry_index(repository.commit(commit).message)
    log = read_log(repository)
    if index is None or index > log.last.index:
        return None
    entry, bundle = read_entry(repository.read, log.tree, index)
    if entry.commit != commit or EVIDENCE not in bundle:
        raise Refused(f"{name} is not what the gate log records", mend="See: successor audit")
    files = {name: bundle[name].content for name in (DIFF, EVIDENCE, FACTS, VERDICT)}
    return _record(repository, entry.base_commit or "", files, f"entry {index} of the gate log")


def _record(repository: Repository, base_commit: str, files: Mapping[str, bytes], source: str) -> Record:
    base = repository.tree(base_commit)
    return Record(base_commit, base, apply_unified(base, files[DIFF]), source, files)


def judged_again(record: Record) -> Iterator[Part]:
    """Make again what needs no sandbox: the diff, the facts that follow from the evidence, and what the law says."""
    again = unified_diff(record.base, record.tree)
    yield same_or_not("diff", sha256(record.files[DIFF]), sha256(again))
    evidence, trees = record.evidence, (record.base.digest, record.tree.digest)
    yield same_or_not("evidence of these trees", (evidence.base_tree, evidence.tree), trees)
    if FACTS not in record.files:
        yield Part("facts", "not_run", "it was not judged")
        return
    zones = settings_of(record.base).zones
    facts = canonical_json(collect(record.base, record.tree, record.patch, zones, evidence))
    yield same_or_not("facts", sha256(record.files[FACTS]), sha256(facts))
    then = Verdict.model_validate_json(record.files[VERDICT])
    now = judge_document(load_bundle(policies_of(record.base)), record.files[FACTS])
    # Waivers are people's: the audit says whether they counted.
    yield same_or_not("verdict", then, now, without=frozenset({"allowed", "waived"}) if then.waived else frozenset())
