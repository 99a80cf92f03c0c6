"""The facts about one candidate, `successor.facts/v5`: computed by the host from two trees and the evidence.

The law sees this document and nothing else. It is strict: a field too many, too few or of another type, and the
document is none. Its derived block is computed, never taken on trust: a document whose block does not follow from the
rest of it is refused as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, Protocol

from pydantic import Field, ValidationError, model_validator

from agent.candidate import Allowance, Comparison, Deciding, Evidence, Frozen, TestReport
from agent.digest import canonical_json, read_canonical
from agent.edits.tree import File, Tree
from agent.errors import BadSettings, PolicyDenied
from agent.gate.code_facts import code_facts
from agent.gate.derive import BILLION, Derived, derive, follows
from agent.gate.document import (
    MAX_ENTRIES,
    ComparisonFact,
    DecisionFact,
    EvidenceFacts,
    FrozenFact,
    Measured,
    PatchFacts,
    ProbeFact,
    SandboxFact,
    Subject,
    SuiteFact,
    TestFact,
    capped,
    capped_texts,
)
from agent.gate.patch_facts import file_facts, hidden_facts, odd_paths
from agent.gate.source import Sources
from agent.gate.weakening import changes_to_tests
from agent.workspace import SETTINGS_FILE, Zones, parse_settings

__all__ = ["Facts", "collect", "conclude", "parse_facts"]

SCHEMA: Literal["successor.facts/v5"] = "successor.facts/v5"
MAX_FACTS_BYTES = 16 * 1024 * 1024

_NO_FACTS = {"suite_digest", "model", "parent_spent", "candidate_spent"}
"""What a comparison tells people and not the law."""
_LEVELS = {"reduced": 1, "container": 2, "hardened": 3}


class Facts(Measured):
    """The whole document. Make one with `collect`, or read one with `parse_facts`."""

    schema_: Literal["successor.facts/v5"] = Field(alias="schema")
    derived: Derived

    @model_validator(mode="after")
    def _derived_follows(self) -> Facts:
        if not follows(self.derived, self):
            raise ValueError("the derived block does not follow from the rest of the document")
        return self


class Edits(Protocol):
    """As much of a patch as the facts need; what it changes is read from the trees."""

    @property
    def edits(self) -> Sequence[object]:
        """Its edits, in order."""
        ...


def collect(base: Tree, tree: Tree, patch: Edits, zones: Zones, evidence: Evidence) -> Facts:
    """Compute the facts of a candidate: `tree` made from `base` by `patch`, measured as `evidence` says.

    Zones and the list of suites come from the base, which a person approved. Pure and deterministic. Raises
    `PolicyDenied` when a quantity is beyond what the document holds.
    """
    before, after = Sources(base), Sources(tree)
    try:
        measured = Measured(
            subject=Subject(
                base_commit=evidence.base_commit,
                base_tree=evidence.base_tree,
                tree=evidence.tree,
                diff=evidence.diff,
            ),
            complete=True,
            patch=PatchFacts(
                edits=len(patch.edits),
                files=capped(file_facts(base, tree, zones)),
                hidden=capped(hidden_facts(base, tree)),
                odd_paths=capped_texts(odd_paths(base, tree)),
            ),
            code=code_facts(before, after),
            tests=changes_to_tests(before, after),
            evidence=_evidence_facts(base, tree, evidence),
        )
        return conclude(measured.model_copy(update={"complete": _is_complete(measured.model_dump())}))
    except ValidationError as error:
        raise PolicyDenied("no facts can be made of this candidate", why=_first(error)) from error


def conclude(measured: Measured) -> Facts:
    """Add the derived block to a document's measured parts."""
    parts = {name: getattr(measured, name) for name in Measured.model_fields}
    return Facts.model_validate({"schema": SCHEMA, **parts, "derived": derive(measured)})


def parse_facts(content: bytes) -> Facts:
    """Read a stored document. Raises `PolicyDenied` unless it is canonical JSON of exactly this schema."""
    if len(content) > MAX_FACTS_BYTES:
        raise PolicyDenied("the facts are too large to be judged", why=f"more than {MAX_FACTS_BYTES} bytes")
    try:
        if read_canonical(content) is None and canonical_json(json.loads(content)) != content:
            raise PolicyDenied("the facts are not canonical JSON", why="one document must have one digest")
        return Facts.model_validate_json(content)
    except ValidationError as error:
        raise PolicyDenied("the facts are malformed", why=_first(error)) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise PolicyDenied("the facts are malformed", why="they are not JSON of the expected kind") from error


def _evidence_facts(base: Tree, tree: Tree, evidence: Evidence) -> EvidenceFacts:
    sandbox = evidence.sandbox
    return EvidenceFacts(
        of_this_base=evidence.base_tree == base.digest,
        of_this_tree=evidence.tree == tree.digest,
        suites=capped(_demanded_suites(base.get(SETTINGS_FILE))),
        tests=capped(_test_fact(report) for report in evidence.tests),
        comparisons=capped(_comparison_fact(comparison) for comparison in evidence.comparisons),
        decisions=capped(_decision_fact(decision) for decision in evidence.decisions),
        frozen=capped(_frozen_fact(frozen) for frozen in evidence.frozen),
        left_out=capped_texts(one.suite for one in evidence.left_out if not one.task),
        probes=capped(
            ProbeFact(
                name=probe.name, passed=probe.passed, blocking=probe.blocking, findings=capped_texts(probe.findings)
            )
            for probe in evidence.probes
        ),
        sandbox=SandboxFact(
            backend=sandbox.backend,
            level=_LEVELS[sandbox.level],
            network=sandbox.network,
            runtime=sandbox.runtime,
            limits=sandbox.limits,
        ),
        trials=evidence.trials,
        search_trials=evidence.search_trials,
        candidates_tried=evidence.candidates_tried,
    )


def _demanded_suites(settings: File | None) -> tuple[SuiteFact, ...]:
    """Suites that the base's own settings demand. Without valid settings there are none, and that denies."""
    try:
        suites = parse_settings(settings.content).suites if settings else []
    except BadSettings:
        suites = []
    return tuple(SuiteFact(name=suite.name, objective=suite.objective, optional=suite.optional) for suite in suites)


def _test_fact(report: TestReport) -> TestFact:
    lists = {name: capped_texts(getattr(report, name)) for name in ("failed", "missing", "unexpected")}
    return TestFact.model_validate({**report.model_dump(), **lists})


def _comparison_fact(comparison: Comparison) -> ComparisonFact:
    return ComparisonFact.model_validate(comparison.model_dump(exclude=_NO_FACTS))


def _decision_fact(decision: Deciding) -> DecisionFact:
    given = decision.allowance.model_dump() if decision.allowance else dict.fromkeys(Allowance.model_fields, 0)
    return DecisionFact(
        suite=decision.suite,
        exam=decision.exam,
        outcome=decision.outcome,
        p_value_ppb=decision.looks[-1].p_value_ppb if decision.looks else BILLION,
        looks=len(decision.looks),
        **given,
    )


def _frozen_fact(frozen: Frozen) -> FrozenFact:
    kept = {name: getattr(frozen, name) for name in ("suite", "status", "tasks", "candidate_ppm", "gain_low_ppm")}
    return FrozenFact(**kept, lost=len(frozen.lost))


def _is_complete(value: Any) -> bool:
    """Whether no list anywhere in a dumped document reached the limit at which lists are cut."""
    if isinstance(value, dict):
        return all(_is_complete(item) for item in value.values())
    if isinstance(value, list | tuple):
        return len(value) < MAX_ENTRIES and all(_is_complete(item) for item in value)
    return True


def _first(error: ValidationError) -> str:
    """Say where the first fault lies and what it is, without repeating the candidate's own text."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "(top)"
    return f"{place[:120]}: {first['msg'][:200]}"
