"""What every command finds around it, whatever the backend: its environment and its interpreter's name."""

from __future__ import annotations

from sandbox.contract import CANDIDATE_ROOT, DEPENDENCIES, WORK, Command

HOSTNAME = "sandbox"


PATH = "/usr/local/bin:/usr/bin:/bin"
ROOM = "/opt/successor"
INSIDE = f"{ROOM}/inside"
TOOLS = f"{INSIDE}/tools"
PYTHON = f"{INSIDE}/python"
"""Where things of ours lie in an image that is not ours: all, our programs, our `python` (see `task_room`)."""
FIRST = "SUCCESSOR_FIRST"
"""Set, in an image that is not ours, for the command itself: its interpreter finds our packages (`guest/in_image`)."""
HANDED = "SUCCESSOR_HANDED"
"""A JSON object there: variables that our interpreter must not see, for the programs of the image."""


def environment(command: Command, tools: str = "") -> dict[str, str]:
    """Return the whole environment of `command`. Nothing of the host's comes along.

    `tools` is the folder of our programs in an image that is not ours.
    """
    found = {FIRST: "1"} if tools else {"PYTHONPATH": f"{CANDIDATE_ROOT}:{DEPENDENCIES}"}
    return {
        "PATH": f"{PATH}:{tools}" if tools else PATH,
        "HOME": WORK,
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",  # noqa: S108  # a tmpfs of this sandbox alone
        **found,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        **command.env,
    }


def arguments(command: Command, python: str) -> tuple[str, ...]:
    """Return the argument vector with the word `python` replaced by the path of the runtime's interpreter."""
    if command.argv[0] == "python":
        return (python, *command.argv[1:])
    return command.argv
