"""The law as data: the files of a workspace's `policies/` folder, read strictly into a bundle of rules.

    bundle.yaml   schema, version, parameters, and the names of all other files
    good.yaml     a facts document that every rule allows; examples are small changes to it
    *.yaml        rules: id, title, why, rule, deny, mend, examples

`rule` and `deny` are CEL. `rule` asserts what must hold over `f` (the facts) and `p` (the parameters). `deny` builds
the sentence shown when it does not; it may also use `say`, in which every fact and parameter is ready as text for a
person (`say.f.derived.lines_changed`). Doubt denies: a bundle that is missing, empty, broken, or holds a file it does
not list is no law, and without law nothing is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from agent.candidate import Record
from agent.digest import sha256
from agent.errors import PolicyDenied
from agent.gate.document import Measured, Natural
from agent.gate.engines import Program, compile_both
from agent.gate.facts import Facts, conclude
from agent.gate.references import Path, references, unknown_references
from agent.gate.strict_yaml import load_yaml

BUNDLE_FILE = "bundle.yaml"
GOOD_FILE = "good.yaml"

RULE_VARIABLES = ("f", "p")
DENY_VARIABLES = ("f", "p", "say")

FileName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}\.yaml$")]
Sentence = Annotated[str, Field(min_length=10, max_length=600)]
Value = int | str | list[str]
"""A parameter."""
Model = TypeVar("Model", bound=Record)


class Example(Record):
    """A change to the good document, or to the parameters, and what the rule must then say."""

    set_: dict[str, Any] = Field(default_factory=dict, alias="set")
    remove: list[str] = Field(default_factory=list)
    parameters: dict[str, Value] = Field(default_factory=dict)
    expect: Literal["allow", "deny"]


class RuleText(Record):
    """One rule as people write it."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{2,47}$")]
    title: Annotated[str, Field(min_length=5, max_length=100)]
    why: Sentence
    rule: Annotated[str, Field(min_length=1)]
    deny: Annotated[str, Field(min_length=1)]
    mend: Sentence
    waivable: bool = False
    """Whether people may let it go unfulfilled with a signed waiver. Never where it guards the judgement itself."""
    examples: Annotated[list[Example], Field(min_length=1)]


class _RuleFile(Record):
    """A file of rules."""

    rules: Annotated[list[RuleText], Field(min_length=1)]


class _BundleFile(Record):
    """`bundle.yaml`."""

    schema_: Literal["successor.policy/v1"] = Field(alias="schema")
    facts: Literal["successor.facts/v5"]
    version: Annotated[int, Field(ge=1)]
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,47}$")], Value]
    rules: Annotated[list[FileName], Field(min_length=1)]


@dataclass(frozen=True)
class Rule:
    """One rule, compiled in both engines."""

    text: RuleText
    rule: Program
    deny: Program

    @property
    def id(self) -> str:
        """Its name in verdicts and sentences."""
        return self.text.id

    @cached_property
    def asks(self) -> frozenset[Path]:
        """The facts and parameters that the rule looks at."""
        return references(self.rule.source)

    @cached_property
    def tells(self) -> frozenset[Path]:
        """The facts and parameters that its sentence names."""
        return references(self.deny.source)


@dataclass(frozen=True)
class Bundle:
    """The law in force. Make one with `load_bundle`."""

    digest: str
    """`sha256:` over the exact bytes and names of all files."""
    version: Natural
    parameters: Mapping[str, Value]
    rules: tuple[Rule, ...]
    good: Facts


def load_bundle(files: Mapping[str, bytes]) -> Bundle:
    """Read a `policies/` folder, given as its files by path within it. Raises `PolicyDenied` unless it is whole.

    Every rule is compiled in both engines, and must ask only for facts and parameters that exist, have an example that
    it denies, and an ID of its own. The same files give the same bundle object, so that a long history judged by few
    policies compiles each of them once.
    """
    return _load(tuple(sorted(files.items())))


@lru_cache(maxsize=16)
def _load(items: tuple[tuple[str, bytes], ...]) -> Bundle:
    files = dict(items)
    head = _head(files)
    _check_listing(files, head.rules)
    texts = [rule for name in head.rules for rule in _parse(files, name, _RuleFile).rules]
    _check_unique("rule", [rule.id for rule in texts])
    rules = tuple(_compile(text, head.parameters) for text in texts)
    return Bundle(
        digest=bundle_digest(files),
        version=head.version,
        parameters=MappingProxyType(head.parameters),
        rules=rules,
        good=_good(files),
    )


def bundle_digest(files: Mapping[str, bytes]) -> str:
    """Name a set of policy files by the exact bytes of all of them."""
    lines = (f"{sha256(files[name])} {name}\n" for name in sorted(files))
    return sha256(b"successor.policy/v1\n" + "".join(lines).encode())


def with_parameter(files: Mapping[str, bytes], name: str, value: int) -> dict[str, bytes]:
    """Return policy files in which the number `name` of `bundle.yaml` is `value`; comments and layout are kept.

    Raises `PolicyDenied` when the result is no bundle, or has another value there.
    """
    load_bundle(files)
    line = re.compile(rf"^(  {re.escape(name)}:[ ]*)-?[0-9_]+", re.MULTILINE)
    changed = line.sub(rf"\g<1>{value}", files[BUNDLE_FILE].decode("utf-8"), count=1)
    result = {**files, BUNDLE_FILE: changed.encode()}
    if load_bundle(result).parameters.get(name) != value:
        raise PolicyDenied(f"the parameter {name} cannot be set", why=f"{BUNDLE_FILE} has no such number")
    return result


def _head(files: Mapping[str, bytes]) -> _BundleFile:
    if not files:
        raise PolicyDenied("policy file missing", why="there is no policies folder", mend=_RESTORE)
    if BUNDLE_FILE not in files:
        raise PolicyDenied("policy file missing", why=f"policies/{BUNDLE_FILE} is not there", mend=_RESTORE)
    return _parse(files, BUNDLE_FILE, _BundleFile)


_RESTORE = "Restore it from the last approved commit; without a policy nothing is allowed"


def _check_listing(files: Mapping[str, bytes], listed: list[str]) -> None:
    """Every listed file is there once, and every file there is listed: a rule is neither lost nor slipped in."""
    _check_unique("file", listed)
    demanded = {BUNDLE_FILE, GOOD_FILE, *listed}
    for name in sorted(demanded - files.keys()):
        raise PolicyDenied("policy file missing", why=f"policies/{name} is not there", mend=_RESTORE)
    for name in sorted(files.keys() - demanded):
        raise PolicyDenied(f"policies/{name[:80]!a} is not listed", why=f"{BUNDLE_FILE} names every file of the law")
    if {BUNDLE_FILE, GOOD_FILE} & set(listed):
        raise PolicyDenied(f"{BUNDLE_FILE} lists a file that holds no rules")


def _check_unique(what: str, names: Iterable[str]) -> None:
    names = list(names)
    for name in names:
        if names.count(name) > 1:
            raise PolicyDenied(f"the {what} {name} stands twice in the policy")


def _parse(files: Mapping[str, bytes], name: str, model: type[Model]) -> Model:
    raw = load_yaml(files[name], f"policies/{name}")
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise PolicyDenied(f"policies/{name}: {place[:120]}", why=first["msg"][:200]) from error


def _compile(text: RuleText, parameters: Mapping[str, Value]) -> Rule:
    if all(example.expect == "allow" for example in text.examples):
        raise PolicyDenied(f"the rule {text.id} has no example that it denies", why="nobody has seen it say no")
    for source, variables in ((text.rule, RULE_VARIABLES), (text.deny, DENY_VARIABLES)):
        if unknown := unknown_references(source, parameters, variables):
            raise PolicyDenied(f"the rule {text.id} asks for {unknown[0]}", why="there is no such fact or parameter")
    if re.search(r"\bhas\s*\(", text.rule):
        raise PolicyDenied(f"the rule {text.id} uses has()", why="a rule must not turn on whether a fact is absent")
    try:
        return Rule(text, compile_both(text.rule, RULE_VARIABLES), compile_both(text.deny, DENY_VARIABLES))
    except PolicyDenied as error:
        raise PolicyDenied(f"the rule {text.id} cannot be used: {error.what}", why=error.why) from error


def _good(files: Mapping[str, bytes]) -> Facts:
    """Read the good document. It leaves out `schema` and `derived`, which follow."""
    raw = load_yaml(files[GOOD_FILE], f"policies/{GOOD_FILE}")
    return facts_of(raw, f"policies/{GOOD_FILE}")


def facts_of(raw: Any, origin: str) -> Facts:
    """Make a facts document of plain data without its derived block. Raises `PolicyDenied` when it is none."""
    try:
        return conclude(Measured.model_validate_json(json.dumps(raw)))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise PolicyDenied(f"{origin}: {place[:120]}", why=first["msg"][:200]) from error
