"""From a workspace's settings to the limits of its sandboxes, and the name of those limits in trials and evidence."""

from __future__ import annotations

from dataclasses import asdict

from agent.digest import canonical_json, sha256
from agent.workspace import SandboxSettings
from sandbox.contract import MIB, Backend, Limits


def limits_of(settings: SandboxSettings) -> Limits:
    """Return the limits that a workspace asks for."""
    return Limits(
        memory=settings.memory_mib * MIB,
        cpus=float(settings.cpus),
        processes=settings.processes,
        work=settings.work_mib * MIB,
    )


def digest_of(limits: Limits, backend: Backend) -> str:
    """Name limits together with the kind of wall that enforces them: a trial under another wall is another trial."""
    numbers = {name: round(value * 1000) for name, value in asdict(limits).items()}
    return sha256(canonical_json({"limits_thousandths": numbers, "backend": backend.name, "level": backend.level}))
