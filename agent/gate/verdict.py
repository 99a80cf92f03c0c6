"""The verdict: every rule of the parent's policy over the facts, each with its result and its reason.

    bundle = load_bundle(policies of the base)
    facts = collect(base, tree, patch, zones, evidence)
    verdict = judge(bundle, facts)        # verdict.allowed only if every single rule holds

A rule holds only if both engines give exactly true. An error, anything but a boolean, and a disagreement are all *no*.
The same bundle and facts always give the same bytes, so that an auditor can judge again and compare.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, model_validator

from agent.candidate import Digest, Record
from agent.digest import canonical_json, sha256
from agent.errors import PolicyDenied
from agent.gate.document import Natural
from agent.gate.engines import Activation, Answer, Failed
from agent.gate.facts import Facts, parse_facts
from agent.gate.references import Path, pruned
from agent.gate.rules import DENY_VARIABLES, RULE_VARIABLES, Bundle, Rule
from agent.gate.wording import worded

MAX_REASON = 1000

Outcome = Literal["holds", "does_not_hold", "undecided"]


class RuleResult(Record):
    """What one rule said. `undecided` is an error, a value that is no boolean, or two engines that differ."""

    id: str
    title: str
    holds: bool
    outcome: Outcome
    reason: str
    mend: str

    @model_validator(mode="after")
    def _holds_only_if_it_holds(self) -> RuleResult:
        if self.holds != (self.outcome == "holds"):
            raise ValueError("a rule holds exactly when its outcome says so")
        return self


class Verdict(Record):
    """The policy's answer over one facts document: allowed only if there are rules and all of them hold."""

    schema_: Literal["successor.verdict/v1"] = Field(default="successor.verdict/v1", alias="schema")
    allowed: bool
    facts: Digest
    bundle: Digest
    version: Natural
    results: tuple[RuleResult, ...]

    @model_validator(mode="after")
    def _allowed_only_by_all(self) -> Verdict:
        if self.allowed != (bool(self.results) and all(result.holds for result in self.results)):
            raise ValueError("a verdict allows exactly when there are rules and all of them hold")
        return self

    @property
    def denials(self) -> tuple[RuleResult, ...]:
        """The rules that do not hold."""
        return tuple(result for result in self.results if not result.holds)


def judge(bundle: Bundle, facts: Facts) -> Verdict:
    """Let every rule of `bundle` judge `facts`. Never raises for what the facts or the rules hold; doubt denies."""
    return judge_document(bundle, canonical_json(facts))


def judge_document(bundle: Bundle, content: bytes) -> Verdict:
    """Judge a stored facts document. What is not exactly such a document is denied by the rule `schema`."""
    try:
        parse_facts(content)
        results = _results(bundle, {"f": json.loads(content), "p": dict(bundle.parameters)})
    except PolicyDenied as error:
        results = (_malformed(error),)
    return Verdict(
        allowed=bool(results) and all(result.holds for result in results),
        facts=sha256(content),
        bundle=bundle.digest,
        version=bundle.version,
        results=results,
    )


def _results(bundle: Bundle, variables: dict[str, Any]) -> tuple[RuleResult, ...]:
    asked = Activation(_given(variables, RULE_VARIABLES, {path for rule in bundle.rules for path in rule.asks}))
    return tuple(_result(rule, asked, variables) for rule in bundle.rules)


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
        return "gave an error"
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
