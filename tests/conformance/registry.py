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
_NO_INODES = "bubblewrap's tmpfs takes a size and no number of inodes; root mounts its own"
_NO_SHARE = "bubblewrap sets no cgroup: a sandbox may use every core of the machine"
_ONE_USER = "an ordinary user is nobody else outside; inside, the two are different users in different namespaces"
_PER_USER = "the kernel keeps this count for each user of the machine, and all solvers are one: a trial may fail by it"
_BUBBLEWRAPS = ("bubblewrap", "bubblewrap_as_user")
EXCEPTIONS: dict[tuple[str, str], str] = {
    **{(wall, "a_memory_bomb_ends_as_out_of_memory"): _NO_CGROUP for wall in _BUBBLEWRAPS},
    ("bubblewrap_as_user", "an_inode_bomb_meets_its_limit"): _NO_INODES,
    **{(wall, "a_sandbox_gets_no_more_than_its_share_of_the_cores"): _NO_SHARE for wall in _BUBBLEWRAPS},
    ("bubblewrap_as_user", "a_grader_is_another_user_of_the_machine"): _ONE_USER,
    **{(wall, "descriptors_on_their_way_next_door_leave_some"): _PER_USER for wall in ("docker", *_BUBBLEWRAPS)},
}


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def staged(wall: Wall, files: dict[str, bytes], target: str) -> Mount:
    folder = wall.scratch / "staged" / secrets.token_hex(8)
    stage({path: (content, False) for path, content in files.items()}, folder)
    folder.parent.chmod(0o755)
    return Mount(folder, target)
