"""The message of a successor commit: a title, and the trailers that lead from the commit to its evidence.

    Successor 7c1e: rank paths before bodies

    Successor-Id: 7c1e
    Gate-Entry: 12
    Gate-Evidence: sha256:...
    Policy: sha256:... v3
    Reviewed-by: alice

The trailers are the last paragraph, complete and in this order, and no other line may look like one of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.errors import Misuse, Refused

_TITLE = re.compile(r"[ -~]{0,72}")
_KEYS = ("successor-id", "gate-entry", "gate-evidence", "policy", "reviewed-by")
_GATE_ENTRY = re.compile(r"^Gate-Entry: (0|[1-9][0-9]{0,5})$", re.MULTILINE)


@dataclass(frozen=True)
class Trailers:
    """What a successor commit says about itself."""

    candidate: str
    entry: int
    """Index of its entry in the gate log."""
    evidence: str
    """Digest of the entry's bundle."""
    policy: str
    policy_version: int
    reviewers: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The trailer paragraph."""
        return [
            f"Successor-Id: {self.candidate}",
            f"Gate-Entry: {self.entry}",
            f"Gate-Evidence: {self.evidence}",
            f"Policy: {self.policy} v{self.policy_version}",
            *(f"Reviewed-by: {name}" for name in self.reviewers),
        ]


def write_message(trailers: Trailers, title: str = "") -> str:
    """Return the commit message. Raises `Misuse` unless `title` has at most 72 printable ASCII characters."""
    if _TITLE.fullmatch(title) is None:
        raise Misuse("this cannot be the title of a commit", why="at most 72 printable ASCII characters on one line")
    head = f"Successor {trailers.candidate}: {title}" if title.strip() else f"Successor {trailers.candidate}"
    return "\n".join([head, "", *trailers.lines, ""])


def check_message(message: str, expected: Trailers) -> None:
    """Raise `Refused`, saying which trailer is wrong, unless the message carries exactly the expected trailers."""
    lines = message.split("\n")
    found = [line for line in lines if line.partition(":")[0].strip().casefold() in _KEYS]
    evidence = [line for line in found if line.casefold().startswith("gate-evidence")]
    if len(evidence) != 1:
        raise Refused(f"the commit has {len(evidence)} Gate-Evidence trailers", why="there must be exactly one")
    if evidence != [f"Gate-Evidence: {expected.evidence}"]:
        raise Refused("the commit names other evidence than the gate log")
    if found != expected.lines:
        odd = sorted(set(found) ^ set(expected.lines)) or found
        raise Refused("the commit's trailers are not those of its gate-log entry", why=f"{odd[0][:120]!a}")
    if lines[-len(found) - 2 :] != ["", *found, ""] or len(lines) != len(found) + 3:
        raise Refused("the commit's message is not of the gate's form")


def entry_index(message: str) -> int | None:
    """Return where in the gate log a successor commit says it is recorded, or `None`. A hint, and no proof."""
    found = _GATE_ENTRY.findall(message)
    return int(found[0]) if len(found) == 1 else None
