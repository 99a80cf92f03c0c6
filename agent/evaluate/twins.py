"""Twins of tasks: the same task in other words, or under other labels. What is right stays right.

Re-worded: a question keeps its content and changes its function words, its verbs and its frame; an edit keeps its shape
while identifiers are renamed, one for one, in file, edit and result. Re-labelled: the same tasks under other ids, in
another order, at another place, with other names of host and user around them.
"""

from __future__ import annotations

import keyword
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from agent.evaluate.dice import Dice, draw, shuffled
from agent.evaluate.edit_tasks import EditTask
from agent.evaluate.suite import SkillSuite, Split, SuiteJob

Kind = Literal["reworded", "relabelled"]

MOST_RENAMED = 12
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SYLLABLES = "ba de fi go lu ma ne po ri su ta ve wo ka".split()  # noqa: SIM905  # reads better than 14 quoted words
_MARKS = frozenset({"SEARCH", "REPLACE"})


@dataclass(frozen=True, slots=True)
class Twin:
    """Which twin of some tasks, drawn from a seed."""

    kind: Kind
    seed: int


@runtime_checkable
class Twinned(SkillSuite, Protocol):
    """A suite whose tasks have twins. Scores come back under the ids of the tasks themselves."""

    def twin(self, split: Split, task_ids: Sequence[str], twin: Twin) -> SuiteJob:
        """The job that runs the twins of these tasks, each once."""
        ...


def labels(task_ids: Sequence[str], twin: Twin) -> dict[str, str]:
    """Return a label for each task, in the order in which they are run: another of both for a re-labelled twin."""
    if twin.kind != "relabelled":
        return {task: task for task in task_ids}
    order = shuffled(list(task_ids), twin.seed, "order of twins")
    return {task: task[:1] + draw(twin.seed, "label", task).hex()[: len(task) - 1] for task in order}


def surroundings(twin: Twin) -> dict[str, str]:
    """Return variables that say another host, user and time zone; none for a twin under its own labels."""
    if twin.kind != "relabelled":
        return {}
    name = draw(twin.seed, "host").hex()[:8]
    return {"HOSTNAME": f"build-{name}", "USER": f"u{name[:4]}", "LOGNAME": f"u{name[:4]}", "TZ": "Pacific/Auckland"}


def by_task(scores: dict[str, int] | None, names: Mapping[str, str]) -> dict[str, int] | None:
    """Return scores of labels as scores of tasks."""
    return None if scores is None else {task: scores[label] for task, label in names.items()}


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def reword_question(text: str, seed: int) -> str:
    """Return a question with other small words and verbs, its sentences in another order, in a frame of small words."""
    dice = Dice(seed, "reword", text)
    instead: Mapping[str, str] = _table()["words"]
    dropped = frozenset(_table()["dropped"])

    def other(word: str) -> str:
        bare = word.strip(".,;:")
        low = bare.lower()
        if low in instead:
            return word.replace(bare, instead[low])
        return "" if low in dropped else word

    sentences = [" ".join(filter(None, map(other, one.split()))) for one in re.split(r"(?<=[.;])\s+", text)]
    sentences = [one.rstrip(".;") for one in sentences if one]
    turned = sentences[1:] + sentences[:1]
    frame: str = dice.pick(_table()["frames"])
    return frame.format("; ".join(turned) or text)


def rename_edit(task: EditTask, seed: int) -> EditTask:
    """Return the same edit with some identifiers renamed everywhere, each to one that was nowhere."""
    texts = (task.content, task.edit, task.expected or "")
    known = {word for text in texts for word in _WORD.findall(text)}
    inside = [w for w in dict.fromkeys(_WORD.findall(task.edit)) if _renamable(w)]
    others = [w for w in dict.fromkeys(_WORD.findall(task.content)) if _renamable(w) and w not in inside]
    chosen = [*shuffled(inside, seed, "rename", task.id), *shuffled(others, seed, "rename", task.id)][:MOST_RENAMED]
    dice = Dice(seed, "names", task.id)
    names: dict[str, str] = {}
    for word in chosen:
        fresh = "".join(dice.pick(_SYLLABLES) for _ in range(4))
        if fresh not in known and fresh not in names.values():
            names[word] = fresh

    def renamed(text: str) -> str:
        return _WORD.sub(lambda found: names.get(found.group(), found.group()), text)

    expected = None if task.expected is None else renamed(task.expected)
    return replace(task, content=renamed(task.content), edit=renamed(task.edit), expected=expected)


def _renamable(word: str) -> bool:
    return len(word) >= 3 and not keyword.iskeyword(word) and not keyword.issoftkeyword(word) and word not in _MARKS
