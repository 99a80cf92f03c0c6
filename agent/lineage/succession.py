"""How a candidate becomes a successor, or is recorded as refused: the only writer of successor branches and gate log.

    create_workspace(path, tree, root, gate, now)            first commit, and entry 0 of the gate log
    commit_successor(repository, dossier, reviews, ...)      checks everything again, then commit and entry, or nothing
    record_rejection(repository, dossier, ...)               the entry alone

Everything that was checked before is checked here again, from the very bytes that are committed, because between the
judgement and the commit lie a database, a person and perhaps a week. Objects are stored first and refs are moved last,
in one transaction, so that a refusal or a crash at any point leaves no commit that anyone can see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.edits.tree import Tree
from agent.errors import AuditFailed, Misuse, Refused
from agent.gate.dossier import Case, Dossier, case_of, check_dossier, check_law_follows
from agent.gate.note import NoteSigner
from agent.gate.quorum import approvals_of
from agent.gate.review import BRANCH_PREFIX, ReviewRequest, check_refusals, check_reviews
from agent.gate.trust import TrustRoot, parse_root
from agent.lineage.gate_log import (
    LOG_BRANCH,
    ROOT_FILE,
    LogEntry,
    append,
    genesis_bundle,
    head_file,
    last_index,
    read_entry,
)
from agent.lineage.objects import NewObjects, check_gate_commit, gate_commit
from agent.lineage.repository import MAIN_BRANCH, Move, Repository, successor_ref
from agent.lineage.standing import demand_standing
from agent.lineage.trailers import Trailers, entry_index, write_message
from agent.lineage.waivers import demand_waivers, stored_waivers
from agent.workspace import SETTINGS_FILE, parse_settings

_LOG_REF = f"refs/heads/{LOG_BRANCH}"
_MAIN_REF = f"refs/heads/{MAIN_BRANCH}"


@dataclass(frozen=True)
class Recorded:
    """What was written: the log entry, its commit, and the successor's commit and branch if there is one."""

    index: int
    log_commit: str
    commit: str | None
    branch: str | None


@dataclass(frozen=True)
class Log:
    """The gate log as it stands: its tip, its last entry, and the trust root in force."""

    commit: str
    tree: str
    last: LogEntry
    root: TrustRoot
    workspace: str
    """Fingerprint of the first trust root: the identity of the workspace, and what an auditor is told."""


def create_workspace(path: Path, tree: Tree, root: TrustRoot, gate: NoteSigner, now: int) -> Repository:
    """Make a repository at the folder `path` with `tree` as its first commit on `main`, and begin the gate log.

    The folder may exist but must not hold a repository. The files are written out. `now` is in seconds since 1970.
    Raises `Misuse`, `GitFailed`.
    """
    parse_settings(tree[SETTINGS_FILE].content if SETTINGS_FILE in tree else b"")
    _demand_role(root, gate)
    _demand_room(path, tree)
    repository = Repository.init(path)
    objects = NewObjects()
    first = objects.add("commit", gate_commit(objects.add_tree(tree), None, now, "Generation 0\n", gate))
    moves = [Move(_MAIN_REF, first, None), _begin(repository, objects, first, tree, root=root, gate=gate, now=now)]
    repository.write(objects)
    repository.move(moves)
    repository.check_out_main()
    return repository


def begin_log(repository: Repository, root: TrustRoot, gate: NoteSigner, now: int) -> str:
    """Begin the gate log of an existing repository at the commit that is checked out; return the log commit.

    History before that commit is not vouched for. Raises `Misuse` when there is a log already.
    """
    objects = NewObjects()
    head = repository.head()
    move = _begin(repository, objects, head, repository.tree(head), root=root, gate=gate, now=now)
    repository.write(objects)
    repository.move([move])
    return move.new


def read_log(repository: Repository) -> Log:
    """Return the gate log as it stands. Raises `Misuse` when there is none, `Refused` when its tip is not the gate's.

    Only the tip is checked, as much as it takes not to continue a forged log; `agent.lineage.audit` checks the whole.
    """
    tip = repository.branch(LOG_BRANCH)
    if tip is None:
        raise Misuse("this repository has no gate log", why="it was not made by successor init")
    commit = repository.commit(tip)
    genesis, bundle = read_entry(repository.read, commit.tree, 0)
    if genesis.kind != "genesis" or ROOT_FILE not in bundle:
        raise AuditFailed("the gate log does not begin with a trust root")
    first = parse_root(bundle[ROOT_FILE].content)
    last, _ = read_entry(repository.read, commit.tree, last_index(repository.read, commit.tree))
    root = parse_root(head_file(repository.read, commit.tree, ROOT_FILE))
    # A new root is recorded under the one before it.
    before = repository.commit(commit.parents[0]).tree if last.kind == "trust" and commit.parents else commit.tree
    signing = parse_root(head_file(repository.read, before, ROOT_FILE))
    check_gate_commit(commit, last.time, signing.gate_keys)
    if commit.message != last.message:
        raise AuditFailed("the tip of the gate log does not record its last entry")
    return Log(tip, commit.tree, last, root, first.fingerprint)


def mend(repository: Repository) -> None:
    """Finish a transaction that a killed process left half done: give the last successor of the log its branch.

    Git moves the refs of a transaction one after the other; the log comes first, so this is the only gap there is.
    """
    last = read_log(repository).last
    if last.kind == "successor" and last.candidate and last.commit:
        ref = successor_ref(last.candidate)
        if repository.branch(ref.removeprefix("refs/heads/")) is None:
            repository.move([Move(ref, last.commit, None)])


def commit_successor(
    repository: Repository, dossier: Dossier, reviews: Sequence[bytes], *, gate: NoteSigner, now: int, title: str = ""
) -> Recorded:
    """Commit an approved candidate as branch `successor/<id>` and record it, both or nothing.

    `reviews` are the signed envelopes; `now` is in seconds since 1970; `title` is one line of ASCII for the commit
    message. Raises `ReviewRefused`, `SignatureRefused`, `PolicyDenied` or another `Refused` with the reason,
    `GitFailed` when the repository cannot be written or has moved meanwhile; nothing is committed then.
    """
    log = _open_log(repository, gate, dossier.request.candidate)
    now = max(now, log.last.time)
    demand_standing(repository, log, dossier.request.base_commit)
    request, case = _check(repository, log, dossier)
    approvals = check_reviews(reviews, request, log.root, approvals_of(case.base, case.tree), now)
    reviewers = tuple(review.reviewer for review in approvals)
    demand_waivers(repository, log, dossier, case, now)
    check_law_follows(case.base, case.tree)
    ref = successor_ref(request.candidate)
    bundle = dossier.bundle(tuple(reviews))
    trailers = Trailers(
        request.candidate, log.last.index + 1, bundle.digest, request.policy, request.policy_version, reviewers
    )
    objects = NewObjects()
    message = write_message(trailers, title)
    successor = objects.add("commit", gate_commit(objects.add_tree(case.tree), request.base_commit, now, message, gate))
    entry = _entry(log, "successor", request, bundle, now, commit=successor, by=reviewers)
    tip = append(objects, repository.read, (log.commit, log.tree), entry=entry, bundle=bundle, gate=gate)
    repository.write(objects)
    repository.move([Move(_LOG_REF, tip, log.commit), Move(ref, successor, None)])
    return Recorded(entry.index, tip, successor, request.target)


def record_rejection(
    repository: Repository,
    dossier: Dossier,
    *,
    gate: NoteSigner,
    now: int,
    by: str,
    reason: str,
    reviews: Sequence[bytes] = (),
    kind: Literal["rejected", "denied"] = "rejected",
) -> Recorded:
    """Record that a candidate was refused: by people (`rejected`), or by the policy (`denied`).

    `by` is who says so; signed reviews, when there are any, say it better and must all be of this very candidate.
    """
    log = _open_log(repository, gate, dossier.request.candidate)
    now = max(now, log.last.time)
    request, _ = _check(repository, log, dossier)
    names = check_refusals(reviews, request, log.root) or (by,)
    bundle = dossier.bundle(tuple(reviews))
    entry = _entry(log, kind, request, bundle, now, by=names, reason=reason)
    objects = NewObjects()
    tip = append(objects, repository.read, (log.commit, log.tree), entry=entry, bundle=bundle, gate=gate)
    repository.write(objects)
    repository.move([Move(_LOG_REF, tip, log.commit)])
    return Recorded(entry.index, tip, None, None)


def _begin(
    repository: Repository, objects: NewObjects, first: str, tree: Tree, *, root: TrustRoot, gate: NoteSigner, now: int
) -> Move:
    """Gather entry 0 of a gate log that does not exist yet."""
    if repository.branch(LOG_BRANCH) is not None:
        raise Misuse("this repository has a gate log already")
    _demand_role(root, gate)
    bundle = genesis_bundle(root.content)
    entry = LogEntry(
        index=0,
        kind="genesis",
        previous=None,
        time=now,
        bundle=bundle.digest,
        candidate=None,
        base_commit=None,
        commit=first,
        tree=tree.digest,
        by=(),
        reason="",
    )
    return Move(_LOG_REF, append(objects, repository.read, None, entry=entry, bundle=bundle, gate=gate), None)


def _check(repository: Repository, log: Log, dossier: Dossier) -> tuple[ReviewRequest, Case]:
    """Return the request of a dossier and what it is about, once all of it agrees with the repository."""
    base_commit = dossier.request.base_commit
    demand_recorded(repository, log, base_commit)
    base = repository.tree(base_commit)
    case = case_of(dossier, base, log.workspace)
    waivers = stored_waivers(repository.read, log.tree)
    return check_dossier(dossier, case, log.root, waivers=waivers), case


def demand_recorded(repository: Repository, log: Log, commit_id: str) -> None:
    """Raise `Refused` unless a commit is the genesis or a successor of this log: a parent is what people approved."""
    genesis, _ = read_entry(repository.read, log.tree, 0)
    index = None if commit_id == genesis.commit else entry_index(repository.commit(commit_id).message)
    recorded = genesis if index is None or index > log.last.index else read_entry(repository.read, log.tree, index)[0]
    if recorded.commit != commit_id:
        raise Refused(f"{commit_id} is no base for a successor", why="the gate log does not record it")


def _demand_role(root: TrustRoot, gate: NoteSigner) -> None:
    if gate.key not in root.gate_keys:
        raise Refused("the gate's key is not in the trust root", why=gate.key.fingerprint)


def _demand_room(path: Path, tree: Tree) -> None:
    """Raise `Misuse` if writing the first generation would overwrite a file of somebody's."""
    for name, file in tree.items():
        place = path / name
        if place.is_symlink() or (place.exists() and not (place.is_file() and place.read_bytes() == file.content)):
            raise Misuse(
                f"{place} is there already", why="a new workspace would overwrite it", mend="Choose an empty folder"
            )


def _open_log(repository: Repository, gate: NoteSigner, candidate: str) -> Log:
    """Return the log, mended, once it is clear that this gate may continue it and has not decided on this already."""
    mend(repository)
    log = read_log(repository)
    _demand_role(log.root, gate)
    if log.last.candidate == candidate or repository.branch(BRANCH_PREFIX + candidate) is not None:
        raise Refused(f"{candidate} is decided already", why="a candidate is decided once; a successor can be revoked")
    return log


def _entry(
    log: Log,
    kind: Literal["successor", "rejected", "denied"],
    request: ReviewRequest,
    bundle: Tree,
    now: int,
    *,
    by: tuple[str, ...],
    commit: str | None = None,
    reason: str = "",
) -> LogEntry:
    try:
        return LogEntry(
            index=log.last.index + 1,
            kind=kind,
            previous=log.last.digest,
            time=now,
            bundle=bundle.digest,
            candidate=request.candidate,
            base_commit=request.base_commit,
            commit=commit,
            tree=request.manifest,
            by=by,
            reason=reason,
        )
    except ValueError as error:
        raise Misuse(
            "the decision cannot be recorded", why="the name or the reason is too long or not valid"
        ) from error
