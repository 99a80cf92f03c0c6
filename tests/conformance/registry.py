"""Where checks are kept. Each takes a wall and asserts; its name is the sentence it holds to.

What a wall cannot do is in `EXCEPTIONS`, with the reason: such a check must fail there, or the exception is out of date.
"""

import secrets
from collections.abc import Callable

from sandbox.contract import Mount
from sandbox.transfer import stage
from tests.conformance.walls import Wall

Check = Callable[[Wall], None]
CHECKS: list[Check] = []

_NO_CGROUP = "bubblewrap sets no cgroup: a process meets its own address-space limit (MemoryError), nothing kills it"
_NO_INODES = "bubblewrap's tmpfs takes a size and no number of inodes"
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("bubblewrap", "a_memory_bomb_ends_as_out_of_memory"): _NO_CGROUP,
    ("bubblewrap_as_user", "a_memory_bomb_ends_as_out_of_memory"): _NO_CGROUP,
    ("bubblewrap", "an_inode_bomb_meets_its_limit"): _NO_INODES,
    ("bubblewrap_as_user", "an_inode_bomb_meets_its_limit"): _NO_INODES,
}


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def staged(wall: Wall, files: dict[str, bytes], target: str) -> Mount:
    folder = wall.scratch / "staged" / secrets.token_hex(8)
    stage({path: (content, False) for path, content in files.items()}, folder)
    folder.parent.chmod(0o755)
    return Mount(folder, target)
