"""The exception tree of the supervisor.

    SuccessorError
    ├── Refused                 the law said no; nothing was committed                (exit 1)
    │   ├── UnsafeTree          a tree or patch holds what we never accept
    │   ├── EditConflict        an edit does not fit the tree it is applied to
    │   ├── PolicyDenied        a rule, or the lack of one, denies
    │   ├── SignatureRefused    a signed document is malformed, or not signed by whom it must be
    │   ├── ReviewRefused       a review does not bind what is to be committed
    │   ├── CandidateTooDear    what may be spent on one candidate is spent
    │   ├── IllegalTransition   a step of the candidate's way out of order
    │   └── AuditFailed         the history does not prove what it claims
    ├── Misuse                  the request cannot be understood or does not fit      (exit 2)
    │   ├── NoWorkspace         there is no workspace here
    │   ├── UnknownId           nothing has that name
    │   └── BadSettings         a file that people write is not valid
    └── Infrastructure          the world failed; nothing was decided                 (exit 3)
        ├── SandboxDown         no sandbox can be had, or it broke in the middle
        ├── ModelDown           the model's server gave no answer, or not a whole one
        ├── BudgetSpent         what a run or a day may cost is spent
        ├── StoreBroken         the store cannot be read or written
        └── GitFailed           git refused an operation of ours

Every error says what happened, why, and what to do next, in words for the person who sees it.
"""

from __future__ import annotations

from typing import ClassVar


class SuccessorError(Exception):
    """Root of the tree: `what` happened, `why`, and how to `mend` it, each a short sentence without a full stop."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str = "", mend: str = "") -> None:
        super().__init__(what, why, mend)
        self.what = what
        self.why = why
        self.mend = mend

    def __str__(self) -> str:
        line = f"{self.what}: {self.why}" if self.why else self.what
        return f"{line}. {self.mend}" if self.mend else line


class Refused(SuccessorError):
    """The law said no. Nothing was committed."""


class UnsafeTree(Refused):
    """A tree or patch holds what is never accepted: links, submodules, odd names, too much."""


class EditConflict(Refused):
    """An edit does not fit the tree it is applied to."""


class PolicyDenied(Refused):
    """A rule, an error in a rule, or the lack of a policy denies."""


class SignatureRefused(Refused):
    """A key, signature, statement or trust root is malformed, or not signed by whom it must be."""


class ReviewRefused(Refused):
    """A review does not bind exactly what is to be committed, or its signer may not give it."""


class CandidateTooDear(Refused):
    """What may be spent on one candidate is spent, and it is not measured yet."""


class IllegalTransition(Refused):
    """A step of the candidate's way was asked for out of order."""


class AuditFailed(Refused):
    """The history does not prove what it claims."""


class Misuse(SuccessorError):
    """The request cannot be understood, or does not fit this workspace."""

    exit_code = 2


class NoWorkspace(Misuse):
    """There is no workspace at the place named."""


class UnknownId(Misuse):
    """Nothing has the name that was given."""


class BadSettings(Misuse):
    """A file that people write (`successor.toml`, a rule, a suite) is not valid."""


class Infrastructure(SuccessorError):
    """The world failed. Nothing was decided; the same request may succeed later."""

    exit_code = 3


class SandboxDown(Infrastructure):
    """No sandbox can be had, or it broke in the middle of a trial. Never a verdict on the candidate."""


class ModelDown(Infrastructure):
    """The model's server did not serve, however often it was asked. Never a verdict on the candidate."""


class BudgetSpent(Infrastructure):
    """What a run or a day may spend on a model is spent. What is open stays open for a run with another budget."""


class StoreBroken(Infrastructure):
    """The store cannot be read or written."""


class GitFailed(Infrastructure):
    """Git refused an operation of ours."""
