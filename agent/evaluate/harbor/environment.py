"""A task's Dockerfile, read strictly: what lies in the work folder, and what stands in the environment.

For `environment = "inside"` no image is built. The sandbox's own inside serves, and so a Dockerfile may only say what
that inside can be: a Python image, the work folder `/app`, files copied into it, variables, packages that are there
anyway (by name: their versions are the inside's own). Anything else is refused by name, so that no task is run in
another environment than the one it asks for without anybody being told.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.edits.tree import File, Tree
from agent.errors import UnsafeTree
from sandbox.attempt import CAPS

APP = "/app"
PACKAGES = frozenset({"pytest", "libcst", "anthropic", "pydantic", "httpx2", "pyyaml"})
"""What a task may ask pip for, because it is there."""

MOST_CHARACTERS = 64 * 1024
MOST_INSTRUCTIONS, MOST_SOURCES = 200, 100
"""Of a Dockerfile, and of one COPY: each may copy everything once more."""

_IMAGE = re.compile(r"(docker\.io/(library/)?)?python:3(\.\d+)*(-(slim|bookworm|bullseye|trixie)){0,2}")
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)([=<>!~]=?[0-9A-Za-z.*]+)?(,[=<>!~]=?[0-9A-Za-z.*]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWNED = frozenset(
    {
        "PATH",
        "HOME",
        "PYTHONPATH",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "PYTHONHOME",
        "SCAFFOLD_MODEL",
        "SCAFFOLD_ANSWER_TOKENS",
        "SCAFFOLD_SOCKET",
    }
)
_PIP = (
    ("pip", "install"),
    ("pip3", "install"),
    ("python", "-m", "pip", "install"),
    ("python3", "-m", "pip", "install"),
)
_PIP_FLAGS = frozenset({"--no-cache-dir", "-q", "--quiet", "--disable-pip-version-check"})


class NotInside(Exception):
    """The Dockerfile asks for what the inside is not; says which line, and why."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a trial begins with: files of the work folder by relative path, and variables."""

    files: Mapping[str, File]
    env: Mapping[str, str]


def read_dockerfile(dockerfile: str, context: Mapping[str, File]) -> Environment:
    """Return what a Dockerfile comes to. `context` is the folder that it lies in. Raises `NotInside`."""
    if len(dockerfile) > MOST_CHARACTERS:
        raise NotInside(f"it has more than {MOST_CHARACTERS} characters")
    if ".dockerignore" in context:
        raise NotInside("a .dockerignore is not read")
    reading = _Reading(context)
    for count, (number, line) in enumerate(_lines(dockerfile)):
        if count == MOST_INSTRUCTIONS:
            raise NotInside(f"it has more than {MOST_INSTRUCTIONS} instructions")
        word, _, rest = line.partition(" ")
        try:
            reading.take(word.upper(), rest.strip())
        except NotInside as error:
            raise NotInside(f"line {number}, {word.upper()}: {error}") from error
    if not reading.begun:
        raise NotInside("it has no FROM")
    if sum(len(file.content) for file in reading.files.values()) > CAPS.total:
        raise NotInside(f"it copies more than {CAPS.total} bytes")
    try:
        Tree(reading.files)
    except UnsafeTree as error:
        raise NotInside(str(error)) from error
    return Environment(reading.files, reading.env)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield instructions with the number of their first line; comments and empty lines left out."""
    whole, first = "", 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        first = first or number
        whole += line.strip().removesuffix("\\").rstrip() + " "
        if not line.rstrip().endswith("\\"):
            yield first, whole.strip()
            whole, first = "", 0
    if whole:
        raise NotInside("its last line goes on after its end")


class _Reading:
    """One pass over the instructions."""

    def __init__(self, context: Mapping[str, File]) -> None:
        self._context = context
        self._here = ""
        self.begun = False
        self.files: dict[str, File] = {}
        self.env: dict[str, str] = {}

    def take(self, word: str, rest: str) -> None:
        """Carry out one instruction."""
        known = {"FROM": self._from, "WORKDIR": self._workdir, "COPY": self._copy, "ENV": self._env, "RUN": self._run}
        if word not in known:
            raise NotInside("is not possible without an image")
        if self.begun == (word == "FROM"):
            raise NotInside("there is one FROM, and it comes first")
        known[word](rest)

    def _from(self, rest: str) -> None:
        if not _IMAGE.fullmatch(rest):
            raise NotInside(f"{rest[:60]!a} is not a plain Python image")
        self.begun = True

    def _workdir(self, rest: str) -> None:
        if rest.rstrip("/") != APP:
            raise NotInside(f"the work folder is {APP}")
        self._here = APP

    def _copy(self, rest: str) -> None:
        words = rest.split()
        if len(words) < 2 or any(word.startswith(("-", "[")) or set(word) & set("*?[$\"'\\") for word in words):
            raise NotInside("only plain paths are copied")
        *sources, target = words
        place = PurePosixPath(self._here or "/", target)
        if (place != PurePosixPath(APP) and PurePosixPath(APP) not in place.parents) or ".." in place.parts:
            raise NotInside(f"files are copied below {APP} only")
        into = "" if place == PurePosixPath(APP) else place.relative_to(APP).as_posix()
        if len(sources) > MOST_SOURCES:
            raise NotInside(f"it names more than {MOST_SOURCES} sources")
        for source in sources:
            if len(self.files) > CAPS.members:
                raise NotInside(f"more than {CAPS.members} files are copied")
            self._copy_one(source, into, is_folder=target.endswith("/") or into == "" or len(sources) > 1)

    def _copy_one(self, source: str, into: str, *, is_folder: bool) -> None:
        path = source.removeprefix("./").strip("/")
        path = "" if path == "." else path
        if ".." in path.split("/"):
            raise NotInside("only what is beside the Dockerfile is copied")
        if path in self._context:
            name = f"{into}/{path.rsplit('/', 1)[-1]}".lstrip("/") if is_folder else into
            self.files[name] = self._context[path]
            return
        prefix = f"{path}/" if path else ""
        found = {name: file for name, file in self._context.items() if name.startswith(prefix)}
        if not found:
            raise NotInside(f"{source[:60]!a} is not there")
        for name, file in found.items():
            self.files[f"{into}/{name.removeprefix(prefix)}".lstrip("/")] = file

    def _env(self, rest: str) -> None:
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise NotInside("its quotes do not match") from error
        if not words:
            raise NotInside("it names no variable")
        if "=" not in words[0]:
            words = [f"{words[0]}={rest.partition(' ')[2].strip()}"]
        for word in words:
            name, separator, value = word.partition("=")
            if not separator or not _VARIABLE.fullmatch(name) or "$" in value:
                raise NotInside("a variable is NAME=value, without other variables in it")
            self.env[check_variable(name)] = value

    def _run(self, rest: str) -> None:
        words = tuple(rest.split())
        pip = next((start for start in _PIP if words[: len(start)] == start), None)
        wanted = [word for word in words[len(pip or ()) :] if word not in _PIP_FLAGS]
        if pip is None or not wanted:
            raise NotInside("only `pip install` of packages that the sandbox has is possible without an image")
        for word in wanted:
            match = _REQUIREMENT.fullmatch(word.strip("\"'"))
            if match is None or re.sub(r"[-_.]+", "-", match[1]).lower() not in PACKAGES:
                raise NotInside(f"the sandbox does not have {word[:60]!a}")


def check_variable(name: str) -> str:
    """Return the name of a variable that a task may set. Raises `NotInside`."""
    if name in _OWNED:
        raise NotInside(f"{name} is not a task's to set")
    return name
