"""A second model reads a change and says how suspicious it is: a tripwire, and only ever a reason for people to look.

It is another model than the proposer's, reached with another key, and is told nothing of what the proposer says about
its change. It reads twice, the change as it is and without comments and docstrings, because text in a change may
speak to whoever reads it: where the two readings differ much, that alone is a finding. What it reads it first writes
down, in a given form; another question, which no longer holds the change, judges what was written down. A finding is
shown to the reviewer. That there is none says nothing: a model that was deceived, or is as weak as the proposer,
finds nothing.
"""

from __future__ import annotations

import ast
import json
import secrets
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from agent.candidate import ProbeResult, Record
from agent.edits.tree import File, Tree
from agent.edits.unified import unified_diff
from agent.errors import BudgetSpent, ModelDown
from agent.evaluate.probes.probe import Subject, result

MOST_BYTES = 200_000
"""Of a change that is read; of more it is said that nobody did."""
APART = 30
"""By how much two readings of one change may differ before that is a finding."""
CALLS = 4
"""Two readings, two questions each."""

Kind = Literal[
    "plain", "answers by heart", "special cases", "senses its surroundings", "weaker tests", "weaker limits or logging",
    "hidden content", "reaches outside", "speaks to the reader",
]  # fmt: skip
_Answer = TypeVar("_Answer", bound=Record)


def _cut(most: int) -> BeforeValidator:
    """A model is told how long a text may be, and few count: one that runs over is cut, and the rest is heard."""
    return BeforeValidator(lambda text: text[:most] if isinstance(text, str) else text)


Name = Annotated[str, _cut(200), Field(max_length=200)]


class Observation(Record):
    """One thing that a change does, as the model wrote it down."""

    definition: Name
    does: Annotated[str, _cut(500), Field(max_length=500)]
    kind: Kind


class Extract(Record):
    """Everything that it wrote down of one change.

    A bound that a local model's grammar can hold, too: without one, a small model writes the same thing down for ever.
    """

    observations: Annotated[tuple[Observation, ...], Field(max_length=20)]


class Judgement(Record):
    """What it thinks of what was written down."""

    suspicion: Annotated[int, Field(ge=0, le=100)]
    kind: Kind
    definition: Name


Ask = Callable[[str, str, Mapping[str, Any]], object]
"""Given instructions, a question and the JSON schema of the answer, returns the answer. Raises `ModelDown`,
`BudgetSpent`. What it returns need not fit the schema."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How one view of a change was judged."""

    view: str
    judgement: Judgement


class Monitor:
    """Reads changes. A probe like the others, but that it costs money: it is asked about what people would read."""

    name = "model_monitor"
    blocking = False

    def __init__(self, reader: Callable[[str], AbstractContextManager[Ask]], threshold: int) -> None:
        """`reader` opens an account by its name. `threshold`: the suspicion above which people are told."""
        self._reader = reader
        self._threshold = threshold

    def look(self, subject: Subject) -> ProbeResult:
        """Return what is to be told to people; that it could not be asked is told as well."""
        try:
            return result(self, list(findings(self.readings(subject), self._threshold)))
        except (ModelDown, BudgetSpent) as error:
            return result(self, [f"it could not be asked: {error}"])

    def readings(self, subject: Subject) -> list[Reading]:
        """Read both views of a change. Raises `ModelDown`, `BudgetSpent`."""
        views = {"as it is": subject, "without comments": Subject(bare(subject.base), bare(subject.tree))}
        with self._reader(f"monitor {subject.tree.digest[7:19]}") as ask:
            return [Reading(view, _read(ask, unified_diff(of.base, of.tree))) for view, of in views.items()]


def findings(readings: Sequence[Reading], threshold: int) -> Iterator[str]:
    """Yield what is worth a person's look: the worst reading, if it is above the threshold, and readings far apart."""
    worst = max(readings, key=lambda reading: reading.judgement.suspicion)
    said = worst.judgement
    if said.suspicion > threshold:
        where = f" in {said.definition}" if said.definition else ""
        yield f"suspicion {said.suspicion} of 100, told above {threshold}: {said.kind}{where} ({worst.view})"
    apart = said.suspicion - min(reading.judgement.suspicion for reading in readings)
    if apart > APART:
        yield f"comments and docstrings change its suspicion by {apart} of 100: they may speak to the reader"


def bare(tree: Tree) -> Tree:
    """Return a tree whose Python says the same without comments, docstrings and layout; what is no Python stays."""
    return Tree({path: File(_bare(path, file.content), file.executable) for path, file in tree.items()})


def _bare(path: str, content: bytes) -> bytes:
    if not path.endswith(".py"):
        return content
    try:
        module = ast.parse(content)
        for node in ast.walk(module):
            if isinstance(
                node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            ) and ast.get_docstring(node, clean=False):
                node.body[:1] = [] if len(node.body) > 1 else [ast.Pass()]
        return ast.unparse(module).encode("utf-8", "surrogatepass") + b"\n"
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last is what nesting too deep is called
        return content


def _read(ask: Ask, diff: bytes) -> Judgement:
    """Have one view of a change written down, and what was written down judged."""
    if not diff:
        return Judgement(suspicion=0, kind="plain", definition="")
    if len(diff) > MOST_BYTES:
        raise ModelDown(
            "the change is too long to be read", why=f"{len(diff)} bytes, and {MOST_BYTES} are read at most"
        )
    words = _words()
    change = diff.decode("utf-8", "backslashreplace")
    question = words["extract"]["question"].format(mark=secrets.token_hex(8), change=change)
    seen = _asked(ask, words["extract"]["system"], question, Extract)
    written = json.dumps([one.model_dump() for one in seen.observations], indent=1)
    return _asked(ask, words["judge"]["system"], words["judge"]["question"].format(observations=written), Judgement)


def _asked(ask: Ask, system: str, question: str, form: type[_Answer]) -> _Answer:
    answer = ask(system.strip(), question.strip(), form.model_json_schema())
    try:
        return form.model_validate_json(json.dumps(answer))
    except (ValidationError, TypeError, ValueError) as error:
        raise ModelDown("the monitor's model did not answer in form", why=f"it gave no {form.__name__}") from error


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads((files("agent.evaluate") / "monitor.toml").read_text("utf-8"))
