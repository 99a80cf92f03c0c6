"""The template's own scaffold at work in a real sandbox, with a scripted model that may want anything."""

import contextlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.propose.claude import last_words
from sandbox.attempt import Left, Work, attempt
from sandbox.broker.desk import MODEL_VARIABLE
from sandbox.broker.rules import Policy
from sandbox.contract import CANDIDATE_ROOT, MIB, Limits, Mount
from sandbox.transfer import stage
from tests.broker.conftest import CONFIG, MODEL, World, world
from tests.broker.scripted import Say, Step, tool_use

TEMPLATE = Path(__file__).parents[2] / "workspace_template"
LIMITS = Limits(memory=512 * MIB, tmp=32 * MIB, work=128 * MIB, processes=64)
WIDE = replace(CONFIG, policy=Policy(frozenset({MODEL}), max_tokens=16_000))
SOLVE = ("python", "-P", "-m", "scaffold", "solve")
GIVEN = {"notes.txt": b"nothing of note\n"}


@dataclass(frozen=True)
class Seen:
    """What came of one attempt: what was left, and what the model was asked."""

    left: Left
    world: World

    @property
    def said(self) -> dict[str, Any]:
        """How the scaffold says that it ended."""
        return dict(last_words(self.left.outcome.stderr))

    @property
    def files(self) -> dict[str, bytes]:
        assert self.left.files is not None, self.left.why
        return {path: content for path, (content, _) in self.left.files.items()}

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The requests, as they came to the model's server."""
        return self.world.script.requests

    def results(self, request: int = -1) -> list[dict[str, Any]]:
        """What the model was told of its calls in the last message of a request."""
        return [block for block in self.asked[request]["messages"][-1]["content"] if block["type"] == "tool_result"]


def calls(*wanted: tuple[str, Any], ids: tuple[int, ...] | None = None) -> Say:
    """An answer that uses tools."""
    numbers = ids or tuple(range(1, len(wanted) + 1))
    return Say([tool_use(name, given, n) for (name, given), n in zip(wanted, numbers, strict=True)], "tool_use")


def command(line: str, number: int = 1) -> Say:
    """An answer that runs a shell command."""
    return calls(("run_command", {"command": line}), ids=(number,))


DONE = calls(("finish", {"summary": "it is done"}), ids=(99,))


def staged(folder: Path, files: dict[str, bytes]) -> Path:
    for place in (folder, *folder.parents[:3]):
        with contextlib.suppress(PermissionError):
            place.chmod(0o755)
    stage({path: (content, False) for path, content in files.items()}, folder / "given")
    return folder / "given"


def scaffold_files() -> dict[str, bytes]:
    """The template's scaffold."""
    found = (path for path in (TEMPLATE / "scaffold").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(TEMPLATE).as_posix(): path.read_bytes() for path in found}


@contextlib.contextmanager
def at_work(backend, folder: Path, steps: list[Step], *, files=None, instruction="Do what is needed.", **options):
    """Let it work once. `options` are those of `tests.broker.conftest.world`; `seconds` is the deadline."""
    seconds, extra = options.pop("seconds", 60.0), tuple(options.pop("extra", ()))
    sources = options.pop("scaffold", None) or scaffold_files()
    for name in ("task", "cand", "world"):
        (folder / name).mkdir(parents=True)
    with world(folder / "world", steps, config=options.pop("config", WIDE), **options) as made:
        for place in (folder / "world", folder / "world" / "door"):
            place.chmod(0o755)
        mounts = (Mount(staged(folder / "cand", sources), CANDIDATE_ROOT), made.door.mount)
        work = Work(
            files=staged(folder / "task", GIVEN if files is None else files),
            argv=(*SOLVE, *extra),
            seconds=seconds,
            stdin=json.dumps({"instruction": instruction}).encode(),
            env={MODEL_VARIABLE: MODEL},
        )
        yield Seen(attempt(backend, LIMITS, mounts, work), made)
