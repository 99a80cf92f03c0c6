"""An attempt on both walls: what is left comes out, whatever the command does."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sandbox.attempt import CAPS, PLACE, PREFIX, SAID, Work, attempt, unpacked
from sandbox.choose import choose
from sandbox.contract import MIB, Ending, Limits, Mount, Outcome
from sandbox.errors import BackendUnavailable, SandboxBroken, TransferRefused
from sandbox.memory_backend import MemoryBackend
from sandbox.transfer import stage

SMALL = Limits(memory=256 * MIB, tmp=16 * MIB, work=64 * MIB, processes=64)
GIVEN = {"a.txt": (b"one\n", False), "run.sh": (b"#!/bin/sh\necho ran\n", True), "deep/er/b.txt": (b"", False)}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def backend(request, cache):
    try:
        made = choose(request.param, cache)
        made.prepare()
    except BackendUnavailable as error:
        pytest.skip(f"{request.param}: {error}")
    yield made
    made.close()


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given") / "files"
    for parent in (folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    stage(GIVEN, folder)
    return folder


@pytest.fixture
def left(backend, given):
    """Run a shell command, or Python with `python=True`, and return what is left."""

    def run(code, *, seconds=20.0, python=False, mounts=(), **work):
        argv = ("python", "-c", code) if python else ("sh", "-c", code)
        return attempt(backend, SMALL, mounts, Work(given, argv, seconds, **work))

    return run


def test_what_was_there_and_what_was_made_comes_out(left):
    found = left("pwd; ./run.sh; echo two >> a.txt; mkdir -p new; cp run.sh new/x; rm deep/er/b.txt; cat /app/a.txt")

    assert (found.code, found.why) == (0, "")
    assert found.files == {
        "a.txt": (b"one\ntwo\n", False),
        "run.sh": GIVEN["run.sh"],
        "new/x": GIVEN["run.sh"],
    }
    assert found.outcome.stderr == f"{PLACE}\nran\none\ntwo\n".encode()
    assert found.outcome.stdout == b""


def test_it_reads_its_input_and_has_its_environment(left, tmp_path):
    tmp_path.chmod(0o755)
    stage({"seen": (b"s", False)}, tmp_path / "mounted")
    found = left(
        "cat > in; echo $WORD > word; cat /extra/seen > seen; exit 3",
        stdin=b"x" * 200_000, env={"WORD": "w"}, mounts=(Mount(tmp_path / "mounted", "/extra"),),
    )  # fmt: skip

    assert found.code == 3
    assert [found.files[name][0] for name in ("in", "word", "seen")] == [b"x" * 200_000, b"w\n", b"s"]


def test_a_command_that_meets_its_deadline_leaves_what_it_had_made(left):
    found = left("echo half > a.txt; trap '' TERM; while :; do sleep 100; done", seconds=1)

    assert found.code is None
    assert found.files["a.txt"] == (b"half\n", False)
    assert found.outcome.ending is Ending.EXITED


def test_daemons_are_dead_before_anything_is_packed(left):
    daemon = "import time\nwhile True:\n    open('a.txt', 'a').write('still here\\n'); time.sleep(0.001)"
    found = left(f'setsid python3 -c "{daemon}" >/dev/null 2>&1 & sleep 1; echo last > a.txt; exit 0')

    assert found.code == 0
    lines = found.files["a.txt"][0].split(b"\n")
    assert set(lines) <= {b"last", b"still here", b""}
    assert not lines[-1], "cut in the middle of nothing: it was dead"


def test_a_daemon_that_holds_the_output_open_holds_nobody_up(left):
    found = left("sleep 1000 & echo said")

    assert (found.code, found.outcome.stderr) == (0, b"said\n")
    assert found.outcome.seconds < 15


def test_a_fork_bomb_ends_and_the_files_come_out(left):
    bomb = (
        "import os\nopen('a.txt', 'w').write('before')\n"
        "while True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
    )
    found = left(bomb, python=True, seconds=2)

    assert found.code is None
    assert found.files["a.txt"] == (b"before", False)


def test_a_full_folder_is_more_than_may_be_left(left):
    found = left("cat /dev/zero | head -c 50000000 > zeros; cat /dev/zero > more; true")

    assert found.files is None
    assert found.why == f"more than {CAPS.total} bytes were left"


def test_as_much_as_may_be_left_comes_out(left):
    found = left("head -c 33000000 /dev/urandom > big; head -c 500000 /dev/zero > small")

    assert (len(found.files["big"][0]), found.files["small"]) == (33_000_000, (bytes(500_000), False))


def test_a_sparse_file_of_a_terabyte_is_refused_by_its_size(left):
    found = left("truncate -s 60M big; truncate -s 1T huge; ls -l huge")

    assert found.files is None
    assert "bytes were left" in found.why


def test_a_file_of_holes_below_the_limit_comes_out_in_full(left):
    found = left("truncate -s 1M holes")

    assert found.files["holes"] == (bytes(MIB), False)


def test_links_pipes_and_sockets_do_not_come_out_and_are_not_followed(left):
    found = left(
        "ln -s /etc/passwd link; ln -s /etc folder; ln a.txt hard; mkfifo pipe 2>/dev/null;"
        "python3 -c \"import os, socket; os.path.exists('pipe') or os.mkfifo('pipe');"
        " socket.socket(socket.AF_UNIX).bind('socket')\""
    )

    assert found.files.keys() == GIVEN.keys() | {"hard"}


def test_a_folder_that_became_a_link_is_not_read(left):
    found = left("cd /work; rm -rf task; ln -s /etc task")

    assert found.files is None
    assert found.why.startswith("what was left cannot be read")


def test_a_folder_that_is_gone_is_not_read(left):
    assert left("rm -rf /work/task").why.startswith("what was left cannot be read")


def test_more_files_than_may_be_left_are_refused(left):
    found = left("import os\nfor i in range(100_000):\n    open(str(i), 'w').close()", python=True)

    assert found.files is None
    assert found.why == f"more than {CAPS.members} files were left"


@pytest.mark.parametrize(
    "name",
    [
        "b'\\xff\\xfe'",
        "b'x' * 255",
        "'\\N{BLACK STAR}\\n\\x1b[2K'",
        "'\\\\..\\\\x'",
        "'-rf'",
        "' '",
    ],
)
def test_hostile_names_come_out_as_they_are_or_the_whole_is_refused(left, name):
    found = left(f"import os\nopen({name}, 'w').close()", python=True)
    made = eval(name)  # a literal of this table

    if isinstance(made, bytes) and b"\xff" in made:
        assert found.files is None
        assert found.why
    else:
        assert found.files[made.decode() if isinstance(made, bytes) else made] == (b"", False)


def test_two_names_that_are_one_to_other_systems_are_refused(left):
    found = left("touch Same same")

    assert found.files is None
    assert found.why


def test_folders_deeper_than_any_honest_one_are_refused(left):
    found = left(
        "import os\nfor i in range(1000):\n    os.mkdir('d'); os.chdir('d')\nopen('f', 'w').close()", python=True
    )

    assert found.files is None
    assert found.why


def test_caches_do_not_come_out(left):
    found = left("mkdir -p deep/__pycache__ .pytest_cache; touch deep/__pycache__/x.pyc .pytest_cache/y z.pyc z.py")

    assert found.files.keys() == GIVEN.keys() | {"z.py"}


def test_files_closed_to_everybody_come_out(left):
    found = left("chmod 0 a.txt; chmod 0 deep")

    assert found.files == GIVEN


def test_the_last_of_what_is_said_is_kept(left):
    found = left("import sys\nfor i in range(200_000):\n    print('line', i)\nsys.stderr.write('end')", python=True)

    assert len(found.outcome.stderr) == SAID
    assert found.outcome.stderr.endswith(b"line 199999\nend")


FIND_GUEST = """
import os
def guests():
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                line = open(f"/proc/{name}/cmdline", "rb").read().split(b"\\0")
            except OSError:
                continue
            if any(part.endswith(b"/attempt.py") for part in line[:5]) and b"timeout" not in line[0]:
                yield int(name)
"""


NOT_AN_ANSWER = ("nothing readable came out of the sandbox (exited)", "a header of the archive is damaged")


def came_to_nothing(found):
    """Whether nothing came out, or the wall did not let the command at the outputs of its keeper."""
    if b"PermissionError" in found.outcome.stderr:
        return found.files == GIVEN
    return found.files is None and found.why in NOT_AN_ANSWER


def test_words_put_into_the_way_of_the_answer_make_it_no_answer(left):
    found = left(
        FIND_GUEST + "for pid in guests():\n    open(f'/proc/{pid}/fd/1', 'wb', buffering=0).write(b'junk\\n')",
        python=True,
    )

    assert came_to_nothing(found)


def test_a_forged_answer_is_only_an_answer(left):
    header = b'{"code": 0, "why": ""}\n'
    found = left(
        FIND_GUEST + f"for pid in guests():\n    open(f'/proc/{{pid}}/fd/1', 'wb', buffering=0).write({header!r})",
        python=True,
    )

    assert came_to_nothing(found)


def test_a_command_that_kills_its_keeper_leaves_nothing(left):
    found = left(FIND_GUEST + "import signal\nfor pid in guests():\n    os.kill(pid, signal.SIGKILL)", python=True)

    assert found.files is None
    assert found.outcome.ending in (Ending.KILLED, Ending.EXITED)


def test_memory_that_runs_out_ends_the_command_and_not_its_keeper(left):
    found = left("open('a.txt', 'w').write('x')\nx = []\nwhile True:\n    x.append(b'x' * 10_000_000)", python=True)

    assert found.code != 0
    assert found.files["a.txt"] == (b"x", False)


def test_a_program_that_is_not_there_is_a_failure_of_the_command(backend, given):
    found = attempt(backend, SMALL, (), Work(given, ("no-such-program",), 5))

    assert found.code == 127
    assert found.files == GIVEN


def test_files_that_do_not_fit_are_said_so(backend, given):
    tight = Limits(memory=256 * MIB, tmp=16 * MIB, work=MIB, inodes=3)
    found = attempt(backend, tight, (), Work(given, ("true",), 5))

    if found.files is None:  # an ordinary user's bubblewrap counts no inodes
        assert found.why.startswith("the files do not fit")


def says(stdout, *, ending=Ending.EXITED, code=0):
    """A wall out of which these bytes come."""
    return MemoryBackend(lambda mounts, command: Outcome(ending, code, stdout, b"", 0.0), Path())


@pytest.mark.parametrize(
    "stdout",
    [
        b"",
        b"{}",
        b"[]\n",
        b'{"code": 0, "why": "", "more": 1}\n',
        b'{"code": true, "why": ""}\n',
        b'{"code": 1e9, "why": ""}\n',
        b'{"code": 0, "why": null}\n',
        b"[" * 100_000 + b"\n",
        b'{"code": 0, "why": ""}\n' + b"no archive",
        b'{"code": 0, "why": ""}\n',
        b'{"code": 0, "why": "' + b"x" * 5_000 + b'"}\n',
    ],
)
def test_what_is_not_an_answer_is_none(stdout, tmp_path):
    found = attempt(says(stdout), SMALL, (), Work(tmp_path, ("true",), 5))

    assert found.files is None
    assert found.why


def test_the_reason_that_the_inside_gives_is_plain_text(tmp_path):
    found = attempt(says(b'{"code": 0, "why": "\\u001b[2K\\u202e"}\n'), SMALL, (), Work(tmp_path, ("true",), 5))

    assert found.why == "?[2K?"


def test_a_wall_that_breaks_is_nobodys_failure(tmp_path):
    def breaks(mounts, command):
        raise SandboxBroken("gone")

    with pytest.raises(SandboxBroken):
        attempt(MemoryBackend(breaks, Path()), SMALL, (), Work(tmp_path, ("true",), 5))


@pytest.mark.parametrize("seconds", [0, -1, 1_701])
def test_a_time_that_no_sandbox_lives_is_a_mistake_of_the_caller(tmp_path, seconds):
    with pytest.raises(ValueError, match="at most 1700"):
        attempt(says(b""), SMALL, (), Work(tmp_path, ("true",), seconds))


def test_an_archive_with_a_link_is_refused(tmp_path):
    (tmp_path / "x").symlink_to("/etc/passwd")
    archive = subprocess.run(["tar", "-C", tmp_path, "-c", "x"], capture_output=True, check=True).stdout
    with pytest.raises(TransferRefused):
        unpacked(archive)


def test_the_guest_loads_nothing_but_the_standard_library():
    guest = Path(sys.modules[attempt.__module__].__file__).with_name("guest") / "attempt.py"
    assert "from sandbox" not in guest.read_text()


def test_nothing_stays_on_the_host(backend, given):
    attempt(backend, SMALL, (), Work(given, ("sh", "-c", "echo x > '/work/task/a b'"), 5))

    assert not list(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))
