"""The parts of the facts document, `successor.facts/v5`: what the law may look at, and nothing else.

Every quantity is an integer that both rule engines hold exactly, every list is bounded, and no field has a default: a
document that lacks a field, or has one more, is not a facts document, and what is not judged is denied.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from agent.candidate import Digest, GitId, Record

MAX_ENTRIES = 1000
"""Longest list in a facts document. One as long may have been cut; then `complete` is false, and that denies."""

MAX_TEXT = 600

Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
Natural = Annotated[int, Field(ge=0, le=2**53)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Texts = Annotated[tuple[Text, ...], Field(max_length=MAX_ENTRIES)]

CapabilityKind = Literal[
    "network", "process", "exit", "dynamic", "files", "environment", "patching", "outside", "encoded", "obscure"
]

Item = TypeVar("Item")


def capped(items: Iterable[Item]) -> tuple[Item, ...]:
    """Take as many items as a list of the document holds; no more are ever computed."""
    return tuple(islice(items, MAX_ENTRIES))


def capped_texts(items: Iterable[str]) -> tuple[str, ...]:
    """Sort texts, drop repetitions, and cut what is too long or too many."""
    found = {item[:MAX_TEXT] for item in items}
    return capped(sorted(found)) if found else ()


class FileFact(Record):
    """One file that differs between base and result."""

    path: Text
    zone: Literal["mind", "kept", "unknown"]
    change: Literal["added", "changed", "deleted"]
    added: Natural = Field(description="lines")
    removed: Natural = Field(description="lines")
    longest_line: Natural = Field(description="characters of the longest added line")
    mode: Literal["same", "made_executable", "made_plain"]
    readable: bool = Field(description="UTF-8 text without NUL")
    build: bool = Field(description="declares dependencies, hooks into a build, an interpreter or git")


class HiddenFact(Record):
    """A character that a reader does not see, or takes for another, in an added line (line 0: in the path)."""

    path: Text
    line: Natural
    character: Text = Field(description="its code point, such as U+202E")


class PatchFacts(Record):
    """What differs, as bytes and lines."""

    edits: Natural
    files: Annotated[tuple[FileFact, ...], Field(max_length=MAX_ENTRIES)]
    hidden: Annotated[tuple[HiddenFact, ...], Field(max_length=MAX_ENTRIES)]
    odd_paths: Texts = Field(description="changed paths that are not plain ASCII, or differ from another only in case")


class Capability(Record):
    """Something that the result can do in a place where the base could not."""

    kind: CapabilityKind
    name: Text = Field(description="qualified name as far as it can be told without running the code")
    path: Text
    line: Natural
    where: Literal["mind", "tests"]


class ImportFact(Record):
    """An import that the result has more often than the base."""

    module: Text
    path: Text
    line: Natural
    origin: Literal["stdlib", "own", "third_party"]
    known: bool = Field(description="the base imports the same top-level module somewhere")


class Remark(Record):
    """A sentence about one line of one file."""

    path: Text
    line: Natural
    what: Text


class CodeFacts(Record):
    """What the patch adds to the Python code of the workspace, compared with the base as a whole."""

    capabilities: Annotated[tuple[Capability, ...], Field(max_length=MAX_ENTRIES)]
    imports: Annotated[tuple[ImportFact, ...], Field(max_length=MAX_ENTRIES)]
    suppressions: Annotated[tuple[Remark, ...], Field(max_length=MAX_ENTRIES)]
    unparsable: Annotated[tuple[Remark, ...], Field(max_length=MAX_ENTRIES)]


class Weakened(Record):
    """A test, fixture or helper that lost assertions of the base. `lost` counts those no longer there word for word."""

    test: Text
    before: Natural
    after: Natural
    lost: Natural


class TestChanges(Record):
    """What the patch does to the workspace's tests, read from their syntax."""

    __test__ = False  # not a pytest class

    removed: Texts
    weakened: Annotated[tuple[Weakened, ...], Field(max_length=MAX_ENTRIES)]
    skipped: Texts = Field(description="tests that gained a skip, an expected failure, a decorator or an early return")
    empty: Texts = Field(description="added or changed tests that assert nothing")
    data: Texts = Field(description="files beside the tests, other than Python, that were changed or deleted")
    hooks: Texts = Field(description="conftest files and pytest hooks, plugins or automatic fixtures added or changed")


class SuiteFact(Record):
    """A suite that the parent's `successor.toml` demands."""

    name: Text
    objective: bool
    optional: bool = Field(description="it may be left out where the model that it needs is not to be had")


class TestFact(Record):
    """One test run, see `agent.candidate.TestReport`."""

    __test__ = False  # not a pytest class

    which: Literal["kept", "scaffold"]
    apart: bool
    expected: Natural
    passed: Natural
    failed: Texts
    missing: Texts
    unexpected: Texts
    ended: Text


class ComparisonFact(Record):
    """One comparison with the parent, see `agent.candidate.Comparison`."""

    suite: Text
    split: Literal["dev", "heldout"]
    tasks: Natural
    families: Natural
    repeats: Natural
    parent_ppm: Whole
    candidate_ppm: Whole
    gain_ppm: Whole
    gain_low_ppm: Whole
    gain_high_ppm: Whole
    moved: Natural
    p_value_ppm: Natural
    noise_ppm: Natural
    infrastructure_failures: Natural
    graded: Literal["host", "apart", "together"]


class DecisionFact(Record):
    """The test of one objective on its held-out split, see `agent.candidate.Deciding`. Without a level it had none."""

    suite: Text
    exam: Text
    outcome: Literal["promote", "stop", "not_begun"]
    p_value_ppb: Natural
    looks: Natural
    level_ppb: Natural
    given_ppb: Natural
    run_error_ppb: Natural
    run_candidates: Natural
    looks_error_ppb: Natural
    looks_allowed: Natural
    looks_used: Natural


class FrozenFact(Record):
    """The frozen tasks of one suite, see `agent.candidate.Frozen`."""

    suite: Text
    status: Literal["measured", "stale", "left_out"]
    tasks: Natural
    candidate_ppm: Natural
    gain_low_ppm: Whole
    lost: Natural


class ProbeFact(Record):
    """What one probe found."""

    name: Text
    passed: bool
    blocking: bool
    findings: Texts


class SandboxFact(Record):
    """In what the trials ran."""

    backend: Text
    level: Annotated[int, Field(ge=1, le=3)] = Field(description="1 reduced, 2 container, 3 hardened")
    network: Text
    runtime: Digest
    limits: Digest


class EvidenceFacts(Record):
    """What was measured, and whether it was measured on these very trees."""

    of_this_base: bool
    of_this_tree: bool
    suites: Annotated[tuple[SuiteFact, ...], Field(max_length=MAX_ENTRIES)]
    tests: Annotated[tuple[TestFact, ...], Field(max_length=MAX_ENTRIES)]
    comparisons: Annotated[tuple[ComparisonFact, ...], Field(max_length=MAX_ENTRIES)]
    decisions: Annotated[tuple[DecisionFact, ...], Field(max_length=MAX_ENTRIES)]
    frozen: Annotated[tuple[FrozenFact, ...], Field(max_length=MAX_ENTRIES)]
    left_out: Texts = Field(description="suites that could not be measured on that machine; only optional ones may be")
    probes: Annotated[tuple[ProbeFact, ...], Field(max_length=MAX_ENTRIES)]
    sandbox: SandboxFact
    trials: Natural
    search_trials: Natural
    candidates_tried: Natural


class Subject(Record):
    """What the document is about, by digest."""

    base_commit: GitId
    base_tree: Digest
    tree: Digest
    diff: Digest


class Measured(Record):
    """The document without what follows from it."""

    subject: Subject
    complete: bool = Field(description="no list is as long as a list may be, so none was cut")
    patch: PatchFacts
    code: CodeFacts
    tests: TestChanges
    evidence: EvidenceFacts
