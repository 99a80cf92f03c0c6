"""The trust root: who may review, which keys the gate and the evaluator sign with, and who must have seen the log.

It is the only thing an auditor must bring along: its fingerprint, `sha256:` of the stored bytes, is given on the
command line of `successor audit`. It names persons, not keys, so one person with several keys counts once. A key may
appear only once in the whole root: a key under two names, or a machine's key among a person's, makes the root invalid.

A later root names the digest of the one before it and a version one higher (`previous`, `version`).
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from agent.candidate import Count, Digest, Record
from agent.digest import canonical_json, sha256
from agent.errors import Misuse, SignatureRefused
from agent.gate.note import COSIGNER_KEY, Verifier
from agent.gate.signature import PublicKey
from agent.gate.statement import parse_record

# Printable ASCII without commas or colons: a name appears in trailers and tables and must look like no other name.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9 ._@+-]{0,62}[A-Za-z0-9])?$")]
Positive = Annotated[int, Field(ge=1)]
_NAME: TypeAdapter[str] = TypeAdapter(Name)


def check_name(name: str) -> str:
    """Return `name` if a person or a proposer may be called so, else raise `Misuse`."""
    try:
        return _NAME.validate_python(name)
    except ValidationError as error:
        raise Misuse(
            f"{name[:80]!a} cannot be a name",
            why="a name is up to 64 letters, digits, spaces and . _ @ + -, and begins and ends with a letter or digit",
        ) from error


class PersonKey(Record):
    """One SSH public key of a person. `demo` marks a key that was made for a demonstration: nobody guards it."""

    key: str
    demo: bool = False
    pin: bool = Field(default=False, description="a hardware key that must have verified its user, not only a touch")

    @field_validator("key")
    @classmethod
    def _one_form(cls, line: str) -> str:
        return _checked_line(line)

    @property
    def public(self) -> PublicKey:
        """The key itself."""
        return PublicKey.parse_line(self.key)


class Person(Record):
    """A human reviewer and all keys that speak for them."""

    name: Name
    keys: Annotated[tuple[PersonKey, ...], Field(min_length=1)]


class Thresholds(Record):
    """How many different people a decision needs. A workspace's own settings may ask for more, never for fewer."""

    approve: Positive = 1
    root: Positive = 1


class Witnesses(Record):
    """Whose cosignatures an audit demands: `needed` of `keys` (C2SP verifier keys) must have seen all but the last
    `most_behind` entries of the gate log. The entry that records a checkpoint is itself one that it does not cover."""

    keys: tuple[str, ...] = ()
    needed: Count = 0
    most_behind: Count = 0

    @field_validator("keys")
    @classmethod
    def _one_form(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        try:
            found = [Verifier.parse(line) for line in lines]
        except SignatureRefused as error:
            raise ValueError(str(error)) from error
        if [one.line for one in found] != list(lines) or any(one.kind != COSIGNER_KEY for one in found):
            raise ValueError("a witness is written as its verifier key, of the kind that cosigns")
        if len({one.name.casefold() for one in found}) != len(found):
            raise ValueError("two witnesses have the same name")
        return lines

    @model_validator(mode="after")
    def _sound(self) -> Witnesses:
        if not self.keys and (self.needed or self.most_behind):
            raise ValueError("cosignatures are demanded, and no witness is named")
        if self.keys and not (1 <= self.needed <= len(self.keys) and self.most_behind >= 1):
            raise ValueError("at least one witness is needed, no more than there are, and one entry left to it")
        return self

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The witnesses."""
        return tuple(Verifier.parse(line) for line in self.keys)


class TrustRoot(Record):
    """Version `version` of the root. Make one with `new_root`, read one with `parse_root`."""

    schema_: Literal["successor.trust-root/v1"] = Field(default="successor.trust-root/v1", alias="schema")
    version: Positive
    previous: Digest | None
    persons: Annotated[tuple[Person, ...], Field(min_length=1)]
    thresholds: Thresholds
    gate: Annotated[tuple[str, ...], Field(min_length=1)]
    evaluator: Annotated[tuple[str, ...], Field(min_length=1)]
    witnesses: Witnesses = Witnesses()

    @field_validator("gate", "evaluator")
    @classmethod
    def _one_form(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_checked_line(line) for line in lines)

    @model_validator(mode="after")
    def _sound(self) -> TrustRoot:
        names = [person.name.casefold() for person in self.persons]
        if len(set(names)) != len(names):
            raise ValueError("two persons have the same name")
        # By raw bytes, so that one key on a hardware token and in a file cannot be two.
        raw = [PublicKey.parse_line(line).raw for line in self._all_lines()]
        raw += [one.key.raw for one in self.witnesses.verifiers]
        if len(set(raw)) != len(raw):
            raise ValueError("a key appears twice")
        if max(self.thresholds.approve, self.thresholds.root) > len(self.persons):
            raise ValueError("a threshold is higher than the number of persons")
        if (self.version == 1) != (self.previous is None):
            raise ValueError("only version 1 has no previous root")
        return self

    def _all_lines(self) -> tuple[str, ...]:
        return (*(key.key for person in self.persons for key in person.keys), *self.gate, *self.evaluator)

    @cached_property
    def content(self) -> bytes:
        """The canonical bytes, as stored."""
        return canonical_json(self)

    @cached_property
    def fingerprint(self) -> str:
        """The digest of `content`: what an auditor is told by other means than the repository."""
        return sha256(self.content)

    @cached_property
    def gate_keys(self) -> frozenset[PublicKey]:
        """The keys that sign commits, log entries and verdicts."""
        return frozenset(PublicKey.parse_line(line) for line in self.gate)

    @cached_property
    def evaluator_keys(self) -> frozenset[PublicKey]:
        """The keys that sign evaluations."""
        return frozenset(PublicKey.parse_line(line) for line in self.evaluator)

    @cached_property
    def _owners(self) -> dict[PublicKey, tuple[Person, PersonKey]]:
        return {key.public: (person, key) for person in self.persons for key in person.keys}

    def owner(self, key: PublicKey) -> tuple[Person, PersonKey] | None:
        """Return the person a key speaks for, and its entry, or `None`. Key material decides, not a key's name."""
        return self._owners.get(key)

    @property
    def demo_persons(self) -> tuple[str, ...]:
        """Names of the persons for whom a demonstration key speaks."""
        return tuple(person.name for person in self.persons if any(key.demo for key in person.keys))


def new_root(persons: tuple[Person, ...], *, gate: PublicKey, evaluator: PublicKey, approvals: int = 1) -> TrustRoot:
    """Return version 1 of a root. Raises `SignatureRefused` when it would be unsound (see the module's text)."""
    try:
        return TrustRoot(
            version=1,
            previous=None,
            persons=persons,
            thresholds=Thresholds(approve=approvals),
            gate=(gate.line,),
            evaluator=(evaluator.line,),
        )
    except ValueError as error:
        raise SignatureRefused("this is not a sound trust root", why=_first_reason(error)) from error


def parse_root(content: bytes) -> TrustRoot:
    """Read stored bytes of a root, strictly. Raises `SignatureRefused`."""
    root = parse_record(content, TrustRoot, "the trust root")
    # The fingerprint is of the stored bytes: fields that a later version adds with a default must not change it.
    root.__dict__["content"] = content
    return root


def _checked_line(line: str) -> str:
    try:
        if PublicKey.parse_line(line).line != line:
            raise ValueError("an SSH key must be written as type and base64, without a comment")
    except SignatureRefused as error:
        raise ValueError(str(error)) from error
    return line


def _first_reason(error: ValueError) -> str:
    errors = getattr(error, "errors", None)
    return str(errors()[0]["msg"]) if errors else str(error)
