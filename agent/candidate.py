"""A candidate: its way through the house, and everything measured about it.

These values are shared by `evaluate`, which fills them, `gate`, which judges them, and `loop`, which stores them. All
quantities are integers, so that their canonical JSON has exactly one form: `_ppm` is parts per million.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.errors import IllegalTransition

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
GitId = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Count = Annotated[int, Field(ge=0)]


class State(StrEnum):
    """Where a candidate stands. The order of the first seven is the only way to a successor."""

    DRAFTED = "drafted"
    SCREENED = "screened"
    EVALUATED = "evaluated"
    JUDGED = "judged"
    AWAITING_REVIEW = "awaiting_review"
    APPROVED = "approved"
    COMMITTED = "committed"
    DENIED = "denied"
    REJECTED = "rejected"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


_ALWAYS_POSSIBLE = frozenset({State.FAILED, State.EXPIRED, State.SUPERSEDED})

TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.DRAFTED: frozenset({State.SCREENED, State.DENIED}) | _ALWAYS_POSSIBLE,
        State.SCREENED: frozenset({State.EVALUATED, State.DENIED}) | _ALWAYS_POSSIBLE,
        State.EVALUATED: frozenset({State.JUDGED}) | _ALWAYS_POSSIBLE,
        State.JUDGED: frozenset({State.AWAITING_REVIEW, State.DENIED}) | _ALWAYS_POSSIBLE,
        State.AWAITING_REVIEW: frozenset({State.APPROVED, State.REJECTED}) | _ALWAYS_POSSIBLE,
        # An approved candidate either becomes a successor or failed to; nothing may expire a signed decision unseen.
        State.APPROVED: frozenset({State.COMMITTED, State.FAILED, State.SUPERSEDED}),
        State.COMMITTED: frozenset(),
        # Only people open a denied candidate again, with a signed waiver of what denied it; the law then judges anew.
        State.DENIED: frozenset({State.JUDGED}),
        State.REJECTED: frozenset(),
        State.FAILED: frozenset(),
        State.EXPIRED: frozenset(),
        State.SUPERSEDED: frozenset(),
    }
)


def step(current: State, target: State) -> State:
    """Return `target` if a candidate in `current` may go there, else raise `IllegalTransition`."""
    if target not in TRANSITIONS[current]:
        raise IllegalTransition(
            f"a candidate that is {current} cannot become {target}",
            why=f"from {current} it may go to {', '.join(sorted(TRANSITIONS[current])) or 'nowhere'}",
        )
    return target


class Record(BaseModel):
    """A frozen, strict value: no unknown field, no coercion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class TestReport(Record):
    """Outcome of one pytest run in a sandbox of its own, scored by the host from the list of expected tests.

    `expected` comes from running the parent's tests in the same batch. A test that did not report is `missing` and
    counts as failed; one nobody expected is reported and counts for nothing.
    """

    __test__ = False  # not a pytest class

    which: Literal["kept", "scaffold"]
    apart: bool = Field(
        description="whether tests and scaffold were in different sandboxes, so that none forged a report"
    )
    expected: Count
    passed: Count
    failed: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    ended: str = Field(description="how the run ended: exited, timed_out, out_of_memory, output_limit, killed")


class Spending(Record):
    """What one side's trials of a comparison asked of a model; all zero where there is none."""

    calls: Count = 0
    input_tokens: Count = Field(default=0, description="read neither from the provider's cache nor written to it")
    output_tokens: Count = 0
    cache_read_tokens: Count = 0
    cache_write_tokens: Count = 0
    micro_usd: Count = 0


class Comparison(Record):
    """Candidate against parent on the same tasks of one suite and split, in pairs."""

    suite: str
    suite_digest: Digest
    split: Literal["dev", "heldout"]
    tasks: Count
    families: Count = Field(description="clusters: modules whose tasks share a fate")
    repeats: Annotated[int, Field(ge=1)]
    parent_ppm: int
    candidate_ppm: int
    gain_ppm: int
    gain_low_ppm: int = Field(description="lower end of the two-sided 95 % interval of the gain, clustered by family")
    gain_high_ppm: int
    moved: Count = Field(description="tasks on which the two did not score the same")
    p_value_ppm: Annotated[int, Field(ge=0, le=1_000_000)] = Field(description="one-sided, paired sign-flip by family")
    noise_ppm: Count = Field(description="largest difference seen when the parent was run against itself")
    infrastructure_failures: Count = Field(description="trials that were run again; never scored")
    graded: Literal["host", "apart", "together"] = Field(
        default="host",
        description="who gives the score: the host, tests in a sandbox of their own, or tests beside the answer, which "
        "can then forge it",
    )
    model: str = Field(default="", description="the model that both sides spoke to; empty where none is needed")
    parent_spent: Spending = Spending()
    candidate_spent: Spending = Spending()


class Allowance(Record):
    """The error that the test of one candidate was given before its first trial, and out of what. In billionths."""

    run_error_ppb: Count = Field(description="the chance of any false promotion in the whole run")
    run_candidates: Annotated[int, Field(ge=1)] = Field(description="how many candidates that run may draft")
    given_ppb: Count = Field(description="what the run's budget gave to this candidate")
    looks_error_ppb: Count = Field(description="the chance of any false promotion over all looks of the workspace")
    looks_allowed: Annotated[int, Field(ge=1)] = Field(description="candidates that may be shown to a held-out split")
    looks_used: Annotated[int, Field(ge=1)] = Field(description="candidates that were, this one among them")
    level_ppb: Annotated[int, Field(ge=1)] = Field(description="the level of the test: what both budgets allow")


class LookTaken(Record):
    """What was known at one look of a test, see `agent.evaluate.sequential.Look`."""

    number: Annotated[int, Field(ge=1)]
    decision: Literal["promote", "stop", "go_on"]
    pairs: Count = Field(description="trials that it rests on, of either side")
    of: Count = Field(description="the same at the last look")
    families: Count
    gain_ppm: int
    gain_low_ppm: int = Field(description="with the upper end: holds the true gain at all looks of 95 % of tests")
    gain_high_ppm: int
    expected_ppm: int = Field(description="the gain to expect on new tasks")
    better_ppm: Count = Field(description="the probability that the candidate is better at all")
    p_value_ppb: Count = Field(description="one-sided, by flipping signs of families, honest about earlier looks")
    chance_ppm: Count = Field(description="the chance to be promoted at the end, if things go on as they were seen")


class Deciding(Record):
    """The test that decides: an objective's held-out split, planned before its first trial, look by look."""

    suite: str
    suite_digest: Digest
    exam: Digest = Field(description="the held-out tasks as people chose them; looks are counted under it")
    outcome: Literal["promote", "stop", "not_begun"]
    why: str = Field(description="why it was not begun; empty when it was")
    tasks: Count = Field(description="in the whole plan, looked at or not")
    families: Count
    repeats: Count
    allowance: Allowance | None = Field(description="none when it was not begun")
    looks: tuple[LookTaken, ...]


class Frozen(Record):
    """The tasks of the frozen regression set in one suite: candidate against parent, on trials of the same batch."""

    suite: str
    status: Literal["measured", "stale", "left_out"] = Field(description="stale: frozen on another state of the suite")
    tasks: Count
    families: Count = 0
    parent_ppm: Count = 0
    candidate_ppm: Count = 0
    gain_low_ppm: int = Field(default=0, description="lower end of the two-sided 95 % interval, clustered by family")
    lost: tuple[str, ...] = Field(default=(), description="tasks that the parent did in full and the candidate did not")


class LeftOut(Record):
    """An optional suite, or one task of a suite, that could not be measured on this machine."""

    suite: str
    task: str = Field(description="empty for the whole suite")
    why: str


class ProbeResult(Record):
    """What one probe found. `blocking` findings deny by default; others are shown to the reviewer."""

    name: str
    passed: bool
    blocking: bool
    findings: tuple[str, ...]


class EditWorth(Record):
    """What one edit of a candidate is worth: the candidate against itself without it, on development tasks in pairs.

    `tasks` is 0 where it was not measured, and `note` says why.
    """

    edit: str = Field(description="its summary, as the patch gives it")
    gain_ppm: int = 0
    gain_low_ppm: int = Field(default=0, description="lower end of the two-sided 95 % interval, clustered by family")
    gain_high_ppm: int = 0
    tasks: Count = 0
    note: str = ""


class SandboxRecord(Record):
    """In what the trials ran. Part of all evidence, because a number without its wall is worth less."""

    backend: str
    level: Literal["reduced", "container", "hardened"]
    runtime: Digest = Field(description="digest of the inside: interpreter, dependencies, stripped standard library")
    network: Literal["none"]
    limits: Digest
    details: tuple[str, ...] = ()


class Evidence(Record):
    """Everything measured about one candidate, all of it produced by host code."""

    schema_: Literal["successor.evidence/v5"] = Field(default="successor.evidence/v5", alias="schema")
    base_commit: GitId
    base_tree: Digest
    tree: Digest
    diff: Digest
    tests: tuple[TestReport, ...]
    comparisons: tuple[Comparison, ...] = Field(description="of the deciding split, on the tasks that were looked at")
    decisions: tuple[Deciding, ...] = Field(default=(), description="one for each objective")
    frozen: tuple[Frozen, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    probes: tuple[ProbeResult, ...]
    sandbox: SandboxRecord
    trials: Count
    search_trials: Count = Field(description="dev trials that were run, each once, to find this candidate")
    candidates_tried: Count = Field(description="candidates the proposer looked at: the winner's curse has a size")
    inherited_trials: Count = Field(
        default=0,
        description="dev trials of the search that were not run: the task ran no code in which trees differed",
    )
    worth: tuple[EditWorth, ...] = Field(default=(), description="of each edit of the patch, in its order")
