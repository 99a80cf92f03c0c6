"""Images of tasks: built here, worked in behind the same wall, and hostile ones that gain nothing by it."""

import json
import platform
import subprocess
import time
from contextlib import closing
from errno import EACCES, EROFS

import pytest

from sandbox import docker_settings
from sandbox.choose import choose
from sandbox.contract import Command, Ending, ImageMaker, Limits, Mount, Wanted, within
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable, ImageRefused
from sandbox.inside import USERS
from sandbox.memory_backend import MemoryBackend
from sandbox.task_image import LABEL
from sandbox.transfer import stage
from sandbox.watch import Watch
from tests.sandbox.images import TINY, removed_afterwards, run, tiny, wanted

pytestmark = pytest.mark.docker

PLAIN = f"FROM {TINY}\nENV COLOUR=blue LD_LIBRARY_PATH=/nowhere\nWORKDIR /srv/app\nCOPY app/ /srv/app/\n"
FILES = {"app/a.txt": b"one\n", "app/deep/b.txt": b"two\n"}
HOSTILE = f"""
FROM {TINY}
ENV LD_PRELOAD=/evil.so PYTHONHOME=/evil PYTHONPATH=/evil PYTHONSTARTUP=/evil.py HOME=/evil SUCCESSOR_FIRST=1
LABEL successor.app=successor-sandbox successor.inside=@INSIDE@ successor.task=x
COPY evil/ /evil/
RUN echo /evil/evil.so > /etc/ld.so.preload
RUN cp /bin/sh /usr/bin/rootsh && chmod 6755 /usr/bin/rootsh
RUN mkdir -p /opt/successor/inside/tools && ln -s /evil/evil /opt/successor/inside/tools/sh && touch /opt/successor/ld
RUN ln -s /etc /cand && ln -s / /work && ln -s /proc /task && ln -s /etc /tests && ln -s /evil /logs
RUN rm -rf /tmp && ln -s /etc /tmp && ln -s /etc /run && ln -s /evil /solution
RUN mkdir -p /usr/local/bin && cp /evil/evil /usr/local/bin/sleep && cp /evil/evil /usr/local/bin/timeout
RUN cp /evil/evil /usr/local/bin/python && chmod 755 /usr/local/bin/*
RUN mkdir /srv/app && echo work > /srv/app/file
WORKDIR /srv/app
ONBUILD RUN echo gained > /gained
VOLUME /srv/volume /work /var
USER root
HEALTHCHECK CMD /evil/evil
STOPSIGNAL SIGTERM
ENTRYPOINT ["/evil/evil"]
CMD ["/evil/evil"]
"""
EVIL = {"evil/evil": b"#!/bin/sh\necho gained >> /srv/volume/gained\nexit 0\n", "evil/evil.so": b"no library"}

LOOK = """
import json, os, sys
def words(path):
    return dict(line.split(":", 1) for line in open(path).read().splitlines() if ":" in line)
status = {name: value.strip() for name, value in words("/proc/self/status").items()}
def refused(act):
    try:
        act()
    except OSError as error:
        return error.errno
    return 0
keys = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters")
print(json.dumps({
    **{key: status.get(key) for key in keys},
    "root": refused(lambda: open("/gain", "w")), "etc": refused(lambda: open("/etc/passwd", "a")),
    "set-id": [path for folder in ("/usr", "/bin", "/opt") for here, _, names in os.walk(folder) for name in names
               for path in [os.path.join(here, name)]
               if not os.path.islink(path) and os.stat(path).st_mode & 0o6000],
    "links": {path: os.path.islink(path) for path in ("/work", "/cand", "/task", "/tests", "/tmp", "/run", "/solution")},
    "first": open("/proc/1/cmdline").read().split("\\0")[:4],
    "writable": sorted(line.split()[1] for line in open("/proc/mounts") if line.split()[2] not in ("proc", "tmpfs", "mqueue", "devpts")
                       and "rw" in line.split()[3].split(",")),
    "net": sorted(line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]),
    "python": [sys.executable, sys.prefix], "env": dict(os.environ), "preload": os.path.exists("/etc/ld.so.preload"),
    "gained": os.path.exists("/gained"), "volume": os.path.ismount("/srv/volume"),
}))
"""


def running(words):
    """Commands of running processes of this machine that hold these words."""
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if words in line]


def ended(holds):
    """Whether something becomes true within some seconds."""
    for _ in range(100):
        if holds():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def wall(cache, tmp_path_factory):
    """Docker, with the tiny image on its engine."""
    try:
        backend = choose("docker", cache)
        runtime = backend.prepare()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    with closing(backend), removed_afterwards(backend, cache):
        tiny(Engine(), runtime, tmp_path_factory.mktemp("tiny"))
        backend.runtime = runtime
        yield backend


@pytest.fixture(scope="module")
def plain(wall):
    return wall.image(wanted(PLAIN, FILES))


@pytest.fixture(scope="module")
def hostile(wall):
    inside = json.loads((wall.runtime.stdlib.parent / "inside.json").read_text())["digest"]
    return wall.image(wanted(HOSTILE.replace("@INSIDE@", inside), EVIL))


def test_an_image_without_python_runs_our_interpreter_with_its_packages(wall, plain):
    found = run(
        wall.inside(plain.digest), "python", "-c", "import sys, ssl, sqlite3, pytest, anthropic; print(sys.version[:4])"
    )

    assert (found.ending, found.exit_code) == (Ending.EXITED, 0), found
    assert found.stdout.decode().strip() == wall.runtime.python_version[:4]


def test_what_lies_in_the_work_folder_comes_out_and_a_link_leads_to_what_is_worked_on(wall, plain):
    assert plain.files == {"a.txt": (b"one\n", False), "deep/b.txt": (b"two\n", False)}

    found = run(
        wall.inside(plain.digest), "python", "-c", "import os; print(os.readlink('/srv/app'), os.readlink('/app'))"
    )

    assert found.stdout == b"/work/task /work/task\n"


def test_its_variables_come_back_and_those_that_turn_our_interpreter_apart(plain):
    assert plain.env == {
        "COLOUR": "blue",
        "PATH": "/usr/bin:/bin:/opt/successor/inside/tools",
        "SUCCESSOR_HANDED": '{"LD_LIBRARY_PATH": "/nowhere"}',
    }


def test_the_same_sources_are_the_same_image_and_nothing_is_made_again(wall, plain):
    said = []

    assert wall.image(wanted(PLAIN, FILES), said.append) == plain
    assert said == []
    other = wall.image(wanted(PLAIN, FILES | {"app/a.txt": b"other\n"}))
    assert other.digest != plain.digest


def test_an_image_that_is_named_is_taken_as_it_is(wall):
    made = wall.image(Wanted({}, name=TINY, workdir="/srv"))

    assert made.files == {}
    assert run(wall.inside(made.digest), "python", "-c", "print(1)").stdout == b"1\n"


def test_a_build_that_fails_is_told_by_its_last_lines(wall):
    with pytest.raises(ImageRefused, match=r"the build failed: .*RUN.*gone wrong"):
        wall.image(wanted(f"FROM {TINY}\nWORKDIR /app\nRUN echo gone wrong && cat /nothing\n"))


def test_a_build_that_does_not_end_is_cut_off(wall):
    with pytest.raises(ImageRefused, match="did not end in 2 s"):
        wall.image(wanted(f"FROM {TINY}\nWORKDIR /app\nRUN while true; do :; done\n", seconds=2.0))
    assert ended(lambda: not running("while true"))


def test_a_build_has_no_network(wall):
    made = wall.image(wanted(f"FROM {TINY}\nWORKDIR /app\nRUN cat /proc/net/dev > /app/net\n"))
    devices = [line.split(b":")[0].strip() for line in made.files["net"][0].splitlines()[2:]]

    assert b"lo" in devices
    assert not [name for name in devices if name.startswith((b"eth", b"en"))]
    for line in ("ADD http://127.0.0.1/x /x", "ADD $URL /x", "ADD \\\n git@host:x /x", "onbuild add https://a/b /"):
        with pytest.raises(ImageRefused, match="fetch"):
            wall.image(wanted(f"FROM {TINY}\nWORKDIR /app\n{line}\n"))


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("", "is the root"),
        ("WORKDIR /work/here", "the sandbox's own"),
        ("WORKDIR /opt/successor/x", "the sandbox's own"),
        ("WORKDIR /opt", "the sandbox's own"),
        ("RUN mkdir /srv/x && ln -s /srv/x /srv/y\nWORKDIR /srv/y/z", "lies behind a link|is not there"),
        ("WORKDIR /app\nRUN ln -s /etc/passwd /app/link", "no plain file"),
    ],
)
def test_a_work_folder_that_cannot_be_worked_in_is_refused_by_name(wall, lines, why):
    with pytest.raises(ImageRefused, match=why):
        wall.image(wanted(f"FROM {TINY}\n{lines}\n"))


@pytest.mark.parametrize("kind", ["plain", "hostile"])
@pytest.mark.parametrize("role", ["solver", "grader"])
def test_the_wall_around_an_image_is_the_wall_around_our_own_inside(wall, kind, role, request):
    made = request.getfixturevalue(kind)
    ours, theirs = (
        json.loads(run(starter, "python", "-I", "-c", LOOK, role=role).stdout)
        for starter in (wall, wall.inside(made.digest))
    )

    same = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    assert {key: theirs[key] for key in same} == {key: ours[key] for key in same}
    assert theirs["Seccomp_filters"] == ours["Seccomp_filters"]
    assert theirs["Uid"].split() == [str(USERS[role])] * 4
    assert (theirs["root"], theirs["etc"]) == (ours["root"], ours["etc"]) == (EROFS, EACCES)
    assert theirs["set-id"] == []
    assert theirs["writable"] == ours["writable"]
    assert theirs["net"] == ours["net"]
    assert not any(theirs["links"].values())
    assert theirs["python"][0].startswith("/opt/successor/inside/")
    assert [theirs[name] for name in ("preload", "gained", "volume")] == [False] * 3


def test_a_hostile_image_starts_no_program_of_its_own(wall, hostile):
    found = json.loads(run(wall.inside(hostile.digest), "python", "-I", "-c", LOOK).stdout)

    assert found["first"][1:3] == ["--", "/opt/successor/inside/tools/sh"]
    assert not {"LD_PRELOAD", "PYTHONHOME", "PYTHONPATH"} & found["env"].keys()
    assert not {"LD_PRELOAD", "PYTHONHOME", "HOME", "SUCCESSOR_FIRST"} & hostile.env.keys()
    assert json.loads(hostile.env["SUCCESSOR_HANDED"]) == {"PYTHONPATH": "/evil", "PYTHONSTARTUP": "/evil.py"}


def test_a_program_with_a_set_id_bit_gains_nothing(wall, hostile):
    found = run(wall.inside(hostile.digest), "/usr/bin/rootsh", "-c", "id -u; id -g")

    assert found.stdout.split() == [b"10001", b"10001"]


def test_what_is_mounted_is_seen_where_a_link_of_the_image_was(wall, hostile, tmp_path):
    stage({"x": (b"mounted", False)}, tmp_path / "x")
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    targets = ("/cand", "/task", "/tests", "/solution", "/run/broker")
    found = run(
        wall.inside(hostile.digest),
        "sh", "-c", "cat " + " ".join(f"{target}/x" for target in targets),
        mounts=tuple(Mount(tmp_path / "x", target) for target in targets),
    )  # fmt: skip

    assert found.stdout == b"mounted" * len(targets), found


def test_labels_of_an_image_make_nothing_ours(wall, hostile):
    inside = json.loads((wall.runtime.stdlib.parent / "inside.json").read_text())["digest"]

    assert len(Engine().images(f"successor.inside={inside}")) == 1
    labels = (Engine().image(wall._images().found(hostile.digest)) or {})["Config"]
    assert labels["Labels"] == {LABEL: hostile.digest}
    assert [labels.get(name) for name in ("Volumes", "OnBuild", "Healthcheck")] == [None] * 3


def test_even_a_failed_build_leaves_no_image_that_passes_for_our_inside(wall, cache):
    inside = json.loads((wall.runtime.stdlib.parent / "inside.json").read_text())["digest"]
    with pytest.raises(ImageRefused):
        wall.image(wanted(f"FROM {TINY}\nLABEL successor.inside={inside}\nRUN cat /nothing\n"))

    again = choose("docker", cache)
    with closing(again):
        assert again.prepare().digest == wall.runtime.digest
        assert run(again, "python", "-c", "print(1)").stdout == b"1\n"
    for image in Engine().images(f"successor.inside={inside}"):
        if not (Engine().image(image) or {}).get("RepoTags"):
            Engine().remove_image(image)


def test_limits_hold_in_an_image(wall, hostile):
    starter = wall.inside(hostile.digest)
    small = Limits(memory=256 * 2**20, tmp=8 * 2**20, work=16 * 2**20, processes=32, output=2**20, file_size=4 * 2**20)

    assert run(starter, "python", "-c", "print('x' * 2**22)", limits=small).ending is Ending.OUTPUT_LIMIT
    assert run(starter, "python", "-c", "bytearray(2**30)", limits=small).ending is not Ending.TIMED_OUT
    assert run(starter, "sh", "-c", "while :; do :; done", seconds=1, limits=small).ending is Ending.TIMED_OUT
    full = "import os\nfor n in range(64): open(f'/work/{n}', 'wb').write(bytes(2**20))"
    assert b"No space left" in run(starter, "python", "-c", full, limits=small).stderr
    fork = "import os, time\nfor _ in range(100):\n    if not os.fork(): time.sleep(9)"
    assert b"temporarily unavailable" in run(starter, "python", "-c", fork, limits=small).stderr


def test_the_system_call_filter_is_in_force_in_an_image(wall, hostile):
    if platform.machine() != "x86_64":
        pytest.skip("the number of the call is that of x86-64")
    ask = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.syscall(425, 1, 0), ctypes.get_errno())"

    assert run(wall.inside(hostile.digest), "python", "-c", ask).stdout.split()[0] == b"-1"
    assert run(wall.inside(hostile.digest), "python", "-c", ask).stdout == run(wall, "python", "-c", ask).stdout


def test_containers_of_images_are_made_with_the_same_settings(wall, plain, monkeypatch):
    seen = []
    real = docker_settings.container
    monkeypatch.setattr(docker_settings, "container", lambda *given: seen.append(real(*given)) or seen[-1])
    run(wall, "python", "-c", "")
    run(wall.inside(plain.digest), "python", "-c", "")

    ours, theirs = ({**one, "Image": "", "Labels": {}} for one in (seen[0], seen[-1]))
    for one in (ours, theirs):
        one["HostConfig"] = {**one["HostConfig"], "Mounts": [mount["Target"] for mount in one["HostConfig"]["Mounts"]]}
    assert ours == theirs


def test_no_container_or_volume_is_left(wall, plain):
    run(wall.inside(plain.digest), "python", "-c", "")
    wall.close()

    listed = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=successor.run={wall._run}"],
        capture_output=True,
        text=True,
        check=True,
    )
    volumes = subprocess.run(["docker", "volume", "ls", "-q"], capture_output=True, text=True, check=True)
    assert (listed.stdout, volumes.stdout) == ("", "")


def test_a_wall_without_images_says_so(wall):
    memory = MemoryBackend(lambda mounts, command: None, wall.runtime.stdlib)

    assert isinstance(wall, ImageMaker)
    assert not isinstance(memory, ImageMaker)
    assert within(memory, "") is memory
    for starter in (memory, Watch(memory)):
        with pytest.raises(BackendUnavailable, match="no images"):
            within(starter, "sha256:0")
    with pytest.raises(BackendUnavailable, match="lost"):
        wall.inside("sha256:" + "0" * 64)


def test_a_watch_ends_what_runs_in_an_image(wall, plain):
    watch = Watch(wall)
    starter = within(watch, plain.digest)
    with starter.start((), Limits()) as sandbox:
        watch.kill()
        assert sandbox.run(Command(("sh", "-c", "while :; do :; done"), 20)).ending is Ending.KILLED
    with pytest.raises(BackendUnavailable, match="over"), starter.start((), Limits()):
        pass
