"""What the gate log says and the store may not know: which candidates were decided, and the looks of their tests.

The log is the truth. Whoever moves a store aside, or works in another clone, must neither get the looks at held-out
tasks anew nor a second throw for a candidate that was decided.
"""

from __future__ import annotations

from agent.candidate import Deciding
from agent.edits.tree import Tree
from agent.errors import Refused
from agent.gate.dossier import Dossier
from agent.lineage.gate_log import LogEntry, read_entry
from agent.lineage.repository import Repository
from agent.lineage.succession import read_log
from agent.loop.allowance import Allowances
from agent.loop.store import Store

DECISIONS = ("successor", "rejected", "denied")


def learn(repository: Repository, store: Store) -> None:
    """Read what was added to the gate log since it was read last. Raises `Refused` for an entry that cannot be read."""
    log = read_log(repository)
    with store.reading() as db:
        (known,) = db.execute("SELECT coalesce(max(entry), -1) FROM logged").fetchone()
    for index in range(known + 1, log.last.index + 1):
        entry, bundle = read_entry(repository.read, log.tree, index)
        candidate = entry.candidate or ""
        count = Allowances(store).learn(candidate, _tests(entry, bundle))
        with store.writing() as db:
            db.execute("INSERT OR IGNORE INTO logged VALUES (?,?,?)", (index, candidate, entry.kind))
            count(db)


def _tests(entry: LogEntry, bundle: Tree) -> tuple[Deciding, ...]:
    return Dossier.from_bundle(bundle)[0].evidence.decisions if entry.kind in DECISIONS else ()


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
