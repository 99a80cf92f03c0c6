"""An in-memory bench with a known optimum: stands in for the sandboxed evaluator where a search itself is tried out.

A tree is worth what the named values in one of its files are worth. The file is read as literals and never run.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from agent.edits.tree import Tree

Landscape = Callable[[Mapping[str, object], str], int]


class ToyBench:
    """Scores trees by a landscape over the named values (constants, defaults) of the file at `path`.

    landscape: maps the values and a task to a score in ppm. workers: threads that score, which must change nothing.
    A file that does not parse, or lacks one of the `required` names, counts as a crash.
    """

    def __init__(
        self, path: str, landscape: Landscape, tasks: int = 60, required: Sequence[str] = (), workers: int = 1
    ) -> None:
        self._path, self._landscape, self._required, self._workers = path, landscape, required, workers
        self._tasks = tuple(f"task-{number:03}" for number in range(tasks))
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def dev_tasks(self, suite: str) -> tuple[str, ...]:  # noqa: ARG002  # the Protocol's signature
        """Return the names of the tasks, the same for every suite."""
        return self._tasks

    def score(
        self,
        trees: Sequence[Tree],
        suite: str,  # noqa: ARG002  # the Protocol's signature
        tasks: Sequence[str],
    ) -> list[dict[str, int] | None]:
        """Score each tree; what was asked is kept in `asked`, in order."""
        self.asked += [(tree.digest, tuple(tasks)) for tree in trees]
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(lambda tree: self._score(tree, tasks), trees))

    def _score(self, tree: Tree, tasks: Sequence[str]) -> dict[str, int] | None:
        values = named_values(tree[self._path].content)
        if values is None or any(name not in values for name in self._required):
            return None
        return {task: self._landscape(values, task) for task in tasks}


def named_values(content: bytes) -> dict[str, object] | None:
    """Return the literal values of assignments and defaults, by name; `None` for a file that does not parse."""
    try:
        module = ast.parse(content)
    except (SyntaxError, ValueError):
        return None
    found: dict[str, object] = {}
    for node in ast.walk(module):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                _learn(found, name, value)
            case ast.FunctionDef(args=arguments):
                named = arguments.args[len(arguments.args) - len(arguments.defaults) :]
                for argument, value in zip(named, arguments.defaults, strict=True):
                    _learn(found, argument.arg, value)
    return found


def peaks(best: Mapping[str, object], *, worth: int = 100_000, noise: int = 0) -> Landscape:
    """Return a landscape that is highest where each named value is the best one.

    Another number is worth the less the further off it is by ratio; another string nothing. `noise` (ppm) is added per
    task and set of values, drawn by hashing, so that equal questions have equal answers.
    """

    def landscape(values: Mapping[str, object], task: str) -> int:
        score = sum(worth * _closeness(values.get(name), wanted) for name, wanted in best.items())
        key = repr((sorted(values.items()), task)).encode()
        draw = int.from_bytes(hashlib.sha256(key).digest()[:4], "big") / 2**31 - 1
        return round(score + noise * draw)

    return landscape


def _closeness(value: object, wanted: object) -> float:
    if isinstance(value, int | float) and isinstance(wanted, int | float) and value > 0 and wanted > 0:
        return min(value / wanted, wanted / value)
    return 1.0 if value == wanted else 0.0


def _learn(found: dict[str, object], name: str, value: ast.expr) -> None:
    try:
        found[name] = ast.literal_eval(value)
    except (ValueError, TypeError):
        return
