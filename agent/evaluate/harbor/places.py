"""Where a task is worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.edits.tree import File


@dataclass(frozen=True, slots=True)
class Place:
    """What lies in the work folder before, what stands in the environment, and the image, if it is not the inside."""

    files: Mapping[str, File]
    env: Mapping[str, str]
    image: str = ""
    """ID of an image; empty for the sandbox's own inside."""
