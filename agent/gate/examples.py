"""Rules proved by their own examples: small changes to the good document, and what each rule must say to them.

A rule nobody has seen say no is not a rule. For each one at least one example must be denied by that rule and by no
other, so that taking the rule away, or turning it round, breaks an example.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from agent.errors import PolicyDenied
from agent.gate.facts import Facts
from agent.gate.rules import Bundle, Example, Rule, facts_of
from agent.gate.verdict import Verdict, judge


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a bundle. `rule` is empty when it concerns the bundle as a whole."""

    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule or 'the bundle'}: {self.what}"


def check_bundle(bundle: Bundle) -> tuple[Finding, ...]:
    """Run every example of every rule. Return what is wrong, nothing when the bundle does what its examples say."""
    return (
        *_check_good(bundle),
        *_check_parameters(bundle),
        *(f for rule in bundle.rules for f in _check(bundle, rule)),
    )


def judge_example(bundle: Bundle, example: Example) -> Verdict:
    """Judge the facts of an example, under its parameters where it gives any. Raises `PolicyDenied` when it is none."""
    if unknown := example.parameters.keys() - bundle.parameters.keys():
        raise PolicyDenied(f"an example gives {min(unknown)!a}", why="there is no such parameter")
    law = replace(bundle, parameters={**bundle.parameters, **example.parameters})
    return judge(law, facts_for(bundle.good, example))


def facts_for(good: Facts, example: Example) -> Facts:
    """Return the good document with an example's changes made. Raises `PolicyDenied` when that is no facts document."""
    raw = good.model_dump(mode="json", by_alias=True, exclude={"schema_", "derived"})
    for path in example.remove:
        _remove(raw, path)
    for path, value in example.set_.items():
        _set(raw, path, copy.deepcopy(value))
    return facts_of(raw, "the example")


def _check_good(bundle: Bundle) -> Iterator[Finding]:
    for result in judge(bundle, bundle.good).denials:
        yield Finding(result.id, f"it denies the good document: {result.reason}")


def _check_parameters(bundle: Bundle) -> Iterator[Finding]:
    sources = " ".join(f"{rule.text.rule} {rule.text.deny}" for rule in bundle.rules)
    for name in bundle.parameters:
        if f"p.{name}" not in sources:
            yield Finding("", f"no rule uses the parameter {name}")


def _check(bundle: Bundle, rule: Rule) -> Iterator[Finding]:
    alone = False
    for number, example in enumerate(rule.text.examples, start=1):
        try:
            verdict = judge_example(bundle, example)
        except PolicyDenied as error:
            yield Finding(rule.id, f"example {number} is no facts document: {error}")
            continue
        alone = alone or [result.id for result in verdict.denials] == [rule.id]
        yield from _compare(rule, number, example, verdict)
    if not alone:
        yield Finding(rule.id, "no example is denied by this rule alone, so nothing shows that it is needed")


def _compare(rule: Rule, number: int, example: Example, verdict: Verdict) -> Iterator[Finding]:
    result = next(result for result in verdict.results if result.id == rule.id)
    expected = "holds" if example.expect == "allow" else "does_not_hold"
    if result.outcome != expected:
        yield Finding(rule.id, f"example {number} should be: {example.expect}; it is: {result.outcome} {result.reason}")
    elif not result.holds and result.reason.startswith("it is not so that:"):
        yield Finding(rule.id, f"example {number}: its sentence cannot be built")


def _remove(raw: Any, path: str) -> None:
    holder, key = _holder(raw, path)
    try:
        del holder[key]
    except (KeyError, IndexError, TypeError) as error:
        raise PolicyDenied(f"an example removes {path!a}", why="the good document has no such place") from error


def _set(raw: Any, path: str, value: Any) -> None:
    """Set an existing place, or append to a list at its end."""
    holder, key = _holder(raw, path)
    if isinstance(holder, list) and key == len(holder):
        holder.append(value)
        return
    try:
        holder[key]  # to set what is not there would be a spelling mistake
        holder[key] = value
    except (KeyError, IndexError, TypeError) as error:
        raise PolicyDenied(f"an example sets {path!a}", why="the good document has no such place") from error


def _holder(raw: Any, path: str) -> tuple[Any, str | int]:
    """Return what holds the last part of a dotted path, and that part; numbers are places in a list."""
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    try:
        for part in parents:
            raw = raw[part]
    except (KeyError, IndexError, TypeError) as error:
        raise PolicyDenied(f"an example names {path!a}", why="the good document has no such place") from error
    return raw, last
