"""The audit of one decision: everything about it is made again from the repository and compared.

Needs no git and no clone, only a way to read objects whose content has been checked against their ID.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from agent.edits.tree import Tree
from agent.errors import AuditFailed, Refused, SuccessorError
from agent.gate.dossier import Case, Dossier, case_of, check_dossier
from agent.gate.review import ReviewRequest, check_refusals, check_reviews
from agent.gate.rules import Bundle, bundle_digest, load_bundle
from agent.gate.trust import TrustRoot
from agent.lineage.gate_log import LogEntry
from agent.lineage.objects import Commit, Read, check_gate_commit, parse_commit, read_tree
from agent.lineage.trailers import Trailers, check_message
from agent.workspace import SETTINGS_FILE, parse_settings

Result = TypeVar("Result")

_TREES_KEPT = 16


class Decided:
    """What the log has recorded so far: commits, branches, candidates and nonces, none of which may come twice."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.commits: set[str] = set()
        self.branches: dict[str, str] = {}
        self._candidates: set[str] = set()
        self._nonces: set[str] = set()
        self._trees: dict[str, Tree] = {}
        self._laws: dict[str, Bundle] = {}

    def begin(self, entry: LogEntry) -> tuple[str, ...]:
        """Record the first generation and return the parents of its commit. Raises `Refused`."""
        commit = parse_commit(self.read(entry.commit or "", "commit"))
        self.commits.add(entry.commit or "")
        if self.tree(commit.tree).digest != entry.tree:
            raise AuditFailed("the first generation does not hold the files that the gate log names")
        return commit.parents

    def record(self, entry: LogEntry) -> None:
        """Record a decision before it is checked, so that one bad decision is not reported again for all after it."""
        candidate, commit = entry.candidate or "", entry.commit
        twice = candidate in self._candidates or (commit is not None and commit in self.commits)
        self._candidates.add(candidate)
        if commit is not None:
            self.commits.add(commit)
            self.branches.setdefault(f"successor/{candidate}", commit)
        if twice:
            raise AuditFailed("the gate log decides on it twice")

    def spend(self, nonce: str) -> None:
        """Record that a request for review was answered. Raises `AuditFailed` when it was answered before."""
        if nonce in self._nonces:
            raise AuditFailed("a review was used twice", why="another entry answers the same request of the gate")
        self._nonces.add(nonce)

    def tree(self, tree_id: str) -> Tree:
        """Return a tree, keeping the last few: a base is often the base of many."""
        if tree_id not in self._trees:
            while len(self._trees) >= _TREES_KEPT:
                del self._trees[next(iter(self._trees))]
            self._trees[tree_id] = read_tree(self.read, tree_id)
        return self._trees[tree_id]

    def law(self, files: Mapping[str, bytes]) -> Bundle:
        """Return a policy, read once: compiling its rules costs more than all the rest of a decision."""
        digest = bundle_digest(files)
        if digest not in self._laws:
            self._laws[digest] = load_bundle(files)
        return self._laws[digest]

    def commit(self, commit_id: str) -> Commit:
        """Return a parsed commit."""
        return parse_commit(self.read(commit_id, "commit"))


@dataclass(frozen=True)
class Moment:
    """Under which root a decision was taken, and in which workspace (the fingerprint of its first root)."""

    root: TrustRoot
    workspace: str


def check_decision(decided: Decided, entry: LogEntry, bundle: Tree, moment: Moment) -> None:
    """Check a decision against the repository as of the moment it was taken. Raises `Refused`."""
    base_commit = entry.base_commit or ""
    base_known = base_commit in decided.commits
    decided.record(entry)
    if not base_known:
        raise AuditFailed("its base is not a commit that the gate log recorded before", why=base_commit)
    base = decided.tree(decided.commit(base_commit).tree)
    dossier, reviews = Dossier.from_bundle(bundle)
    if dossier.request.candidate != entry.candidate or dossier.request.base_commit != base_commit:
        raise AuditFailed("the evidence is of another candidate or another base")
    result = _result(decided, entry, base, dossier, moment)
    if result.digest != entry.tree:
        raise AuditFailed("the result does not hold the files that the gate log names")
    case = Case(entry.candidate or "", base_commit, base, result, moment.workspace, dossier.request.proposer)
    request = check_dossier(dossier, case, moment.root, decided.law)
    if entry.kind == "successor":
        _check_approval(decided, entry, base, request=request, reviews=reviews, root=moment.root)
    else:
        _check_refusal(entry, request, reviews, moment.root)
    decided.spend(request.nonce)


def _result(decided: Decided, entry: LogEntry, base: Tree, dossier: Dossier, moment: Moment) -> Tree:
    """Return what was decided on: the successor's files, or for a rejection the base with the diff applied."""
    if entry.kind != "successor":
        return case_of(dossier, base, moment.workspace).tree
    commit = decided.commit(entry.commit or "")
    check_gate_commit(commit, entry.time, moment.root.gate_keys)
    if commit.parents != (entry.base_commit,):
        raise AuditFailed("the commit does not descend from the base that was reviewed")
    return decided.tree(commit.tree)


def _check_approval(
    decided: Decided,
    entry: LogEntry,
    base: Tree,
    *,
    request: ReviewRequest,
    reviews: tuple[bytes, ...],
    root: TrustRoot,
) -> None:
    """Enough people, by the base's own settings, at the moment of the decision; and the commit leads back here."""
    settings = parse_settings(base[SETTINGS_FILE].content if SETTINGS_FILE in base else b"")
    reviewers = check_reviews(reviews, request, root, settings.review.approvals, entry.time)
    if reviewers != entry.by:
        raise AuditFailed("the gate log names other reviewers than those who signed")
    message = decided.commit(entry.commit or "").message
    policy = (request.policy, request.policy_version)
    check_message(message, Trailers(request.candidate, entry.index, entry.bundle, *policy, reviewers))


def _check_refusal(entry: LogEntry, request: ReviewRequest, reviews: tuple[bytes, ...], root: TrustRoot) -> None:
    signers = check_refusals(reviews, request, root)
    if signers and signers != entry.by:
        raise AuditFailed("the gate log names other reviewers than those who signed")
    if entry.kind == "denied" and request.allowed:
        raise AuditFailed("it is recorded as denied by a policy that allows it")


def guarded(check: Callable[[], Result]) -> Result:
    """Run a check so that whatever goes wrong in it is a refusal: in an auditor, any exception means invalid."""
    try:
        return check()
    except Refused:
        raise
    except SuccessorError as error:
        raise AuditFailed(str(error)) from error
    except Exception as error:
        raise AuditFailed("it cannot be checked", why=f"{type(error).__name__}: {str(error)[:200]}") from error
