"""What is written to the gate log beside decisions: revocations, trust roots, checkpoints that witnesses saw, waivers.

Everything is checked here as an audit will check it, before anything is written.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.edits.tree import File, Tree
from agent.errors import AuditFailed, Misuse, Refused
from agent.gate.dossier import policies_of
from agent.gate.note import Note, NoteSigner
from agent.gate.quorum import approvals_of
from agent.gate.revocation import read_revocation
from agent.gate.rules import load_bundle
from agent.gate.statement import Subject
from agent.gate.trust import TrustRoot
from agent.gate.trust_change import change_files, read_change
from agent.gate.waiver import check_people, check_span, check_waivable, read_waiver, terms, waiver_files
from agent.lineage.gate_log import (
    CHECKPOINT_FILE,
    LOG_BRANCH,
    REVOCATION_FILE,
    EntryKind,
    LogEntry,
    append,
    head_file,
    origin_of,
)
from agent.lineage.objects import NewObjects
from agent.lineage.repository import Move, Repository
from agent.lineage.standing import entries, standings
from agent.lineage.succession import Log, Recorded, demand_recorded, mend, read_log
from agent.lineage.waivers import lasting


def record_revocation(repository: Repository, envelope: bytes, *, gate: NoteSigner, now: int) -> Recorded:
    """Record a signed revocation of a successor. Raises `Refused` when it does not count, or was made before."""
    log = _open(repository, gate)
    found, subject = read_revocation(envelope, log.root, log.workspace)
    standing = standings(entries(repository, log)).get(found.candidate)
    if standing is None or standing.entry.commit != found.commit:
        raise Refused(f"{found.candidate} is no successor of this log", why="only what was committed can be revoked")
    if standing.revoked_by is not None:
        raise Refused(f"{found.candidate} is revoked already", why=f"by entry {standing.revoked_by} of the gate log")
    if subject != Subject(repository.commit(found.commit).tree, standing.entry.tree or ""):
        raise Refused("the revocation was signed about other files")
    bundle = Tree({REVOCATION_FILE: File(envelope)})
    return _record(
        repository, log, "revoked", bundle, gate=gate, now=now, candidate=found.candidate, tree=standing.entry.tree,
        by=(found.by,), reason=found.reason,
    )  # fmt: skip


def record_root(
    repository: Repository, root: TrustRoot, envelopes: Sequence[bytes], *, gate: NoteSigner, now: int
) -> Recorded:
    """Record a new trust root, in force from the next entry on. Raises `Refused` unless enough people signed it."""
    log = _open(repository, gate)
    bundle = change_files(root, envelopes)
    content = {name: file.content for name, file in bundle.items()}
    _, people = read_change(content, log.root, log.workspace)
    return _record(repository, log, "trust", bundle, gate=gate, now=now, by=people)


def record_witnessed(repository: Repository, note: Note, *, gate: NoteSigner, now: int) -> Recorded:
    """Record a cosigned checkpoint. Raises `AuditFailed` unless it is one that this log had."""
    log = _open(repository, gate)
    point = note.checkpoint
    if point.origin != origin_of(log.workspace):
        raise AuditFailed("the checkpoint is of another log", why=point.origin)
    if not 0 < point.size <= log.last.index + 1:
        raise AuditFailed("the checkpoint is of more entries than there are", why=str(point.size))
    here = log.commit
    for _ in range(log.last.index + 1 - point.size):
        here = repository.commit(here).parents[0]
    own = head_file(repository.read, repository.commit(here).tree, CHECKPOINT_FILE)
    if not own.startswith(f"{point.text}\n".encode()):
        raise AuditFailed("the checkpoint is not the one that this log had", why=f"with {point.size} entries")
    return _record(repository, log, "witnessed", Tree({CHECKPOINT_FILE: File(note.content)}), gate=gate, now=now)


def record_waiver(repository: Repository, envelopes: Sequence[bytes], *, gate: NoteSigner, now: int) -> Recorded:
    """Record a signed waiver. Raises `Refused` unless enough people signed it, the law allows it, and it ends."""
    log = _open(repository, gate)
    files = waiver_files(envelopes)
    waiver, _, people = read_waiver(files, log.root, log.workspace)
    check_span(waiver, log.last.index + 1, max(now, log.last.time))
    demand_recorded(repository, log, waiver.base_commit)
    base = repository.tree(waiver.base_commit)
    check_waivable(waiver, load_bundle(policies_of(base)))
    check_people(waiver, people, log.root, approvals_of(base, base))
    if waiver.nonce in {terms(one.files)[0].nonce for one in lasting(repository, log).values()}:
        raise Refused("this waiver is recorded already", why="what is signed once is recorded once")
    bundle = Tree({name: File(content) for name, content in files.items()})
    return _record(repository, log, "waived", bundle, gate=gate, now=now, by=people, reason=waiver.reason)


def _open(repository: Repository, gate: NoteSigner) -> Log:
    mend(repository)
    log = read_log(repository)
    if gate.key not in log.root.gate_keys:
        raise Refused("the gate's key is not in the trust root", why=gate.key.fingerprint)
    return log


def _record(
    repository: Repository,
    log: Log,
    kind: EntryKind,
    bundle: Tree,
    *,
    gate: NoteSigner,
    now: int,
    candidate: str | None = None,
    tree: str | None = None,
    by: tuple[str, ...] = (),
    reason: str = "",
) -> Recorded:
    try:
        entry = LogEntry(
            index=log.last.index + 1, kind=kind, previous=log.last.digest, time=max(now, log.last.time),
            bundle=bundle.digest, candidate=candidate, base_commit=None, commit=None, tree=tree, by=by, reason=reason,
        )  # fmt: skip
    except ValueError as error:
        raise Misuse("this cannot be recorded", why="a name or the reason is too long or not valid") from error
    objects = NewObjects()
    tip = append(objects, repository.read, (log.commit, log.tree), entry=entry, bundle=bundle, gate=gate)
    repository.write(objects)
    repository.move([Move(f"refs/heads/{LOG_BRANCH}", tip, log.commit)])
    return Recorded(entry.index, tip, None, None)
