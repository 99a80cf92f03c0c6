"""What the gate log says and the store may not know: which candidates were decided, and the looks of their tests.

The log is the truth. Whoever moves a store aside, or works in another clone, must neither get the looks at held-out
tasks anew nor a second throw for a candidate that was decided.
"""

from __future__ import annotations

from agent.candidate import Deciding
from agent.errors import Refused
from agent.gate.dossier import Dossier
from agent.lineage.gate_log import LogEntry, read_entry
from agent.lineage.repository import Repository
from agent.lineage.succession import Log, read_log
from agent.loop.allowance import Allowances
from agent.loop.store import Store

DECISIONS = ("successor", "rejected", "denied")


def learn(repository: Repository, store: Store) -> None:
    """Read what was added to the gate log since it was read last. Raises `Refused` for an entry that cannot be read.

    Nothing is proven here, as an audit does it: a log that was made up can only take looks away.
    """
    log = read_log(repository)
    with store.reading() as db:
        (known,) = db.execute("SELECT coalesce(max(entry), -1) FROM logged").fetchone()
    new = [_read(repository, log, index) for index in range(known + 1, log.last.index + 1)]
    if new:
        with store.writing() as db:
            for entry, tests in new:
                candidate = entry.candidate or ""
                db.execute("INSERT OR IGNORE INTO logged VALUES (?,?,?)", (entry.index, candidate, entry.kind))
                Allowances(store).learn(candidate, tests)(db)


def _read(repository: Repository, log: Log, index: int) -> tuple[LogEntry, tuple[Deciding, ...]]:
    """Return an entry of the log, and the tests that its decision rests on."""
    try:
        entry, bundle = read_entry(repository.read, log.tree, index)
        return entry, Dossier.from_bundle(bundle)[0].evidence.decisions if entry.kind in DECISIONS else ()
    except Refused as error:
        raise Refused(
            f"entry {index} of the gate log cannot be read",
            why=str(error),
            mend="Until it can, nobody knows how often held-out tasks were looked at. See: successor audit",
        ) from error


def demand_undecided(store: Store, candidate: str) -> None:
    """Raise `Refused` for a candidate that the gate log decides on and this store does not know."""
    with store.reading() as db:
        known = db.execute("SELECT 1 FROM candidates WHERE id = ?", (candidate,)).fetchone()
        row = db.execute(
            "SELECT entry, kind FROM logged WHERE candidate = ? AND kind IN (?,?,?)", (candidate, *DECISIONS)
        ).fetchone()
    if row is not None and known is None:
        raise Refused(
            f"{candidate} was decided before",
            why=f"entry {row[0]} of the gate log: {row[1]}",
            mend="Propose something else: the same once more would be a second throw",
        )
