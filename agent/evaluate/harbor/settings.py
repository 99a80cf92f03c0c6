"""`suites/<name>.toml` with `kind = "harbor"`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agent.edits.tree import check_path
from agent.errors import UnsafeTree

LONGEST_SECONDS = 1_500
"""Less than what a sandbox may live, with what is needed before and after."""


class HarborSettings(BaseModel):
    """Where the tasks are, and how they are run."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_: Literal[1] = Field(alias="schema")
    kind: Literal["harbor"]
    tasks: str
    """A folder of the workspace, with a folder for each task."""
    environment: Literal["inside", "image"] = "inside"
    """What tasks are solved in. `inside`: the sandbox's own programs and packages, with the files that a task's
    Dockerfile copies. `image`: the task's own image, built ahead from its Dockerfile or named by `docker_image`; tasks
    are left out by name where the wall has no images."""
    build_network: bool = False
    """Whether images are built with the network. What they are built from is then whatever comes over it."""
    graded: Literal["apart", "together"] = "apart"
    """Where tests run. `apart`: in a sandbox without a byte of the answer, which they reach through `config.solver`.
    `together`: beside the answer, as tests do that import it; then an answer can forge its grade."""
    repeats: Annotated[int, Field(gt=0, le=100)] = 1
    """How often a deciding comparison runs each task."""
    calls: Annotated[int, Field(gt=0, le=10_000)] = 60
    """The most calls of the model in one trial."""
    deadline_seconds: Annotated[int, Field(gt=0, le=LONGEST_SECONDS)] = 900
    """The most that solving, and grading, may take each; a task may ask for less."""

    @field_validator("tasks")
    @classmethod
    def _below_the_workspace(cls, path: str) -> str:
        try:
            return check_path(path.removesuffix("/"))
        except UnsafeTree as error:
            raise ValueError(str(error)) from error
