"""Where generations stand: which is newest, which were revoked, and to which one the workspace was rolled back.

Read from the end of the log, as far as it takes: neither a long history nor a revocation long ago is paid for by each
run. The log is believed here as the workspace's own; the audit proves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.candidate import Record
from agent.errors import AuditFailed, Misuse, Refused
from agent.lineage.gate_log import LogEntry, read_entry
from agent.lineage.objects import is_object_id
from agent.lineage.repository import Repository
from agent.lineage.trailers import entry_index
from agent.workspace import STATE_FOLDER

if TYPE_CHECKING:  # the writer asks here before it commits
    from agent.lineage.succession import Log

ROLLBACK_FILE = "rolled-back-to"


class Standing(Record):
    """A generation's entry, and the entry by which it, or what it descends from, was revoked, if it was."""

    entry: LogEntry
    revoked_by: int | None


def entries(repository: Repository, log: Log) -> list[LogEntry]:
    """Return every entry of the log, in order."""
    return [read_entry(repository.read, log.tree, index)[0] for index in range(log.last.index + 1)]


def standings(history: Sequence[LogEntry]) -> dict[str, Standing]:
    """Return where each successor stands, by its candidate. A base comes before what descends from it."""
    found: dict[str, Standing] = {}
    names: dict[str, str] = {}
    direct = {entry.candidate: entry.index for entry in reversed(history) if entry.kind == "revoked"}
    for entry in history:
        if entry.kind == "successor" and entry.candidate and entry.commit:
            above = found.get(names.get(entry.base_commit or "", ""))
            marks = (direct.get(entry.candidate), above.revoked_by if above else None)
            least = min((mark for mark in marks if mark is not None), default=None)
            found[entry.candidate] = Standing(entry=entry, revoked_by=least)
            names[entry.commit] = entry.candidate
    return found


def newest(repository: Repository, log: Log, floor: str | None) -> LogEntry:
    """Return the newest generation that is not revoked and, with a `floor`, is that commit or descends from it.

    A floor that was revoked gives way to the nearest generation above it that stands.
    """
    floor = _standing(repository, log, floor) if floor else None
    revoked: set[str] = set()
    for index in range(log.last.index, -1, -1):
        entry, _ = read_entry(repository.read, log.tree, index)
        if entry.kind == "revoked" and entry.candidate:
            revoked.add(entry.candidate)
        if entry.kind in ("successor", "genesis") and entry.commit:
            line = dict(ancestry(repository, log, entry.commit)) if revoked or floor else {}
            if not revoked & set(line.values()) and (floor is None or floor in line):
                return entry
    raise AuditFailed("the gate log names no generation to build on", mend="See: successor audit")


def demand_standing(repository: Repository, log: Log, commit: str) -> None:
    """Raise `Refused` when a generation was revoked, or descends from one that was, since it was recorded."""
    revoked = _revoked_since(repository, log, commit)
    for here, candidate in ancestry(repository, log, commit) if revoked else ():
        if candidate in revoked:
            what = "it" if here == commit else f"{candidate}, from which it descends,"
            raise Refused(f"{commit[:12]} is no base for a successor", why=f"{what} was revoked")


def _standing(repository: Repository, log: Log, commit: str) -> str:
    """Return a generation, or the nearest one above it that is not revoked."""
    revoked = _revoked_since(repository, log, commit)
    standing = commit
    for here, candidate in ancestry(repository, log, commit) if revoked else ():
        if candidate in revoked:
            standing = repository.commit(here).parents[0]
    return standing


def _revoked_since(repository: Repository, log: Log, commit: str) -> set[str]:
    """Return what was revoked after a generation was recorded: before, it would not have been recorded."""
    recorded = entry_index(repository.commit(commit).message) or 0
    later = (read_entry(repository.read, log.tree, index)[0] for index in range(log.last.index, recorded, -1))
    return {entry.candidate for entry in later if entry.kind == "revoked" and entry.candidate}


def ancestry(repository: Repository, log: Log, commit: str) -> Iterator[tuple[str, str]]:
    """Yield commit and candidate of a generation and all before it; the first generation has no candidate."""
    here = commit
    while (index := entry_index(repository.commit(here).message)) is not None and 0 < index <= log.last.index:
        entry, _ = read_entry(repository.read, log.tree, index)
        if entry.commit != here or not entry.candidate or not entry.base_commit:
            raise AuditFailed(f"{here} is not what the gate log records", mend="See: successor audit")
        yield here, entry.candidate
        here = entry.base_commit
    yield here, ""


def roll_back(repository: Repository, log: Log, name: str) -> str:
    """Put the files of an approved generation in the work tree, and let new candidates start from it or below it.

    `name` is a successor's ID, or `genesis`. Neither the gate's key nor a verdict is asked for. Returns the commit.
    Raises `UnknownId`, `Refused` when it was revoked, `Misuse` when files would be lost.
    """
    commit = generation(repository, log, name)
    demand_standing(repository, log, commit)
    changed = repository.changed()
    if changed:
        raise Misuse(
            f"the work tree has changes that are not committed: {', '.join(changed[:3])}",
            why="to put another generation in their place would lose them", mend="Move them aside first",
        )  # fmt: skip
    _pin(repository).parent.mkdir(exist_ok=True)
    _pin(repository).write_text(commit + "\n", "ascii")
    repository.check_out(commit)
    return commit


def roll_forward(repository: Repository, log: Log) -> str:
    """End a rollback: new candidates start from the newest generation again. Returns its commit."""
    _pin(repository).unlink(missing_ok=True)
    return newest(repository, log, None).commit or ""


def rolled_back_to(repository: Repository) -> str | None:
    """Return the commit that the workspace was rolled back to, if it was. Raises `Misuse` when that cannot be read."""
    try:
        commit = _pin(repository).read_text("ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"{_pin(repository)} cannot be read", mend="successor rollback ID writes it anew") from error
    if not is_object_id(commit):
        raise Misuse(f"{_pin(repository)} names no commit", mend="successor rollback ID writes it anew")
    return commit


def generation(repository: Repository, log: Log, name: str) -> str:
    """Return the commit of a generation by its ID, or of the first one as `genesis`. Raises `UnknownId`, `Refused`."""
    first, _ = read_entry(repository.read, log.tree, 0)
    if name == "genesis":
        return first.commit or ""
    commit = repository.resolve(f"successor/{name}")
    index = entry_index(repository.commit(commit).message)
    entry = read_entry(repository.read, log.tree, index)[0] if index and index <= log.last.index else None
    if entry is None or entry.commit != commit:
        raise Refused(f"{name} is no generation of this workspace", why="the gate log does not record that commit")
    return commit


def _pin(repository: Repository) -> Path:
    return repository.work_tree / STATE_FOLDER / ROLLBACK_FILE
