"""Where a task is worked on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from agent.edits.tree import File
from sandbox.surroundings import HANDED


@dataclass(frozen=True, slots=True)
class Place:
    """What lies in the work folder before, what stands in the environment, and the image, if it is not the inside."""

    files: Mapping[str, File]
    env: Mapping[str, str]
    image: str = ""
    """Digest of an image; empty for the sandbox's own inside."""

    @property
    def python_path(self) -> str:
        """Where the Python of the image is told to look for modules."""
        return str(json.loads(self.env.get(HANDED, "{}")).get("PYTHONPATH", ""))
