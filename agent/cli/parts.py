"""Builds the parts below from arguments, environment and the workspace's files. Nobody else reads the environment."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import Misuse, Refused, StoreBroken
from agent.workspace import STATE_FOLDER, Settings, find_workspace

if TYPE_CHECKING:  # the parts are heavy: each command loads what it uses
    from agent.cli.model import Supply
    from agent.edits.tree import Tree
    from agent.evaluate.canaries import Canaries
    from agent.evaluate.evaluator import Evaluator
    from agent.evaluate.probes.probe import Probe
    from agent.evaluate.trial import TrialStore
    from agent.lineage.repository import Repository
    from agent.loop.decide import Decisions
    from agent.loop.judging import Keys
    from agent.loop.stop import Checkpoint
    from agent.loop.store import Store
    from sandbox.contract import Backend

LEVELS = {"reduced": 1, "container": 2, "hardened": 3}
_MENDS = {
    "container": "Install and start a Docker engine: apt-get install docker.io",
    "hardened": 'Give the Docker engine a runtime with a kernel of its own, and name it: [sandbox] runtime = "runsc"',
}


def cache_folder() -> Path:
    """Where prepared runtimes are kept. `SUCCESSOR_CACHE` names another place.

    Root's home is closed to the user that sandboxed code runs as, so root's cache is kept in /var/cache.
    """
    named = os.environ.get("SUCCESSOR_CACHE")
    if named:
        return Path(named)
    if os.geteuid() == 0:
        return Path("/var/cache/successor")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "successor"


def now() -> int:
    """Seconds since 1970, UTC."""
    return int(time.time())


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """Open the store of the workspace at `folder`."""
    from agent.loop.store import Store

    store = Store(folder / STATE_FOLDER, clock=now)
    try:
        yield store
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class Workspace:
    """An open workspace. `parent` is the newest approved generation, `base` its files, `settings` its rules."""

    folder: Path
    repository: Repository
    store: Store
    parent: str
    base: Tree
    settings: Settings

    @property
    def state(self) -> Path:
        """The untracked folder: store, keys, halt, lock."""
        return self.folder / STATE_FOLDER

    def decisions(self) -> Decisions:
        """The desk at which reviews are handed in."""
        from agent.loop.decide import Decisions

        return Decisions(self.repository, self.store, gate=lambda: load_keys(self.state).gate)


@contextmanager
def open_workspace(start: Path, *, writing: bool = False) -> Iterator[Workspace]:
    """Open the workspace at or above `start`; with `writing`, hold its lock and finish what a killed process left."""
    from agent.lineage.repository import Repository
    from agent.lineage.succession import mend
    from agent.loop.decide import reconcile
    from agent.loop.stop import workspace_lock

    folder = find_workspace(start.resolve())
    locked = workspace_lock(folder / STATE_FOLDER) if writing else nullcontext()
    with locked, Repository.open(folder) as repository, open_store(folder) as store:
        if writing:
            mend(repository)
            reconcile(repository, store)
        opened = _opened(folder, repository, store)
        finished = writing and opened.decisions().finish_approved()
        yield _opened(folder, repository, store) if finished else opened


@contextmanager
def locked_repository(start: Path) -> Iterator[Repository]:
    """Open the repository at or above `start` under the workspace's lock, and neither store nor keys nor a parent."""
    from agent.lineage.repository import Repository
    from agent.loop.stop import workspace_lock

    folder = find_workspace(start.resolve())
    with workspace_lock(folder / STATE_FOLDER), Repository.open(folder) as repository:
        yield repository


def _opened(folder: Path, repository: Repository, store: Store) -> Workspace:
    from agent.loop.judging import settings_of
    from agent.loop.select import select_parent

    parent = select_parent(repository)
    base = repository.tree(parent)
    return Workspace(folder, repository, store, parent, base, settings_of(base))


def demand_clean(workspace: Workspace) -> None:
    """Raise `Misuse` when files differ from what is committed: a run would silently leave them out."""
    changed = workspace.repository.changed()
    if changed:
        raise Misuse(
            f"the work tree has changes that are not committed: {', '.join(changed[:3])}{' …' * (len(changed) > 3)}",
            why="a run builds on approved generations, so they would have no effect",
            mend="Undo them, or bring them through the gate: successor propose --patch",
        )


def load_keys(state: Path) -> Keys:
    """Load the machine keys of a workspace."""
    from agent.gate.signer import MachineKey
    from agent.loop.judging import Keys

    return Keys(MachineKey.load(state / "keys" / "gate"), MachineKey.load(state / "keys" / "evaluator"))


def choose_wall(workspace: Workspace, asked: str | None, workers: int, say: Callable[[str], None]) -> Backend:
    """Return the wall that was asked for, else the one of successor.toml, under the runtime named there.

    Up to `workers` sandboxes of it stand ready. To be closed. Raises `BackendUnavailable`.
    """
    from sandbox.choose import choose

    wanted = workspace.settings.sandbox
    kind = asked or wanted.backend
    return choose(kind, cache_folder(), warm=workers, runtime=wanted.runtime, progress=say)  # type: ignore[arg-type]  # typer and pydantic checked it


def demand_level(workspace: Workspace, backend: Backend) -> None:
    """Raise `Refused` when the policy will deny whatever is measured behind this wall: better said before."""
    from agent.gate.dossier import policies_of
    from agent.gate.rules import load_bundle

    wanted = load_bundle(policies_of(workspace.base)).parameters.get("sandbox_level", 0)
    if isinstance(wanted, int) and LEVELS[backend.level] < wanted:
        name = next((level for level, number in LEVELS.items() if number == wanted), f"{wanted}, which there is not")
        raise Refused(
            f"the policy of this workspace asks for a sandbox of level {name}",
            why=f"{backend.name} offers {backend.level}",
            mend=_MENDS.get(name, "Correct sandbox_level in policies/bundle.yaml"),
        )


@contextmanager
def open_evaluator(
    workspace: Workspace,
    backend: Backend,
    workers: int,
    say: Callable[[str], None],
    supply: Supply | None = None,
    *,
    every: bool = False,
    monitor: Probe | None = None,
    trials: TrialStore | None = None,
) -> Iterator[tuple[Evaluator, Checkpoint]]:
    """Prepare the inside of the sandbox and the suites, and build the evaluator with the checkpoint it looks at.

    Optional suites that need a model are left out, and named, where `supply` has none; unless `every` suite is wanted,
    for what can be done with it without. `trials`: where scores are known from and kept; the workspace's store if none.
    """
    from agent.evaluate.catalogue import load_suites
    from agent.evaluate.evaluator import Evaluator
    from agent.loop.stop import Checkpoint, Halt
    from agent.loop.trials import StoredTrials

    cache, settings = cache_folder(), workspace.settings
    runtime = backend.prepare(say)
    desk, no_model = (supply.desk, supply.why) if supply else (None, "none was asked for")
    suites, left_out = load_suites(
        workspace.base, settings, runtime, cache, say, backend=backend, no_model="" if desk or every else no_model
    )
    # The evaluator counts the trials that the checkpoint bounds: each needs the other.
    counted: list[Evaluator] = []
    checkpoint = Checkpoint(
        Halt(workspace.state), settings.budget, partial(_trials, counted), time.monotonic, time.monotonic()
    )
    with Evaluator(
        backend, runtime, suites, settings, trials or StoredTrials(workspace.store), workers=workers,
        checkpoint=checkpoint, progress=say, desk=desk, left_out=left_out, reviewed=_looked_at_deeply(workspace),
        canaries=load_canaries(workspace.state), monitor=monitor,
    ) as evaluator:  # fmt: skip
        counted.append(evaluator)
        yield evaluator, checkpoint


def _looked_at_deeply(workspace: Workspace) -> Tree:
    """Return the files of the last generation that people looked at deeply; of the first, if they never did."""
    from agent.lineage.deep import last_deep_review
    from agent.lineage.succession import read_log

    repository = workspace.repository
    return repository.tree(last_deep_review(repository, read_log(repository), workspace.parent))


def load_canaries(state: Path) -> Canaries:
    """Return the tokens of a workspace; its secret is made where there is none, beside the keys and as closed."""
    from agent.evaluate.canaries import Canaries

    path = state / "keys" / "canaries"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            suppress(FileExistsError),
            os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        ):
            file.write(os.urandom(32))
        secret = path.read_bytes()
    except OSError as error:
        raise StoreBroken("the secret of the canary tokens cannot be read", why=str(error)) from error
    # One that a full disk cut short is none: whoever knows it can avoid what is made of it.
    return Canaries(secret) if len(secret) == 32 else Canaries()


def _trials(counted: list[Evaluator]) -> int:
    return counted[0].trials_run if counted else 0
