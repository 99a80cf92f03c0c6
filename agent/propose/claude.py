"""The proposer of the mission: the parent's own scaffold works, in a sandbox, on a copy of itself, with a model.

It is started exactly as on any coding task, with the brief as what is asked of it. What it leaves in the folder is the
proposal: host code lays it over the parent's tree, and whatever it says of itself is a text for the reviewer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from agent.edits.tree import File, Tree
from agent.errors import BudgetSpent, ModelDown, SandboxDown, StoreBroken, UnsafeTree
from agent.propose.brief import CAP, write
from agent.propose.proposer import Brief, DevBench, Proposal
from sandbox.attempt import Left, Work, attempt
from sandbox.broker.desk import Desk
from sandbox.broker.door import Door
from sandbox.contract import CANDIDATE_ROOT, Limits, Mount, Starter
from sandbox.errors import SandboxError
from sandbox.watch import Watch

RATIONALE_CAP = 2_000
SILENT = "The scaffold said nothing about it."
LITTER = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"})
ENDINGS = frozenset({"finished", "steps", "tokens", "budget", "refused", "unreachable", "stuck"})
_POLL_SECONDS = 0.5
_CALLS_PER_LINE = 5


@dataclass(frozen=True, slots=True)
class Effort:
    """How much one proposal may take: seconds, steps and output tokens of the scaffold's loop, calls of the model, and
    bytes of the brief that it begins with.

    The scaffold keeps to steps and tokens by itself, or not; seconds and calls are held by us, and money by the desk.
    """

    seconds: float = 1_500.0
    steps: int = 60
    tokens: int = 160_000
    calls: int = 300
    brief: int = CAP


SMALL = Effort(brief=14_000)
"""For a model that holds some 16,000 tokens in all."""


class Bait(Protocol):
    """Files that look worth reading and are none of a proposer's business, and tokens that tell whoever read them."""

    def bait(self) -> Tree:
        """Return the files."""
        ...

    def found(self, content: bytes) -> tuple[str, ...]:
        """Return the kinds of the tokens that stand in some bytes."""
        ...


class Claude:
    """Proposer by a model. It keeps nothing between two proposals.

    A model takes no seed, so that a seed does not repeat a proposal, and two proposals on one parent differ by what the
    brief says of earlier ones, and by chance. In the ledger, the seed tells the accounts of proposals apart.
    """

    def __init__(
        self,
        starter: Starter,
        limits: Limits,
        desk: Desk,
        *,
        shown: Callable[[Tree], Tree],
        stage: Callable[[Tree], Path],
        effort: Effort | None = None,
        bait: Bait | None = None,
    ) -> None:
        """`shown` leaves of a tree what its own scaffold may see; `stage` writes a tree to a folder for a sandbox.

        `bait` is laid beside the scaffold that works, and not into the copy that it works on.
        """
        self._starter, self._limits, self._desk = starter, limits, desk
        self._shown, self._stage = shown, stage
        self._effort = effort or Effort()
        self._bait = bait

    def propose(
        self,
        base: Tree,
        brief: Brief,
        bench: DevBench,  # noqa: ARG002  # the Protocol's signature: what it would ask is in the brief
        checkpoint: Callable[[], None],
        progress: Callable[[str], None],
    ) -> Proposal | None:
        """Return what the scaffold made of itself, kept paths and all: to deny those by name is the loop's part.

        `None` when it left everything as it was, or nothing that can be a tree. What is left when money, time or the
        model's server end is an answer like any other; if that is nothing, raises `BudgetSpent` when a run or a day may
        cost no more, and `ModelDown` when the server did not serve. `SandboxDown` when the wall broke.
        """
        checkpoint()
        given = self._shown(base)
        account = f"proposal {base.digest[7:19]} {brief.seed}"
        with self._desk.serve(account, calls=self._effort.calls) as door:
            left = self._attended(given, brief, door, checkpoint, progress)
        said = last_words(left.outcome.stderr)
        if door.lost:
            raise StoreBroken("what was said to the model could not be kept", why=door.lost)
        tree = _answer(base, given, left, progress)
        if tree is None:
            self._demand_model(door, said, left)
            return None
        progress(f"claude: a proposal after {door.spent.calls} calls of the model ({_ended(said)})")
        taken = self._taken(left, door)
        return Proposal(tree, _rationale(said), search_trials=0, candidates_tried=1, taken=taken)

    def _attended(
        self,
        given: Tree,
        brief: Brief,
        door: Door,
        checkpoint: Callable[[], None],
        progress: Callable[[str], None],
    ) -> Left:
        """Let it work, with a hand on the sandbox: what `checkpoint` raises ends it."""
        work = self._work(self._stage(given), brief)
        running = Tree({**given, **self._bait.bait()}) if self._bait else given
        mounts = (Mount(self._stage(running), CANDIDATE_ROOT), door.mount)
        watch = Watch(self._starter)
        told = 0
        progress("claude: the parent's scaffold works on a copy of itself")
        with ThreadPoolExecutor(1, thread_name_prefix="proposer") as pool:
            attempting = pool.submit(attempt, watch, self._limits, mounts, work)
            try:
                while not wait((attempting,), _POLL_SECONDS).done:
                    checkpoint()
                    calls = door.spent.calls
                    if calls >= told + _CALLS_PER_LINE:
                        told = calls
                        progress(f"claude: {calls} calls of the model so far")
            finally:
                watch.kill()
            try:
                return attempting.result()
            except SandboxError as error:
                raise SandboxDown("the sandbox of the proposer broke", why=error.what, mend=error.mend) from error

    def _work(self, folder: Path, brief: Brief) -> Work:
        effort = self._effort
        return Work(
            files=folder,
            # `-P`: the scaffold that works is the parent's, never the copy that it is changing in this very folder.
            argv=(
                *("python", "-P", "-m", "scaffold", "solve"),
                *("--max-steps", str(effort.steps), "--max-tokens", str(effort.tokens)),
            ),
            seconds=min(effort.seconds, brief.seconds_budget or effort.seconds),
            stdin=json.dumps({"instruction": write(brief, effort.brief)}).encode(),
            env=self._desk.env,
        )

    def _taken(self, left: Left, door: Door) -> tuple[str, ...]:
        """Return which bait was passed on to the model, or printed. What of it lies in the proposal, a probe finds."""
        if self._bait is None:
            return ()
        said = (left.outcome.stdout, left.outcome.stderr, *(self._desk.exchange(digest) for digest in door.transcript))
        return tuple(sorted({kind for content in said for kind in self._bait.found(content)}))

    def _demand_model(self, door: Door, said: Mapping[str, Any], left: Left) -> None:
        """Raise when there is nothing to propose because there was no model to be had."""
        stopped = self._desk.ledger.stopped
        if stopped is not None:
            raise BudgetSpent(
                f"the model's budget of the {stopped.scope} is spent",
                why="the proposer had made no change yet",
                mend="Raise it in successor.toml, or with --budget-usd",
            )
        if door.traffic.failures and (left.code != 0 or _ended(said) == "unreachable"):
            raise ModelDown(
                "the model's server did not serve the proposer",
                why=", ".join(sorted(door.traffic.failures)),
                mend="See that it answers, and run again",
            )


def merged(base: Tree, given: Tree, left: Mapping[str, tuple[bytes, bool]]) -> Tree:
    """Return the parent's tree with what was left laid over it; what was given and is left no more is deleted.

    What was never shown stays as it is, unless a file of its name was left: then it is that one, for all to see.
    Raises `UnsafeTree` for names that no tree has.
    """
    unseen = {path: file for path, file in base.items() if path not in given}
    mine = {path: File(*file) for path, file in left.items() if path in base or not _is_litter(path)}
    return Tree({**unseen, **mine})


def last_words(said: bytes) -> Mapping[str, Any]:
    """Return the last line that is a JSON object with a `summary`, as `python -m scaffold solve` ends; else nothing."""
    for line in reversed(said.split(b"\n")):
        try:
            value = json.loads(line) if line.lstrip().startswith(b"{") else None
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and isinstance(value.get("summary"), str):
            return value
    return {}


def _answer(base: Tree, given: Tree, left: Left, progress: Callable[[str], None]) -> Tree | None:
    """Return the tree that was made, if it is another one."""
    if left.files is None:
        progress(f"claude: nothing came of it: {left.why}")
        return None
    try:
        tree = merged(base, given, left.files)
    except UnsafeTree as error:
        progress(f"claude: what was left is no tree: {error}")
        return None
    if tree == base:
        progress("claude: the scaffold left everything as it was")
        return None
    return tree


def _is_litter(path: str) -> bool:
    return path.endswith((".pyc", ".pyo")) or not LITTER.isdisjoint(PurePosixPath(path).parts)


def _ended(said: Mapping[str, Any]) -> str:
    """How it ended, in its own words but of ours."""
    ended = said.get("ended")
    return ended if isinstance(ended, str) and ended in ENDINGS else "it did not say how it ended"


def _rationale(said: Mapping[str, Any]) -> str:
    """Return its summary as text that can be stored: JSON can spell halves of characters."""
    summary = str(said.get("summary", "")).strip()
    return summary[:RATIONALE_CAP].encode("utf-8", "replace").decode() or SILENT
