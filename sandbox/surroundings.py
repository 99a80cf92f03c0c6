"""What every command finds around it, whatever the backend: its environment and its interpreter's name."""

from __future__ import annotations

from sandbox.contract import CANDIDATE_ROOT, DEPENDENCIES, WORK, Command

HOSTNAME = "sandbox"


def environment(command: Command) -> dict[str, str]:
    """Return the whole environment of `command`. Nothing of the host's comes along."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": WORK,
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",  # noqa: S108  # a tmpfs of this sandbox alone
        "PYTHONPATH": f"{CANDIDATE_ROOT}:{DEPENDENCIES}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        **command.env,
    }


def arguments(command: Command, python: str) -> tuple[str, ...]:
    """Return the argument vector with the word `python` replaced by the path of the runtime's interpreter."""
    if command.argv[0] == "python":
        return (python, *command.argv[1:])
    return command.argv
