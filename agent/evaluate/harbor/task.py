"""One task folder in the Harbor format, schema 1.4 (harbor 0.25, `harbor.models.task.config`), as far as we run it.

    task.toml                 see `TaskFile`; keys that it does not know are ignored, as Harbor does
    instruction.md            what the solver is asked to do
    environment/              a Dockerfile with what it copies
    tests/test.sh             the verifier; writes /logs/verifier/reward.json or reward.txt
    solution/solve.sh         an answer that earns a full mark; never near a solver
    tampering/solve.sh        ours: an answer that attacks the tests, and must earn nothing

What a task needs and we cannot give is refused by name (`NotSupported`), never left out silently: several steps,
compose files, other systems, GPUs, servers for tools, named hosts. Where the network is merely public, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.edits.tree import File
from agent.errors import BadSettings
from agent.evaluate.harbor.environment import NotInside, check_variable
from agent.evaluate.suite import SPLITS, Split
from agent.workspace import read_toml

FILE, INSTRUCTION, TEST = "task.toml", "instruction.md", "tests/test.sh"
SOLUTION, TAMPERING = "solution/solve.sh", "tampering/solve.sh"
_MOST_BYTES = 256 * 1024
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_HOST_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class NotSupported(Exception):
    """The task needs what we do not have."""


class _Table(BaseModel):
    """Unknown keys are ignored: the format is older and wider than we are."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Named(_Table):
    name: str = ""


class _Agent(_Table):
    timeout_sec: Seconds | None = None
    allowed_hosts: list[str] = []


class _Environment(_Table):
    build_timeout_sec: Seconds = 600
    docker_image: str | None = None
    os: str = "linux"
    gpus: int = 0
    tpu: Any = None
    network_mode: str = "public"
    allowed_hosts: list[str] = []
    env: dict[str, str] = {}
    mcp_servers: list[Any] = []
    skills_dir: str | None = None
    workdir: str | None = None
    healthcheck: Any = None

    @model_validator(mode="before")
    @classmethod
    def _of_old(cls, data: Any) -> Any:
        """`allow_internet` is what `network_mode` was called."""
        if isinstance(data, dict) and "allow_internet" in data and "network_mode" not in data:
            return {**data, "network_mode": "public" if data["allow_internet"] else "no-network"}
        return data


class _Verifier(_Table):
    timeout_sec: Seconds = 600
    env: dict[str, str] = {}
    environment: Any = None
    collect: list[Any] = []
    allowed_hosts: list[str] = []


class _Solution(_Table):
    env: dict[str, str] = {}


class TaskFile(_Table):
    """`task.toml`."""

    schema_version: str = "1.4"
    task: _Named = _Named()
    metadata: dict[str, Any] = {}
    agent: _Agent = _Agent()
    verifier: _Verifier = _Verifier()
    environment: _Environment = _Environment()
    solution: _Solution = _Solution()
    steps: list[Any] = []

    @model_validator(mode="before")
    @classmethod
    def _of_old(cls, data: Any) -> Any:
        """`version` is what `schema_version` was called."""
        if isinstance(data, dict) and "version" in data and "schema_version" not in data:
            return {**data, "schema_version": data["version"]}
        return data

    def check(self) -> None:
        """Raise `NotSupported` for what we cannot give."""
        wanted = {
            f"schema {self.schema_version[:20]}": not re.fullmatch(r"1\.\d+", self.schema_version),
            "several steps": bool(self.steps),
            f"the system {self.environment.os[:20]}": self.environment.os != "linux",
            "a GPU or TPU": bool(self.environment.gpus or self.environment.tpu),
            "servers for tools": bool(self.environment.mcp_servers),
            "a folder of skills": bool(self.environment.skills_dir),
            "a check of health": bool(self.environment.healthcheck),
            "an environment of the verifier's own": bool(self.verifier.environment),
            "commands that collect for the verifier": bool(self.verifier.collect),
            "hosts of a network": self.environment.network_mode == "allowlist"
            or bool(self.environment.allowed_hosts or self.agent.allowed_hosts or self.verifier.allowed_hosts),
        }
        for what, is_wanted in wanted.items():
            if is_wanted:
                raise NotSupported(f"it wants {what}")


@dataclass(frozen=True, slots=True)
class HarborTask:
    """A task that we can run. `files` are those of its folder, by relative path."""

    id: str
    family: str
    split: Split
    impossible: bool
    """Whether no honest answer earns anything: `[metadata] impossible = true`, ours. Who does not has full marks."""
    file: TaskFile
    files: Mapping[str, File]
    env: Mapping[str, str]
    verifier_env: Mapping[str, str]
    solution_env: Mapping[str, str]

    @property
    def instruction(self) -> str:
        """What the solver is asked."""
        return self.files[INSTRUCTION].content.decode("utf-8")

    def below(self, folder: str) -> dict[str, File]:
        """Return the files of one folder of the task, by path relative to it."""
        return {
            path.removeprefix(f"{folder}/"): file for path, file in self.files.items() if path.startswith(f"{folder}/")
        }

    def seconds(self, most: int) -> float:
        """Return how long solving may take, where the suite allows `most`."""
        return min(self.file.agent.timeout_sec or most, most)

    def verifier_seconds(self, most: int) -> float:
        """Return how long grading may take."""
        return min(self.file.verifier.timeout_sec, most)


def read_task(name: str, files: Mapping[str, File], origin: str) -> HarborTask:
    """Return the task in these files. Raises `BadSettings`, which names `origin`."""
    if not _ID.fullmatch(name):
        raise BadSettings(f"{origin}: {name[:60]!a} is no name for a task", why="use small letters, digits and -")
    try:
        parsed = _parse(files)
        parsed.check()
        _check_files(files)
        return HarborTask(
            id=name,
            family=_metadata(parsed, "family", name),
            split=_split(parsed),
            impossible=parsed.metadata.get("impossible") is True,
            file=parsed,
            files=files,
            env=_resolved(parsed.environment.env),
            verifier_env=_resolved(parsed.verifier.env),
            solution_env=_resolved(parsed.solution.env),
        )
    except (NotSupported, NotInside) as error:
        raise BadSettings(f"{origin} cannot be run", why=str(error)) from error
    except _Bad as error:
        raise BadSettings(f"{origin}/{error.file} is not valid", why=error.why) from error


class _Bad(Exception):
    """A file of the task is not what it has to be."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(why)
        self.file = file
        self.why = why


def _parse(files: Mapping[str, File]) -> TaskFile:
    try:
        return TaskFile.model_validate(read_toml(_text(files, FILE)))
    except ValidationError as error:
        first = error.errors()[0]
        raise _Bad(FILE, f"{'.'.join(str(part) for part in first['loc']) or 'top'}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise _Bad(FILE, f"it is no TOML: {str(error)[:200]}") from error


def _check_files(files: Mapping[str, File]) -> None:
    if not _text(files, INSTRUCTION).strip():
        raise _Bad(INSTRUCTION, "it is empty")
    _text(files, TEST)
    for path in files:
        if path.rsplit("/", 1)[-1] in ("docker-compose.yaml", "docker-compose.yml", "compose.yaml", "compose.yml"):
            raise NotSupported("it wants a compose file")
        if path.startswith("steps/"):
            raise NotSupported("it wants several steps")
    if "tests/Dockerfile" in files:
        raise NotSupported("it wants an image of the verifier's own")


def _text(files: Mapping[str, File], path: str) -> str:
    if path not in files:
        raise _Bad(path, "it is missing")
    content = files[path].content
    if len(content) > _MOST_BYTES:
        raise _Bad(path, f"it is longer than {_MOST_BYTES} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Bad(path, "it is not UTF-8") from error


def _split(parsed: TaskFile) -> Split:
    said = parsed.metadata.get("split")
    for split in SPLITS:
        if said == split:
            return split
    raise _Bad(FILE, 'metadata.split: say "dev" or "heldout"')


def _metadata(parsed: TaskFile, key: str, default: str) -> str:
    said = parsed.metadata.get(key, default)
    if not isinstance(said, str) or not 0 < len(said) <= 100:
        raise _Bad(FILE, f"metadata.{key}: a short text is wanted")
    return said


def _resolved(env: Mapping[str, str]) -> dict[str, str]:
    """Fill in `${NAME:-default}`. Nothing of this machine's environment ever gets into a task."""

    def value(match: re.Match[str]) -> str:
        if match[2] is None:
            raise NotSupported(f"it wants the variable {match[1]} of this machine")
        return match[2]

    return {check_variable(name): _HOST_VARIABLE.sub(value, text) for name, text in env.items()}
