"""What can go wrong with the wall itself. A failing candidate is never one of these: it is an `Outcome`.

SandboxError
├── BackendUnavailable   this machine cannot offer the backend; says what to install
├── SandboxBroken        the sandbox or the engine failed in the middle: run the trial again, never score it
│   └── EngineAway       the engine does not answer just now: again, and not at once
├── ImageRefused         a task's own image cannot be made, or is not one that we can work in
└── TransferRefused      bytes that came out broke the rules of the strict extractor
"""

from __future__ import annotations


class SandboxError(Exception):
    """Root of the tree: what happened, and how to `mend` it."""

    def __init__(self, what: str, *, mend: str = "") -> None:
        super().__init__(what, mend)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.what}. {self.mend}" if self.mend else self.what


class BackendUnavailable(SandboxError):
    """This machine cannot offer the backend."""


class SandboxBroken(SandboxError):
    """The sandbox or its engine failed in the middle of a command. Says nothing about the candidate."""


class EngineAway(SandboxBroken):
    """The engine does not answer just now; one that is started again is back in seconds."""


class ImageRefused(SandboxError):
    """The image of a task cannot be made, or is not one that we can work in. Says nothing about a candidate."""


class TransferRefused(SandboxError):
    """Bytes that came out of a sandbox broke the rules of the strict extractor."""
