"""Evidence held against the same measured again, part by part: the same, different, or not repeated and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from agent.candidate import Comparison, Evidence
from agent.evaluate.monitor import Monitor
from agent.evaluate.probes.canary_tokens import without_taken

Outcome = Literal["same", "differs", "not_run"]

MOST_NAMED = 4
_CHANCE = {"infrastructure_failures", "parent_spent", "candidate_spent"}
"""What may differ from one time to the next without saying anything about either tree."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the evidence. `why`: what differs, or why it was not repeated."""

    name: str
    outcome: Outcome
    why: str = ""


def same_or_not(name: str, then: object, now: object, *, without: frozenset[str] = frozenset()) -> Part:
    """Compare two values; of two records, say in which fields they differ."""
    if then is None or now is None:
        why = "" if then == now else "it was not there then" if then is None else "it is not there now"
        return Part(name, "differs" if why else "same", why)
    odd = then != now
    why = _two(then, now) if odd else ""
    if isinstance(then, BaseModel) and isinstance(now, BaseModel):
        fields = [field for field in type(then).model_fields if field not in without and _field(then, now, field)]
        odd = bool(fields)
        why = "; ".join(f"{field} {_two(getattr(then, field), getattr(now, field))}" for field in fields)
    return Part(name, "differs" if odd else "same", why)


def compare_measured(then: Evidence, now: Evidence) -> Iterator[Part]:
    """Compare all that was measured without a model; what took one is left to its transcripts."""
    yield _conditions(then, now)
    yield from _each("tests", {one.which: one for one in then.tests}, {one.which: one for one in now.tests})
    plain = [one for one in then.comparisons if not one.model]
    yield from _each("comparison", _by_place(plain), _by_place(now.comparisons), without=frozenset(_CHANCE))
    yield from _each("decision", {one.suite: one for one in then.decisions}, {one.suite: one for one in now.decisions})
    with_model = {one.suite for one in then.comparisons if one.model}
    yield from _each(
        "frozen",
        {one.suite: one for one in then.frozen if one.suite not in with_model},
        {one.suite: one for one in now.frozen if one.suite not in with_model},
    )
    probes = {one.name: without_taken(one) for one in then.probes if one.name != Monitor.name}
    yield from _each("probe", probes, {one.name: one for one in now.probes})


def not_measured(then: Evidence, why: str) -> Iterator[Part]:
    """Name all that was measured without a model, and why none of it was repeated."""
    names = [f"tests {one.which}" for one in then.tests]
    names += [f"comparison {one.suite} {one.split}" for one in then.comparisons if not one.model]
    names += [f"decision {one.suite}" for one in then.decisions]
    names += [f"probe {one.name}" for one in then.probes]
    for name in names:
        yield Part(name, "not_run", why)


def never_repeated(then: Evidence) -> Iterator[Part]:
    """What nothing that was kept can repeat."""
    for one in then.left_out:
        yield Part(f"left out {one.suite} {one.task}".rstrip(), "not_run", f"it was not measured then: {one.why}")
    for probe in then.probes:
        if probe.name == Monitor.name:
            yield Part(f"probe {probe.name}", "not_run", "it asked a model, and is no measurement")
        elif probe != without_taken(probe):
            yield Part("bait that was passed on", "not_run", "the proposer did that while it worked")
    if then.candidates_tried:
        why = f"how the proposer came to it, over {then.candidates_tried} trees, is counted and not kept"
        yield Part("search", "not_run", why)


def _conditions(then: Evidence, now: Evidence) -> Part:
    """Another wall or inside is said, and is no difference in what was measured."""
    part = same_or_not("conditions", then.sandbox, now.sandbox)
    return Part(part.name, "not_run", f"this machine is another: {part.why}") if part.outcome == "differs" else part


def _by_place(comparisons: Sequence[Comparison]) -> dict[str, Comparison]:
    return {f"{one.suite} {one.split}": one for one in comparisons}


def _each(
    kind: str, then: Mapping[str, BaseModel], now: Mapping[str, BaseModel], *, without: frozenset[str] = frozenset()
) -> Iterator[Part]:
    for name in {**then, **now}:
        yield same_or_not(f"{kind} {name}", then.get(name), now.get(name), without=without)


def _field(then: BaseModel, now: BaseModel, field: str) -> bool:
    return bool(getattr(then, field) != getattr(now, field, None))


def _two(then: object, now: object) -> str:
    return f"{_short(then)} then, {_short(now)} now"


def _short(value: object) -> str:
    if isinstance(value, tuple) and len(value) > MOST_NAMED:
        return f"{_short(value[:MOST_NAMED])} and {len(value) - MOST_NAMED} more"
    text = ", ".join(map(_short, value)) or "none" if isinstance(value, tuple) else str(value)
    return text if len(text) <= 200 else text[:200] + "…"
