"""What a measure is, and how measures are shown."""

from __future__ import annotations

import json
import operator
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. `goal` is a comparison such as `<= 1.10`, or empty for a figure that is only reported."""

    name: str
    value: float
    unit: str
    goal: str
    against: str
    n: int

    @property
    def met(self) -> bool | None:
        """Whether the goal holds; None when there is none."""
        if not self.goal:
            return None
        sign, bound = self.goal.split()
        return _COMPARE[sign](self.value, float(bound))


def as_json(measures: Iterable[Measure]) -> str:
    """One JSON document: name -> value, unit, goal, against, n."""
    return json.dumps({m.name: {k: v for k, v in asdict(m).items() if k != "name"} for m in measures}, indent=2)


def as_table(measures: Iterable[Measure]) -> str:
    """A Markdown table, as it stands in docs/measures.md."""
    mark = {True: "met", False: "**missed**", None: ""}
    rows = [f"| {m.name} | {m.value:g} {m.unit} | {m.goal} | {mark[m.met]} | {m.against} | {m.n} |" for m in measures]
    return "\n".join(["| measure | value | goal | | against | n |", "| --- | --- | --- | --- | --- | --- |", *rows])


def median(values: Sequence[float]) -> float:
    """The middle value, rounded to three significant places after the point: more would be noise."""
    return round(statistics.median(values), 3)
