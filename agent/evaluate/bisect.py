"""Where a probe began to fail: a search by halves along a line of generations, each asked in a sandbox of its own.

The probe is a person's Python file. It runs beside the generation's own code, which it may import, behind the same wall
as everything else; ending with status 0 it says that all is well. What it says is a hint and no evidence: a
generation can lie to a probe that shares its process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.edits.tree import File, Tree
from agent.errors import Refused, SandboxDown
from agent.evaluate.staging import Staging
from sandbox.contract import CANDIDATE_ROOT, Command, Ending, Limits, Mount, Starter
from sandbox.errors import SandboxError

PROBE_ROOT = "/probe"
MAX_PROBE_BYTES = 1024 * 1024
LAST_LINE = 300


@dataclass(frozen=True, slots=True)
class Asked:
    """What the probe said of one generation: its place in the line, whether all is well, and its last line."""

    place: int
    well: bool
    said: str


def bisect(length: int, ask: Callable[[int], Asked]) -> tuple[int, tuple[Asked, ...]]:
    """Return the first place in a line of `length` at which `ask` says no, and everything that was asked, in order.

    The first place must answer yes and the last no; what lies between is searched by halves, as if there were one
    change from yes to no. Raises `Refused` when the ends answer otherwise.
    """
    asked = [ask(length - 1)]
    if asked[0].well:
        raise Refused("the probe does not fail on the newest generation", why=asked[0].said or "it ended with status 0")
    asked.append(ask(0))
    if not asked[1].well:
        raise Refused(
            "the probe fails on the first generation already", why=asked[1].said, mend="It never held: mend the probe"
        )
    well, ill = 0, length - 1
    while ill - well > 1:
        middle = (well + ill) // 2
        answer = ask(middle)
        asked.append(answer)
        well, ill = (middle, ill) if answer.well else (well, middle)
    return ill, tuple(asked)


def prober(
    starter: Starter,
    staging: Staging,
    limits: Limits,
    trees: Sequence[Callable[[], Tree]],
    probe: bytes,
    seconds: float,
) -> Callable[[int], Asked]:
    """Return the function that asks `probe` of the tree at a place. Raises `SandboxDown` when the wall fails."""
    file = Tree({"probe.py": File(probe)})

    def ask(place: int) -> Asked:
        mounts = (Mount(staging.folder(trees[place]()), CANDIDATE_ROOT), Mount(staging.folder(file), PROBE_ROOT))
        argv = ("python", f"{PROBE_ROOT}/probe.py")
        command = Command(argv=argv, deadline=seconds)
        try:
            with starter.start(mounts, limits) as sandbox:
                outcome = sandbox.run(command)
        except SandboxError as error:
            raise SandboxDown("the probe could not be run", why=error.what, mend=error.mend) from error
        last = (outcome.stderr or outcome.stdout).decode("utf-8", "replace").strip().splitlines()[-1:]
        said = "".join(last)[:LAST_LINE] or str(outcome.ending)
        return Asked(place, outcome.ending is Ending.EXITED and outcome.exit_code == 0, said)

    return ask
