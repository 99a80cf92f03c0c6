"""Two candidates that speak with each other: a lock is of a file, and many sandboxes are shown the same file.

A file that is mounted read-only can be locked all the same, and watched: what one sandbox locks, or opens, another sees.
Here the machine itself holds the lock, in the place of the sandbox next door.
"""

import fcntl
import json

import pytest

from sandbox.choose import choose
from sandbox.contract import MIB, Command, Limits, Mount
from sandbox.errors import BackendUnavailable

LIMITS = Limits(memory=256 * MIB, tmp=16 * MIB, work=32 * MIB)

LOOK = """
import fcntl, json, os, struct
# From fcntl.h of Linux. F_GETLK and F_OFD_GETLK tell of a lock; a lease has others wait; F_NOTIFY tells who reads.
# All OFD locks of the machine are in /proc/locks.
GETLK, OFD_GETLK, OFD_SETLK, SETLEASE, NOTIFY, ACCESS = 5, 36, 37, 1024, 1026, 1
said = {}
def attempt(name, act):
    try:
        said[name] = str(act())
    except OSError as error:
        said[name] = "refused" if error.errno == 37 else error.strerror
file, folder = os.open("/cand/file", os.O_RDONLY), os.open("/cand", os.O_RDONLY)
asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
attempt("flock", lambda: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB))
attempt("getlk", lambda: struct.unpack("hhqqi4x", fcntl.fcntl(file, GETLK, asked))[2])
attempt("ofd_getlk", lambda: struct.unpack("hhqqi4x", fcntl.fcntl(file, OFD_GETLK, asked))[2])
shared = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 77, 1, 0)
attempt("ofd_setlk", lambda: fcntl.fcntl(file, OFD_SETLK, shared))
attempt("lease", lambda: fcntl.fcntl(file, SETLEASE, fcntl.F_RDLCK))
attempt("notify", lambda: fcntl.fcntl(folder, NOTIFY, ACCESS))
print(json.dumps(said))
"""

KEEPS = """
import fcntl, os, sqlite3
with sqlite3.connect("/work/base") as base:
    base.execute("create table t (x)")
    base.execute("insert into t values (7)")
base = sqlite3.connect("/work/base")
base.execute("begin immediate")
print(*base.execute("select x from t"), end=" ")
file = open("/work/own", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
fcntl.fcntl(file, fcntl.F_SETFL, os.O_NONBLOCK)
print("kept")
"""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def run(request, cache):
    """Run code in a sandbox that is shown a folder; returns what it printed."""
    try:
        backend = choose(request.param, cache)
    except BackendUnavailable as error:
        pytest.skip(f"{request.param}: {error}")

    def act(code, *mounts):
        with backend.start(mounts, LIMITS) as sandbox:
            outcome = sandbox.run(Command(("python", "-I", "-c", code), 20))
        assert outcome.exit_code == 0, outcome
        return outcome.stdout.decode()

    yield act
    backend.close()


def test_what_is_locked_or_read_next_door_is_not_seen(run, tmp_path):
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    shown = tmp_path / "tree"
    shown.mkdir()
    (shown / "file").write_bytes(b"x" * 100)
    with (shown / "file").open("rb") as whole, (shown / "file").open("rb") as part:
        fcntl.flock(whole, fcntl.LOCK_EX)
        fcntl.lockf(part, fcntl.LOCK_SH, 1, 77)
        said = json.loads(run(LOOK, Mount(shown, "/cand")))

    assert said == dict.fromkeys(("flock", "getlk", "ofd_getlk", "ofd_setlk", "lease", "notify"), "refused")


def test_files_of_ones_own_are_locked_as_databases_do_it(run):
    assert run(KEEPS).strip() == "(7,) kept"
