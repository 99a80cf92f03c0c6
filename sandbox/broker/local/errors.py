"""What can go wrong with a local model before it answers anything."""

from __future__ import annotations

from sandbox.errors import SandboxError


class ModelUnavailable(SandboxError):
    """This machine cannot run that model; says what to do."""
