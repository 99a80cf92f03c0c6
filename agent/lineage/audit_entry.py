"""The audit of one decision: everything about it is made again from the repository and compared.

Needs no git and no clone, only a way to read objects whose content has been checked against their ID.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from agent.candidate import Evidence
from agent.edits.tree import Tree
from agent.errors import AuditFailed, Refused, SuccessorError
from agent.gate.dossier import Case, Dossier, case_of, check_dossier, check_law_follows, policies_of
from agent.gate.quorum import approvals_needed
from agent.gate.review import ReviewRequest, check_refusals, check_reviews
from agent.gate.revocation import read_revocation
from agent.gate.rules import Bundle, load_bundle
from agent.gate.statement import Subject
from agent.gate.trust import TrustRoot
from agent.gate.verdict import Memory
from agent.gate.waiver import Waiver, Waivers, check_people, check_waivable, none_recorded
from agent.lineage.audit_waiver import Used, check_used, named_before, read_recorded
from agent.lineage.gate_log import REVOCATION_FILE, LogEntry
from agent.lineage.generations import Generations
from agent.lineage.objects import Commit, Read, check_gate_commit, parse_commit
from agent.lineage.trailers import Trailers, check_message
from agent.workspace import SETTINGS_FILE, Settings, parse_settings

Result = TypeVar("Result")
_COMMITS_KEPT = 16


class Archive:
    """The repository as checks read it: trees that share files and policies are read once."""

    def __init__(self, read: Read, waivers: Waivers = none_recorded) -> None:
        self.read = read
        self.waivers = waivers
        self.memory = Memory()
        self._generations = Generations(read)
        self._laws: dict[tuple[tuple[str, bytes], ...], Bundle] = {}
        self._commits: dict[str, Commit] = {}
        self._settings: dict[bytes, Settings] = {}

    def tree(self, tree_id: str) -> Tree:
        """Return the files of a git tree. Raises `UnsafeTree`."""
        return self._generations.tree(tree_id)

    def law(self, files: Mapping[str, bytes]) -> Bundle:
        """Return a policy, read once: compiling its rules costs more than all the rest of a decision."""
        key = tuple(files.items())
        if key not in self._laws:
            self._laws[key] = load_bundle(files)
        return self._laws[key]

    def settings(self, base: Tree) -> Settings:
        """Return the settings of a base, read once. Raises `BadSettings`."""
        content = base[SETTINGS_FILE].content if SETTINGS_FILE in base else b""
        if content not in self._settings:
            self._settings[content] = parse_settings(content)
        return self._settings[content]

    def commit(self, commit_id: str) -> Commit:
        """Return a parsed commit: a successor is read once for itself, and once more as the base of the next."""
        found = self._commits.get(commit_id)
        if found is None:
            if len(self._commits) >= _COMMITS_KEPT:
                del self._commits[next(iter(self._commits))]
            found = self._commits[commit_id] = parse_commit(self.read(commit_id, "commit"))
        return found


@dataclass(frozen=True)
class Moment:
    """Under which root a decision was taken, and in which workspace (the fingerprint of its first root)."""

    root: TrustRoot
    workspace: str


def check_genesis(archive: Archive, entry: LogEntry) -> tuple[str, ...]:
    """Check the first generation and return the parents of its commit. Raises `Refused`."""
    commit = archive.commit(entry.commit or "")
    if archive.tree(commit.tree).digest != entry.tree:
        raise AuditFailed("the first generation does not hold the files that the gate log names")
    return commit.parents


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision says that is held against others."""

    nonce: str
    """Of the request for review that it answers."""
    waived: tuple[int, ...] = ()
    """Entries of the waivers that the verdict names."""
    rests_on: tuple[Used, ...] = ()
    """Of a successor: those waivers, and all that is to be known of them."""
    looks: tuple[tuple[str, ...], int] | None = None
    """The held-out tasks that its test was shown to, and the how manieth candidate it was there; if it was tested."""
    since: tuple[str | None, ...] = ()
    """Of a successor: for each who approved it, since which generation they looked at everything, if they did."""


def check_decision(archive: Archive, entry: LogEntry, bundle: Tree, moment: Moment) -> Decided:
    """Check a decision against the repository as of the moment it was taken. Raises `Refused`.

    What concerns several entries (was the base recorded, was the review used before) is asked where all are known.
    """
    base_commit = entry.base_commit or ""
    base = archive.tree(archive.commit(base_commit).tree)
    dossier, reviews = Dossier.from_bundle(bundle)
    if dossier.request.candidate != entry.candidate or dossier.request.base_commit != base_commit:
        raise AuditFailed("the evidence is of another candidate or another base")
    result = _result(archive, entry, base, dossier, moment)
    if result.digest != entry.tree:
        raise AuditFailed("the result does not hold the files that the gate log names")
    case = Case(entry.candidate or "", base_commit, base, result, moment.workspace, dossier.request.proposer)
    request = check_dossier(dossier, case, moment.root, archive.law, archive.memory, archive.waivers)
    if entry.kind != "successor":
        _check_refusal(entry, request, reviews, moment.root)
        return Decided(request.nonce, named_before(dossier, entry), looks=_looks(dossier.evidence))
    needed, since = _check_approval(archive, entry, case, request=request, reviews=reviews, root=moment.root)
    rests_on = check_used(dossier, case, entry, moment.root, needed, archive.waivers)
    waived = tuple(used.entry for used in rests_on)
    return Decided(request.nonce, waived, rests_on, _looks(dossier.evidence), since)


def _looks(evidence: Evidence) -> tuple[tuple[str, ...], int] | None:
    given = [(one.exam, one.allowance.looks_used) for one in evidence.decisions if one.allowance]
    return (tuple(sorted(exam for exam, _ in given)), max(used for _, used in given)) if given else None


def check_waiver(archive: Archive, entry: LogEntry, bundle: Tree, moment: Moment) -> Waiver:
    """Check what was waived, by whom and under which law, as of the moment it was recorded. Raises `Refused`."""
    waiver, people = read_recorded(entry, bundle, moment.root, moment.workspace)
    base = archive.tree(archive.commit(waiver.base_commit).tree)
    check_waivable(waiver, archive.law(policies_of(base)))
    check_people(waiver, people, moment.root, archive.settings(base).review.approvals)
    return waiver


def check_revocation(archive: Archive, entry: LogEntry, bundle: Tree, moment: Moment) -> str:
    """Check who revoked what; return the commit that is revoked. Raises `Refused`."""
    if set(bundle) != {REVOCATION_FILE}:
        raise AuditFailed("the revocation is not the one file beside its entry")
    found, subject = read_revocation(bundle[REVOCATION_FILE].content, moment.root, moment.workspace)
    if (found.candidate, (found.by,), found.reason) != (entry.candidate, entry.by, entry.reason):
        raise AuditFailed("the gate log says other than the revocation that was signed")
    if subject != Subject(archive.commit(found.commit).tree, entry.tree or ""):
        raise AuditFailed("the revocation was signed about other files")
    return found.commit


def _result(archive: Archive, entry: LogEntry, base: Tree, dossier: Dossier, moment: Moment) -> Tree:
    """Return what was decided on: the successor's files, or for a rejection the base with the diff applied."""
    if entry.kind != "successor":
        return case_of(dossier, base, moment.workspace).tree
    commit = archive.commit(entry.commit or "")
    check_gate_commit(commit, entry.time, moment.root.gate_keys)
    if commit.parents != (entry.base_commit,):
        raise AuditFailed("the commit does not descend from the base that was reviewed")
    return archive.tree(commit.tree)


def _check_approval(
    archive: Archive,
    entry: LogEntry,
    case: Case,
    *,
    request: ReviewRequest,
    reviews: tuple[bytes, ...],
    root: TrustRoot,
) -> tuple[int, tuple[str | None, ...]]:
    """Enough people, by the base's own settings, at the moment of the decision; and the commit leads back here.

    Returns how many it takes, and since when each looked.
    """
    needed = approvals_needed(archive.settings(case.base), case.base, case.tree)
    approvals = check_reviews(reviews, request, root, needed, entry.time)
    reviewers = tuple(review.reviewer for review in approvals)
    if reviewers != entry.by:
        raise AuditFailed("the gate log names other reviewers than those who signed")
    check_law_follows(case.base, case.tree, archive.law)
    message = archive.commit(entry.commit or "").message
    policy = (request.policy, request.policy_version)
    check_message(message, Trailers(request.candidate, entry.index, entry.bundle, *policy, reviewers))
    return needed, tuple(review.since for review in approvals)


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
