"""The second opinion of an audit: every signature again, with git and ssh-keygen instead of code of ours.

Neither program meets the clone's configuration: git runs in an empty repository of this auditor's own that borrows
the clone's objects, and ssh-keygen is given files of ours. It is some fifty times slower than the audit in process, so
it is done when asked for.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.edits.tree import Tree
from agent.errors import Infrastructure, Misuse, Refused
from agent.gate.dossier import EVALUATION, JUDGEMENT
from agent.gate.signature import PublicKey, armor
from agent.gate.statement import StatementKind, pae, parse_envelope, raw_signature
from agent.gate.trust import TrustRoot, parse_root
from agent.lineage.audit_bundle import opened
from agent.lineage.audit_git import Clone
from agent.lineage.audit_log import Shelves
from agent.lineage.audit_report import AuditReport
from agent.lineage.gate_log import LOG_BRANCH, REVOCATION_FILE, ROOT_FILE
from agent.lineage.objects import parse_commit

_ENVIRONMENT = {
    "PATH": os.defpath,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_SECONDS = 3600


def cross_check(path: Path, report: AuditReport) -> int:
    """Check all signatures of a clone that was audited well; add what differs to `report`. Returns how many there are.

    Raises `Misuse` when git or ssh-keygen is not installed, `Infrastructure` when one of them cannot run.
    """
    with opened(path) as clone, tempfile.TemporaryDirectory(prefix="successor-cross-check-") as folder:
        return _CrossCheck(clone, Path(folder), report).run()


class _CrossCheck:
    """One pass over one clone, in a folder of our own."""

    def __init__(self, clone: Clone, folder: Path, report: AuditReport) -> None:
        self._clone = clone
        self._folder = folder
        self._report = report
        self._roots: list[TrustRoot] = []
        self._signers = folder / "allowed_signers"

    def run(self) -> int:
        chain = self._chain()
        shelves = Shelves(self._clone.read, parse_commit(self._clone.read(chain[-1], "commit")).tree)
        commits, statements = list(chain), []
        for index in range(len(chain)):
            entry, bundle, _ = shelves.take(index)
            if ROOT_FILE in bundle:
                self._roots.append(parse_root(bundle[ROOT_FILE].content))
            if entry.kind in ("genesis", "successor") and entry.commit and not self._foreign(entry.kind, entry.commit):
                commits.append(entry.commit)
            statements += [(entry.index, *one) for one in _statements(bundle)]
        self._signers.write_text("".join(self._lines()), "ascii")
        self._git(commits)
        for index, kind, name, envelope in statements:
            self._ssh_keygen(index, kind, name, envelope)
        return len(commits) + len(statements)

    def _chain(self) -> list[str]:
        tips = [branch.commit for branch in self._clone.branches() if branch.name == LOG_BRANCH]
        lines = [list(self._back(tip)) for tip in tips]
        if not lines:
            raise Refused(f"there is no branch {LOG_BRANCH}")
        return max(lines, key=len)[::-1]

    def _back(self, tip: str) -> Iterator[str]:
        here: str | None = tip
        while here:
            yield here
            parents = parse_commit(self._clone.read(here, "commit")).parents
            here = parents[0] if parents else None

    def _foreign(self, kind: str, commit: str) -> bool:
        """The first commit of an adopted repository is somebody else's: the log names it, the gate did not sign it."""
        return kind == "genesis" and not parse_commit(self._clone.read(commit, "commit")).signatures

    def _lines(self) -> Iterator[str]:
        """Who may sign what, in the form of ssh-keygen(1), ALLOWED SIGNERS; a key for each role of all the roots."""
        for root in self._roots:
            people = {key.public for person in root.persons for key in person.keys}
            by_people = (
                StatementKind.REVIEW, StatementKind.REVOCATION, StatementKind.TRUST, StatementKind.WAIVER,
            )  # fmt: skip
            yield from _allowed("person", people, [kind.namespace for kind in by_people])
            yield from _allowed("gate", root.gate_keys, ["git", StatementKind.VERDICT.namespace])
            yield from _allowed("evaluator", root.evaluator_keys, [StatementKind.EVALUATION.namespace])

    def _git(self, commits: list[str]) -> None:
        own = self._folder / "repository"
        _run(["git", "init", "--quiet", "--bare", "--template=", str(own)], b"", self._folder)
        borrowed = own / "objects" / "info" / "alternates"
        borrowed.parent.mkdir(exist_ok=True)
        borrowed.write_bytes(os.fsencode((self._clone.folder / "objects").resolve()) + b"\n")
        command = [
            "git", "-c", "gpg.format=ssh", "-c", "gpg.ssh.program=ssh-keygen", "-c",
            f"gpg.ssh.allowedSignersFile={self._signers}", "log", "--no-walk=unsorted", "--format=%H %G?", "--stdin",
        ]  # fmt: skip
        said = _run(command, "\n".join(commits).encode() + b"\n", own)
        answers = dict(line.split(" ", 1) for line in said.decode("ascii", "replace").splitlines())
        for commit in commits:
            if answers.get(commit) != "G":
                reason = f"git does not find the signature good (it answers {answers.get(commit, 'nothing')})"
                self._report.find("cross-check", commit, reason)

    def _ssh_keygen(self, index: int, kind: StatementKind, name: str, envelope: bytes) -> None:
        signature = self._folder / "signature"
        signature.write_text(armor(raw_signature(envelope)) + "\n", "ascii")
        who = {StatementKind.EVALUATION: "evaluator", StatementKind.VERDICT: "gate"}.get(kind, "person")
        command = [
            "ssh-keygen", "-Y", "verify", "-f", str(self._signers), "-I", who, "-n", kind.namespace,
            "-s", str(signature),
        ]  # fmt: skip
        try:
            _run(command, pae(parse_envelope(envelope).payload), self._folder)
        except Refused as error:
            reason = f"ssh-keygen does not find {name} of entry {index} good: {error.why}"
            self._report.find("cross-check", "repository", reason)


def _statements(bundle: Tree) -> Iterator[tuple[StatementKind, str, bytes]]:
    """Every signed statement in a bundle, by the name of its file."""
    kinds = {
        EVALUATION: StatementKind.EVALUATION,
        JUDGEMENT: StatementKind.VERDICT,
        REVOCATION_FILE: StatementKind.REVOCATION,
    }
    for name, file in bundle.items():
        if name.startswith("review-"):
            yield StatementKind.REVIEW, name, file.content
        elif name.startswith("waiver-"):
            yield StatementKind.WAIVER, name, file.content
        elif name.startswith("signature-"):
            yield StatementKind.TRUST, name, file.content
        elif name in kinds:
            yield kinds[name], name, file.content


def _allowed(who: str, keys: Iterable[PublicKey], namespaces: list[str]) -> Iterator[str]:
    for key in sorted(keys, key=lambda key: key.raw):
        yield f'{who} namespaces="{",".join(namespaces)}" {key.line}\n'


def _run(command: list[str], stdin: bytes, folder: Path) -> bytes:
    """Run a program; its arguments are constants of ours and paths of our own folder."""
    try:
        done = subprocess.run(  # noqa: S603  # constant argv, see above
            command, input=stdin, capture_output=True, cwd=folder, env=_ENVIRONMENT, timeout=_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise Misuse(f"{command[0]} is not installed", why="a cross-check repeats the audit with it") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Infrastructure(f"{command[0]} cannot run", why=str(error)[:200]) from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode("ascii", "replace").strip().splitlines()
        raise Refused(f"{command[0]} refuses", why=ascii(said[-1])[1:-1][:200] if said else f"status {done.returncode}")
    return done.stdout
