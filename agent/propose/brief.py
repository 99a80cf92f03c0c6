"""A brief as the text that a model reads. The words are in `brief.md`; what is filled in is data, and marked as such.

What a brief never holds is not held back here but never given: a `Brief` has no field for held-out tasks, answers,
reasons of the policy or budgets that are left, and the few numbers of the proposer's own plan are not written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from string import Template

from agent.diagnosis import Diagnosis, Sample, SuiteResult, Weakness
from agent.propose.proposer import Brief

CAP = 60_000
"""Bytes of a whole brief."""
LEAST = 12_000
"""A brief of fewer bytes could not hold its own rules."""
SHARES = {
    "objective": 2_000,
    "paths": 3_000,
    "results": 7_000,
    "weaknesses": 10_000,
    "samples": 8_000,
    "history": 2_000,
}
"""Bytes that each part may fill of a whole brief. Transcripts get what is left, in equal shares."""
OUTCOMES = 15
"""Tasks of one suite with the same mark that are named."""
QUESTIONS, TRANSCRIPTS = 12, 6
"""Tasks whose question, and whose transcript, is shown: a few that can be read beat many that are cut."""
LONGEST_RUN = 16
"""Back quotes in a row; more are only counted, so that no fence grows with what it holds."""

_TEMPLATE = Template(Path(__file__).with_name("brief.md").read_text("utf-8"))
_NOTHING = "(none)"


def write(brief: Brief, most: int = CAP) -> str:
    """Return the instruction for a scaffold, in at most so many bytes, or `LEAST` if that is more."""
    diagnosis, most = brief.diagnosis or Diagnosis(), max(most, LEAST)
    shares = {part: share * most // CAP for part, share in SHARES.items()}
    parts = {
        "objective": cut(visible(brief.objective), shares["objective"]),
        "suite": visible(brief.objective_suite),
        "entry": ", ".join(f"`{visible(name)}`" for name in brief.entry_points) or "any command",
        "mind": cut(_paths(brief.editable.mind), shares["paths"]),
        "kept": cut(_paths(brief.editable.kept), shares["paths"]),
        "lines": str(brief.max_changed_lines),
        "results": fenced(cut(visible(_results(diagnosis.results)), shares["results"])),
        "weaknesses": fenced(cut(visible(_weaknesses(diagnosis.weaknesses)), shares["weaknesses"])),
        "samples": _fair(_questions(diagnosis.samples)[: _few(QUESTIONS, most)], shares["samples"]),
        "history": fenced(cut(visible("\n".join(brief.history)), shares["history"])),
    }
    said = [f"{_name(s)}\n{s.transcript}" for s in _turns(s for s in diagnosis.samples if s.transcript)]
    room = most - len(_TEMPLATE.substitute(parts, transcripts="").encode())
    return cut(_TEMPLATE.substitute(parts, transcripts=_fair(said[: _few(TRANSCRIPTS, most)], room)), most)


def fenced(text: str) -> str:
    """Return text between two fences that are longer than any run of back quotes in it, so that it cannot end them."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text or _NOTHING}\n{fence}"


def visible(text: str) -> str:
    r"""Return text in which every character that shows nothing, or moves what is shown, is written as an escape."""
    shown = "".join(c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return re.sub(f"`{{{LONGEST_RUN},}}", lambda run: f"({len(run[0])} back quotes)", shown)


def cut(text: str, most: int) -> str:
    """Return at most so many bytes of text: its beginning and its end, and how much is missing between them."""
    content = text.encode("utf-8", "backslashreplace")
    if len(content) <= most:
        return text
    note = f"\n[... {len(content)} bytes, cut to {most} ...]\n"
    half = max(0, most - len(note)) // 2
    return content[:half].decode("utf-8", "ignore") + note + content[len(content) - half :].decode("utf-8", "ignore")


def _fair(texts: Sequence[str], room: int) -> str:
    """Return texts, each fenced, in equal shares of the room; what a short one leaves goes to the others."""
    shown = {}
    for left, (index, text) in enumerate(sorted(enumerate(texts), key=lambda one: len(one[1]))):
        share = room // (len(texts) - left)
        inner = cut(visible(text), share - 64)  # for the fence, and one that must be longer than usual
        shown[index] = fenced(inner)
        room -= len(shown[index].encode()) + 1
    return "\n".join(shown[index] for index in range(len(texts))) or fenced("")


def _few(whole: int, most: int) -> int:
    """Return how many there are in a brief of so many bytes, of so many in a whole one."""
    return max(1, whole * most // CAP)


def _paths(patterns: Iterable[str]) -> str:
    return "\n".join(f"  - `{visible(pattern)}`" for pattern in patterns)


def _results(results: Iterable[SuiteResult]) -> str:
    return "\n".join(line for result in results for line in _result(result))


def _result(result: SuiteResult) -> list[str]:
    wanted = ", the one that should rise" if result.objective else ""
    lines = [f"suite {result.suite}{wanted}: mean {_percent(result.mean_ppm)} of {len(result.outcomes)} tasks"]
    for score, alike in groupby(result.outcomes, key=lambda outcome: outcome[1]):
        tasks = [task for task, _ in alike]
        more = f" and {len(tasks) - OUTCOMES} more" if len(tasks) > OUTCOMES else ""
        lines.append(f"  {_percent(score)}, {len(tasks)} tasks: {', '.join(tasks[:OUTCOMES])}{more}")
    return lines


def _weaknesses(found: Iterable[Weakness]) -> str:
    return "\n\n".join(f"{number}. {_weakness(one)}" for number, one in enumerate(found, start=1))


def _weakness(one: Weakness) -> str:
    lines = [
        f"{one.suite}: {one.symptom}",
        f"   {one.tasks} tasks; the suite's mean would be {_percent(one.cost_ppm)} higher without",
        f"   for one: {', '.join(one.examples)}",
    ]
    if one.suspects:
        lines.append("   code that failed tasks ran through more often than others, the most suspicious first:")
        lines += [f"   - {s.definition} (failed {s.failed}, passed {s.passed})" for s in one.suspects]
    else:
        lines.append("   no definition stands out: what failed ran through the same code as what passed")
    return "\n".join(lines)


def _questions(samples: Iterable[Sample]) -> list[str]:
    asked = _turns(s for s in samples if s.question)
    return [f"{_name(s)}\n{s.question}" for s in asked]


def _turns(samples: Iterable[Sample]) -> list[Sample]:
    """Return samples so that each suite has its turn, in the order of each suite."""
    turns: Counter[str] = Counter()
    placed = []
    for place, sample in enumerate(samples):
        turns[sample.suite] += 1
        placed.append((turns[sample.suite], place, sample))
    return [sample for _, _, sample in sorted(placed, key=lambda one: one[:2])]


def _name(sample: Sample) -> str:
    return f"suite {sample.suite}, task {sample.task}"


def _percent(ppm: int) -> str:
    return f"{ppm / 10_000:.1f} %"
