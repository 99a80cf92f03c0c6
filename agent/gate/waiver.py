"""The waiver: people's signatures over the sentence that a rule need not hold, for one candidate or a few decisions.

A waiver is a statement of its own, recorded in the gate log before it is used. It is bound to one policy by digest, to
one candidate by its base, diff and result, or to a number of decisions, and it ends: after an entry of the log, and at
a time of the log, whichever comes first. Only rules that the law itself marks `waivable` can be waived, and only when
they were decided: a rule over which the engines differ, and facts that are no whole document, are beyond any waiver.

    files = {"waiver-1.dsse.json": sign_waiver(waiver, subject, signer), ...}      each person
    read_waiver(files, root, workspace)             who signed, when it is recorded and in every audit
    waive(verdict, bundle, about, waivers)          the verdict with what was waived, at judgement and in every replay
    check_in_force(verdict, about, moment, waivers) before the commit, and in every audit of one
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from agent.candidate import Digest, GitId, Record
from agent.errors import PolicyDenied, Refused, SignatureRefused
from agent.gate.review import CandidateId
from agent.gate.rules import Bundle
from agent.gate.signature import Signer
from agent.gate.statement import Hex256, StatementKind, Subject, decode, open_parsed, parse_envelope, sign
from agent.gate.trust import Name, TrustRoot
from agent.gate.verdict import Verdict, Waived

MAX_SECONDS = 90 * 24 * 3600
MAX_ENTRIES = 500
MAX_DECISIONS = 10
"""How long a waiver may last from its own entry, how many entries, and how many decisions may rest on it."""

FOR_A_RULE = 2
"""To let a rule go for whatever comes is to change the law for a while: no one person does."""

MAX_SIGNATURES = 16

RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{2,47}$")]


class Waiver(Record):
    """What each person signs. `workspace` is the fingerprint of the first trust root.

    The subject of the statement is the candidate's result; without a candidate, the files of `base_commit`.
    """

    workspace: Digest
    base_commit: GitId = Field(description="the generation whose law it is about")
    policy: Digest
    rules: Annotated[tuple[RuleId, ...], Field(min_length=1, max_length=16)]
    candidate: CandidateId | None
    diff: Digest | None
    decisions: Annotated[int, Field(ge=1, le=MAX_DECISIONS)] = Field(description="successors that may rest on it")
    last_entry: Annotated[int, Field(ge=1)] = Field(description="of the gate log: no later entry may rest on it")
    expires: Annotated[int, Field(ge=0, le=2**53)] = Field(description="seconds since 1970, by the time of the log")
    nonce: Hex256
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    by: Name

    @model_validator(mode="after")
    def _sound(self) -> Waiver:
        if list(self.rules) != sorted(set(self.rules)):
            raise ValueError("the rules are named once each, in order")
        if (self.candidate is None) != (self.diff is None) or (self.candidate is not None and self.decisions != 1):
            raise ValueError("a waiver is for one candidate and its diff, once, or for a number of decisions")
        return self


@dataclass(frozen=True)
class Stored:
    """A waiver as an entry of the gate log holds it; nothing about it is proven. `digest` is of all its files."""

    digest: str
    files: Mapping[str, bytes]


Waivers = Callable[[int], Stored]
"""The waiver that an entry of the gate log holds. Raises `Refused` when it holds none."""


@dataclass(frozen=True)
class About:
    """What a waiver must be about to count for a candidate."""

    candidate: str
    base_commit: str
    diff: str
    subject: Subject
    workspace: str
    proposer: str


@dataclass(frozen=True)
class Moment:
    """Where in the gate log a decision stands: its index and time, the root in force, and the people it needs."""

    index: int
    time: int
    root: TrustRoot
    approvals: int


def none_recorded(_index: int) -> Stored:
    """The waivers of a place where there are none."""
    raise PolicyDenied("the verdict names a waiver that is not recorded")


def sign_waiver(waiver: Waiver, subject: Subject, signer: Signer) -> bytes:
    """Return one person's signed envelope. Raises `SignatureRefused`."""
    return sign(StatementKind.WAIVER, subject, waiver, signer)


def waiver_files(envelopes: Sequence[bytes]) -> dict[str, bytes]:
    """Return what is recorded, by name."""
    return {f"waiver-{number}.dsse.json": one for number, one in enumerate(envelopes, start=1)}


def read_waiver(files: Mapping[str, bytes], root: TrustRoot, workspace: str) -> tuple[Waiver, Subject, tuple[str, ...]]:
    """Return what is waived, about which files, and who signed. Raises `SignatureRefused`.

    All signed the same, each in their own name; how many are needed depends on what is waived (`people_needed`).
    """
    first, subject = terms(files)
    people: list[str] = []
    for envelope in _envelopes(files):
        parsed = parse_envelope(envelope)
        owner = root.owner(parsed.signature.key)
        if owner is None:
            raise SignatureRefused("the waiver is signed with an unknown key", why="nobody in the trust root has it")
        person, entry = owner
        _, about, waiver = open_parsed(StatementKind.WAIVER, parsed, Waiver, pin=entry.pin)
        if waiver.by != person.name:
            raise SignatureRefused("the waiver does not count", why=f"{person.name} signed in the name of {waiver.by}")
        if (about, _unsigned(waiver)) != (subject, _unsigned(first)):
            raise SignatureRefused("the waiver does not count", why=f"{person.name} signed another than the first")
        if person.name in people:
            raise SignatureRefused(f"{person.name} signed the waiver twice", why="people are counted, not keys")
        people.append(person.name)
    if first.workspace != workspace:
        raise SignatureRefused("the waiver does not count", why="it was signed in another workspace")
    return first, subject, tuple(people)


def terms(files: Mapping[str, bytes]) -> tuple[Waiver, Subject]:
    """Return what a waiver says, unproven. Raises `SignatureRefused`."""
    subject, waiver = decode(StatementKind.WAIVER, parse_envelope(_envelopes(files)[0]).payload, Waiver)
    return waiver, subject


def people_needed(waiver: Waiver, root: TrustRoot, approvals: int) -> int:
    """Return how many people must sign a waiver where `approvals` must approve what rests on it."""
    return max(approvals, root.thresholds.approve, 1 if waiver.candidate else FOR_A_RULE)


def check_people(waiver: Waiver, people: Sequence[str], root: TrustRoot, approvals: int) -> None:
    """Raise `PolicyDenied` unless enough people signed."""
    needed = people_needed(waiver, root, approvals)
    if len(people) < needed:
        raise PolicyDenied(f"the waiver needs {needed} signatures", why=f"{len(people)} given")


def check_span(waiver: Waiver, index: int, time: int) -> None:
    """Raise `PolicyDenied` unless a waiver that is recorded at `index` and `time` ends, and soon enough."""
    if waiver.expires > time + MAX_SECONDS or waiver.last_entry > index + MAX_ENTRIES:
        raise PolicyDenied(
            "the waiver lasts too long",
            why=f"at most {MAX_SECONDS // 86400} days and {MAX_ENTRIES} entries of the log from where it is recorded",
        )


def check_waivable(waiver: Waiver, bundle: Bundle) -> None:
    """Raise `PolicyDenied` unless `bundle` is the law that is meant, and lets each of the rules be waived."""
    if waiver.policy != bundle.digest:
        raise PolicyDenied("the waiver is about another policy", why=f"{waiver.policy}, not {bundle.digest}")
    known = {rule.id: rule.text.waivable for rule in bundle.rules}
    for rule in waiver.rules:
        if not known.get(rule, False):
            why = "the law does not say that it may be" if rule in known else "there is no such rule"
            raise PolicyDenied(f"the rule {rule} cannot be waived", why=why)


def waive(verdict: Verdict, bundle: Bundle, about: About, named: Sequence[Waived], waivers: Waivers) -> Verdict:
    """Return the verdict with `named` waivers, once each is seen to be of this law, this candidate and this rule.

    Who signed them, and whether they still count, is `check_in_force`. Raises `PolicyDenied`, `SignatureRefused`.
    """
    for one in named:
        _check_named(one, bundle, about, waivers)
    try:
        return Verdict.model_validate({**dict(verdict), "allowed": True, "waived": tuple(named)})
    except ValueError as error:
        raise PolicyDenied("the waivers do not cover what the law denies") from error


def check_in_force(verdict: Verdict, about: About, moment: Moment, waivers: Waivers) -> dict[int, Waiver]:
    """Return the waivers that a verdict rests on, by their entries, or raise `PolicyDenied` unless all of them count.

    At `moment`: recorded before, not expired, signed by enough people whom the root still names, none of whom proposed
    the candidate. How often each was used is a question to the whole log.
    """
    entries = sorted({one.entry for one in verdict.waived})
    return {entry: _in_force(entry, about, moment, waivers) for entry in entries}


def covering(verdict: Verdict, bundle: Bundle, about: About, moment: Moment, recorded: Mapping[int, Stored]) -> Verdict:
    """Return the verdict with those of the `recorded` waivers that allow it; as it is, when they do not.

    The newest that counts is taken for each rule.
    """
    waivers = recorded.__getitem__
    named: list[Waived] = []
    for result in verdict.denials:
        for entry in sorted(recorded, reverse=True):
            one = Waived(rule=result.id, entry=entry, waiver=recorded[entry].digest)
            try:
                _check_named(one, bundle, about, waivers)
                _in_force(entry, about, moment, waivers)
            except Refused:
                continue
            named.append(one)
            break
    try:
        return waive(verdict, bundle, about, named, waivers) if named else verdict
    except Refused:
        return verdict


def _check_named(one: Waived, bundle: Bundle, about: About, waivers: Waivers) -> None:
    stored = waivers(one.entry)
    if stored.digest != one.waiver:
        raise PolicyDenied("the verdict names another waiver than the gate log", why=f"in entry {one.entry}")
    waiver, subject = terms(stored.files)
    check_waivable(waiver, bundle)
    if one.rule not in waiver.rules:
        raise PolicyDenied(f"the waiver of entry {one.entry} does not waive {one.rule}")
    mine = (about.candidate, about.base_commit, about.diff, about.subject)
    if waiver.candidate and (waiver.candidate, waiver.base_commit, waiver.diff, subject) != mine:
        raise PolicyDenied(f"the waiver of entry {one.entry} is of another candidate", why=waiver.candidate)


def _in_force(entry: int, about: About, moment: Moment, waivers: Waivers) -> Waiver:
    if entry >= moment.index:
        raise PolicyDenied(f"the waiver of entry {entry} was not recorded before the decision")
    waiver, _, people = read_waiver(waivers(entry).files, moment.root, about.workspace)
    if moment.time >= waiver.expires or moment.index > waiver.last_entry:
        raise PolicyDenied(
            f"the waiver of entry {entry} has expired",
            why=f"it held to entry {waiver.last_entry}, and before {waiver.expires} in seconds since 1970",
            mend="Let people sign a new one: successor waive",
        )
    if about.proposer.casefold() in {name.casefold() for name in people}:
        raise PolicyDenied(f"{about.proposer} may not waive this", why="who proposes a candidate waives no rule")
    check_people(waiver, people, moment.root, moment.approvals)
    return waiver


def _envelopes(files: Mapping[str, bytes]) -> list[bytes]:
    names = [f"waiver-{number}.dsse.json" for number in range(1, len(files) + 1)]
    if not files or set(files) != set(names) or len(names) > MAX_SIGNATURES:
        raise SignatureRefused("the waiver is not complete", why="a file is missing or unexpected, or nobody signed it")
    return [files[name] for name in names]


def _unsigned(waiver: Waiver) -> Waiver:
    """The same for everyone who signs it."""
    return waiver.model_copy(update={"by": "all"})
