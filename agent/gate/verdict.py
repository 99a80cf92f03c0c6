"""The verdict: every rule of the parent's policy over the facts, each with its result and its reason.

    bundle = load_bundle(policies of the base)
    facts = collect(base, tree, patch, zones, evidence)
    verdict = judge(bundle, facts)        # verdict.allowed only if every single rule holds

A rule holds only if both engines give exactly true. An error, anything but a boolean, and a disagreement are all *no*.
The same bundle and facts always give the same bytes, so that an auditor can judge again and compare.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, model_validator

from agent.candidate import Digest, Record
from agent.digest import canonical_json, read_canonical, sha256
from agent.errors import PolicyDenied
from agent.gate.document import Natural
from agent.gate.engines import NOT_ASKED, Activation, Answer, Failed
from agent.gate.facts import Facts, parse_facts
from agent.gate.references import Path, pruned
from agent.gate.rules import DENY_VARIABLES, RULE_VARIABLES, Bundle, Rule
from agent.gate.wording import worded

MAX_REASON = 1000
MOST_REMEMBERED = 1000
"""Answers of one rule: where numbers differ from candidate to candidate, to keep more would be to keep all."""

AnyRecord = TypeVar("AnyRecord", bound=Record)
Outcome = Literal["holds", "does_not_hold", "undecided"]


class RuleResult(Record):
    """What one rule said. `undecided` is an error, a value that is no boolean, or two engines that differ."""

    id: str
    title: str
    holds: bool
    outcome: Outcome
    reason: str
    mend: str

    def __copy__(self) -> Self:
        return _forgetting(super().__copy__())

    @model_validator(mode="after")
    def _holds_only_if_it_holds(self) -> RuleResult:
        if self.holds != (self.outcome == "holds"):
            raise ValueError("a rule holds exactly when its outcome says so")
        return self

    @cached_property
    def content(self) -> bytes:
        """The canonical bytes: a rule that holds says the same in a whole history, and is written out once."""
        return canonical_json(self)


class Waived(Record):
    """A rule that does not hold and was waived by people: in which entry of the gate log, and what it holds there."""

    rule: str
    entry: Annotated[int, Field(ge=1)]
    waiver: Digest = Field(description="of the files beside that entry")


class Verdict(Record):
    """The policy's answer over one facts document: allowed only if there are rules, and each holds or was waived.

    What was waived still does not hold, and says so. A verdict that denies names no waivers.
    """

    schema_: Literal["successor.verdict/v2"] = Field(default="successor.verdict/v2", alias="schema")
    allowed: bool
    facts: Digest
    bundle: Digest
    version: Natural
    results: tuple[RuleResult, ...]
    waived: tuple[Waived, ...] = ()

    def __copy__(self) -> Self:
        return _forgetting(super().__copy__())

    @model_validator(mode="after")
    def _allowed_only_by_all(self) -> Verdict:
        waived = [one.rule for one in self.waived]
        if waived and waived != [result.id for result in self.denials if result.outcome == "does_not_hold"]:
            raise ValueError("a verdict names a waiver for each rule that does not hold, in their order, or none")
        if self.allowed != (bool(self.results) and all(result.id in waived for result in self.denials)):
            raise ValueError("a verdict allows exactly when there are rules and each holds or was waived")
        return self

    @cached_property
    def content(self) -> bytes:
        """The canonical bytes, as stored: `canonical_json` of this, put together from those of the results."""
        head = canonical_json(self.model_dump(mode="json", by_alias=True, exclude={"results"}))
        about, schema, rest = head.partition(b',"schema":')
        results = b",".join(result.content for result in self.results)
        return b'%s,"results":[%s]%s%s' % (about, results, schema, rest)

    @property
    def denials(self) -> tuple[RuleResult, ...]:
        """The rules that do not hold, waived or not."""
        return tuple(result for result in self.results if not result.holds)


def _forgetting(copied: AnyRecord) -> AnyRecord:
    """A copy is made to be changed, and what was remembered of the bytes of the first is not true of it."""
    copied.__dict__.pop("content", None)
    return copied


def judge(bundle: Bundle, facts: Facts) -> Verdict:
    """Let every rule of `bundle` judge `facts`. Never raises for what the facts or the rules hold; doubt denies."""
    return judge_document(bundle, canonical_json(facts))


def judge_document(bundle: Bundle, content: bytes) -> Verdict:
    """Judge a stored facts document. What is not exactly such a document is denied by the rule `schema`."""
    try:
        parse_facts(content)
    except PolicyDenied as error:
        return _verdict(bundle, content, (_malformed(error),))
    return judge_read(bundle, content)


def judge_read(bundle: Bundle, content: bytes, memory: Memory | None = None, plain: Any = None) -> Verdict:
    """Judge a stored document that the caller has read, strictly, as `Facts`. With a `memory` the next is cheaper.

    `plain` is what `read_canonical` made of the content, if the caller has it.
    """
    try:
        plain = read_canonical(content) if plain is None else plain
        variables = {"f": json.loads(content) if plain is None else plain, "p": dict(bundle.parameters)}
        results = memory.results(bundle, variables) if memory else _results(bundle.rules, variables)
    except PolicyDenied as error:
        results = (_malformed(error),)
    return _verdict(bundle, content, results)


class Memory:
    """What rules have said: a rule that is shown the same facts says the same. For whoever judges a long history.

    A rule and its sentence see nothing but the places that they name (`pruned`), so these places, with what stands
    there, decide what it says.
    """

    def __init__(self) -> None:
        self._seen: dict[str, _Places] = {}

    def results(self, bundle: Bundle, variables: dict[str, Any]) -> tuple[RuleResult, ...]:
        """Return what each rule says, asking the engines only where no rule was shown this before."""
        if bundle.digest not in self._seen:
            self._seen[bundle.digest] = _Places(bundle)
        places = self._seen[bundle.digest]
        shown = places.shown(variables)
        known = [said.get(key) for said, key in zip(places.said, shown, strict=True)]
        if None in known:
            new = tuple(rule for rule, result in zip(bundle.rules, known, strict=True) if result is None)
            answers = iter(_results(new, variables))
            for at, (said, key) in enumerate(zip(places.said, shown, strict=True)):
                if known[at] is None:
                    if len(said) >= MOST_REMEMBERED:
                        said.clear()
                    said[key] = known[at] = next(answers)
        return tuple(result for result in known if result is not None)


class _Places:
    """The places at which each rule of a bundle looks, and what each has said about what stood there."""

    def __init__(self, bundle: Bundle) -> None:
        seen = [_sees(rule) for rule in bundle.rules]
        self.said: list[dict[tuple[str, ...], RuleResult]] = [{} for _ in seen]
        paths = sorted({path for paths in seen for path in paths})
        # Parameters are the bundle's own and never change; places in one block are looked up together.
        self._folders = {path[:-1]: tuple(p for p in paths if p[:-1] == path[:-1]) for path in paths if path[0] != "p"}
        at = {path: number for number, path in enumerate(path for paths in self._folders.values() for path in paths)}
        self._rules = tuple(tuple(at[path] for path in paths if path in at) for paths in seen)

    def shown(self, variables: dict[str, Any]) -> list[tuple[str, ...]]:
        """What stands at the places that each rule names, as text."""
        texts: list[str] = []
        for folder, paths in self._folders.items():
            block: Any = variables
            for part in folder:
                block = block.get(part) if isinstance(block, dict) else None
            texts += [_text(block, path[-1]) for path in paths]
        return [tuple([texts[at] for at in places]) for places in self._rules]


def _sees(rule: Rule) -> tuple[Path, ...]:
    """Every place that a rule or its sentence looks at; of `say`, the place that is worded there."""
    return tuple(sorted({path[1:] if path[0] == "say" else path for path in rule.asks | rule.tells}))


def _text(block: Any, name: str) -> str:
    if not isinstance(block, dict) or name not in block:
        return ""  # no JSON text is empty: not there is another thing than anything that is
    value = block[name]
    kind = type(value)
    if kind is int or kind is bool:
        return str(value)
    return "[]" if value == [] else json.dumps(value, sort_keys=True)


def _verdict(bundle: Bundle, content: bytes, results: tuple[RuleResult, ...]) -> Verdict:
    return Verdict(
        allowed=bool(results) and all(result.holds for result in results),
        facts=sha256(content),
        bundle=bundle.digest,
        version=bundle.version,
        results=results,
    )


def _results(rules: Sequence[Rule], variables: dict[str, Any]) -> tuple[RuleResult, ...]:
    if not rules:
        return ()
    asked = Activation(_given(variables, RULE_VARIABLES, {path for rule in rules for path in rule.asks}))
    return tuple(_result(rule, asked, variables) for rule in rules)


def _given(variables: dict[str, Any], names: tuple[str, ...], paths: Iterable[Path]) -> dict[str, Any]:
    """The variables, each with what stands at `paths` and nothing else."""
    return {name: {} for name in names} | pruned(variables, paths)


def _result(rule: Rule, asked: Activation, variables: dict[str, Any]) -> RuleResult:
    answer = rule.rule.evaluate(asked)
    outcome = outcome_of(answer)
    if outcome == "holds":
        return RuleResult(id=rule.id, title=rule.text.title, holds=True, outcome=outcome, reason="", mend="")
    reason = _reason(rule, variables) if outcome == "does_not_hold" else _undecided(answer)
    return RuleResult(
        id=rule.id, title=rule.text.title, holds=False, outcome=outcome, reason=reason, mend=rule.text.mend
    )


def outcome_of(answer: Answer) -> Outcome:
    """Read the engines' answer: only true, from both, is *holds*."""
    if answer.agreed is True:
        return "holds"
    return "does_not_hold" if answer.agreed is False else "undecided"


def _reason(rule: Rule, variables: dict[str, Any]) -> str:
    """The rule's own sentence. When it cannot be built, a general one stands in: the denial does not depend on it."""
    said = pruned(variables, (path[1:] for path in rule.tells if path[0] == "say"))
    given = _given(variables, DENY_VARIABLES, (path for path in rule.tells if path[0] != "say"))
    sentence = rule.deny.evaluate(Activation({**given, "say": worded(said)})).agreed
    return sentence[:MAX_REASON] if isinstance(sentence, str) and sentence else f"it is not so that: {rule.text.title}"


def _undecided(answer: Answer) -> str:
    """Say what each engine answered, without its own words, which differ between versions of it."""
    both = (("one engine", answer.google), ("the other", answer.rust))
    said = ", ".join(f"{who} {_said(value)}" for who, value in both)
    return f"the rule could not be decided: {said}"


def _said(value: object) -> str:
    if isinstance(value, Failed):
        return "was not asked" if value == NOT_ASKED else "gave an error"
    return f"said {str(value).lower()}" if isinstance(value, bool) else "gave no yes or no"


def _malformed(error: PolicyDenied) -> RuleResult:
    return RuleResult(
        id="schema",
        title="The facts are a whole and valid document",
        holds=False,
        outcome="undecided",
        reason=str(error)[:MAX_REASON],
        mend="Evaluate the candidate again with this version of successor",
    )
