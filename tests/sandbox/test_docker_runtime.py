"""A kernel of its own is shown or it is not there: impostors, liars, and the real thing where this machine has it."""

import json
import shutil
import stat
import sys
from dataclasses import replace

import pytest

from agent.errors import BadSettings
from agent.workspace import parse_settings
from sandbox import choose as choosing
from sandbox import docker_runtime
from sandbox.contract import Command, Ending, Limits, Mount
from sandbox.docker_backend import DockerBackend
from sandbox.docker_engine import Engine
from sandbox.docker_runtime import Kernel, demand_offered, described, this_kernel
from sandbox.errors import BackendUnavailable
from tests.sandbox.second_engine import second_engine

HERE = this_kernel()
OTHER = Kernel("4.4.0", "#1 SMP Sun Jan 10 15:06:54 PST 2016", "Linux version 4.4.0 #1 SMP", "")

LIAR = f"""#!{sys.executable}
# Stands for any runtime that changes what `uname` says and nothing else: runc under another personality.
import json, os, sys
given = sys.argv[1:]
if "create" in given:
    path = os.path.join(given[given.index("--bundle") + 1], "config.json")
    with open(path) as file:
        bundle = json.load(file)
    bundle["linux"]["personality"] = {{"domain": "LINUX"}}
    with open(path, "w") as file:
        json.dump(bundle, file)
os.execvp("setarch", ["setarch", "--uname-2.6", "runc", *given])
"""


def script(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return str(path)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """An engine of our own with an impostor, a liar, one that does not start, and gVisor where this machine has it."""
    folder = tmp_path_factory.mktemp("runtimes")
    runtimes = {
        "runsc": {"path": shutil.which("runc")},
        "liar": {"path": script(folder / "liar", LIAR)},
        "broken": {"path": shutil.which("false")},
    }
    if shutil.which("runsc"):
        runtimes["gvisor"] = {"path": shutil.which("runsc"), "runtimeArgs": ["--network=none"]}
    second = second_engine({"runtimes": runtimes, "storage-driver": "vfs"})
    try:
        second.start()
        yield second
    finally:
        second.close()


@pytest.fixture(scope="module")
def hold(engine, cache):
    """Make a backend on that engine; closed in the end."""
    made = []

    def make(runtime):
        made.append(DockerBackend(cache, base="host", engine=Engine(engine.address), runtime=runtime, warm=2))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.mark.docker
def test_a_runtime_by_the_right_name_that_shares_the_kernel_is_refused(hold):
    backend = hold("runsc")
    backend.check()
    with pytest.raises(BackendUnavailable, match="runsc shares this machine's kernel") as refused:
        backend.prepare()
    assert "boot ID" in refused.value.what
    assert "runtime" in refused.value.mend
    assert backend.level == "container"


@pytest.mark.docker
def test_another_word_from_uname_is_not_another_kernel(hold):
    if shutil.which("setarch") is None:
        pytest.skip("needs setarch")
    with pytest.raises(BackendUnavailable, match="liar shares this machine's kernel") as refused:
        hold("liar").prepare()
    assert "/proc/version" in refused.value.what
    assert "its release" not in refused.value.what  # this it did change


@pytest.mark.docker
def test_a_runtime_that_the_engine_does_not_have_is_said_with_the_mend(hold):
    backend = hold("kata")
    for ask in (backend.check, backend.prepare):
        with pytest.raises(BackendUnavailable, match=r"has no runtime kata; it has .*runc") as refused:
            ask()
        assert "daemon.json" in refused.value.mend


@pytest.mark.docker
def test_a_runtime_that_does_not_start_is_unavailable_not_broken(hold):
    with pytest.raises(BackendUnavailable, match="nothing runs under the runtime broken"):
        hold("broken").prepare()


@pytest.mark.docker
def test_without_a_runtime_the_level_is_container_and_the_record_says_what_the_engine_says(hold):
    backend = hold("")
    wall = backend.prepare().wall
    assert backend.level == "container"
    assert "runtime runc" in wall
    assert "kernel of its own: no" in wall
    for start in ("engine ", "cgroup version ", "user mapping of the engine: ", "seccomp of the engine: "):
        assert [line for line in wall if line.startswith(start)], start


@pytest.mark.docker
def test_where_the_kernel_inside_is_another_the_level_is_hardened(hold, monkeypatch):
    """Stands for gVisor on a machine without it: not the inside is another here, but what is said of this machine."""
    really = Engine.describe
    monkeypatch.setattr(docker_runtime, "this_kernel", lambda: OTHER)
    monkeypatch.setattr(Engine, "describe", lambda self: {**really(self), "KernelVersion": OTHER.release})
    backend = hold("runsc")
    assert backend.level == "container"
    runtime = backend.prepare()

    assert backend.level == "hardened"
    assert "runtime runsc" in runtime.wall
    assert f"kernel of its own: {HERE.release} {HERE.version}" in runtime.wall
    assert runtime.digest != hold("").prepare().digest  # another environment, whose trials are others
    assert backend._pool.size == 0


def test_gvisor_is_hardened_and_runs_trials(hold, engine, tmp_path):
    """The real thing; `apt-get install runsc` brings it."""
    if not shutil.which("runsc"):
        pytest.skip("gVisor's runsc is not installed")
    backend = hold("gvisor")
    runtime = backend.prepare()
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "answer.py").write_text("print(42)")

    assert backend.level == "hardened"
    assert "runtime gvisor" in runtime.wall
    assert runtime.digest != hold("").prepare().digest
    with backend.start((Mount(tmp_path / "tree", "/cand"),), Limits()) as sandbox:
        outcome = sandbox.run(Command(("python", "/cand/answer.py"), 60))
    assert (outcome.ending, outcome.stdout) == (Ending.EXITED, b"42\n")
    with backend.start((), Limits()) as sandbox:
        assert sandbox.run(Command(("sleep", "60"), 2)).ending is Ending.TIMED_OUT


def test_a_kernel_that_differs_in_all_it_says_is_another():
    assert HERE.shared(HERE) == ("its release", "its version", "/proc/version", "its boot ID")
    assert OTHER.shared(HERE) == ()


@pytest.mark.parametrize("field", ["release", "version", "banner", "boot"])
def test_one_thing_alike_is_enough_to_disbelieve(field):
    assert len(replace(OTHER, **{field: getattr(HERE, field)}).shared(HERE)) == 1


class Said:
    """A sandbox in which the trifle says this."""

    def __init__(self, stdout, code=0):
        self.outcome = (stdout, code)

    def start(self, mounts, limits, role="solver"):
        from contextlib import nullcontext

        return nullcontext(self)

    def run(self, command):
        from sandbox.contract import Outcome

        return Outcome(Ending.EXITED, self.outcome[1], self.outcome[0], b"why", 0.1)


def test_another_kernel_is_believed():
    said = json.dumps([OTHER.release, OTHER.version, OTHER.banner, ""]).encode()
    assert docker_runtime.demand_own_kernel(Said(said), "runsc", {"KernelVersion": HERE.release}) == OTHER


def test_the_engines_own_kernel_is_no_kernel_of_its_own():
    """Where we run behind another kernel than the engine's, that other one is what containers must not share."""
    said = json.dumps([OTHER.release, OTHER.version, OTHER.banner, ""]).encode()
    with pytest.raises(BackendUnavailable, match="shares"):
        docker_runtime.demand_own_kernel(Said(said), "runsc", {"KernelVersion": OTHER.release})


@pytest.mark.parametrize(
    ("stdout", "code"),
    [
        (b"", 0),
        (b"[]", 0),
        (b'["a"]', 0),
        (b'["", "", "", ""]', 0),
        (b'["6.1", "#1", "", ""]', 0),
        (b"\xff", 0),
        (b"", 1),
    ],
)
def test_a_kernel_that_does_not_say_what_it_is_is_not_believed(stdout, code):
    with pytest.raises(BackendUnavailable):
        docker_runtime.demand_own_kernel(Said(stdout, code), "runsc", {})


@pytest.mark.parametrize(
    ("options", "users", "seccomp"),
    [
        ([], "none", "no"),
        (["name=seccomp,profile=default"], "none", "profile=default"),
        (
            ["name=apparmor", "name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"],
            "rootless",
            "profile=builtin",
        ),
        (["name=userns"], "userns-remap", "no"),
        (None, "none", "no"),
    ],
)
def test_the_record_names_what_the_engine_reports(options, users, seccomp):
    info = {"ServerVersion": "29.1", "CgroupVersion": "2", "DefaultRuntime": "runc", "SecurityOptions": options}
    assert described(info, "", None) == (
        "engine 29.1", "runtime runc", "kernel of its own: no", "cgroup version 2",
        f"user mapping of the engine: {users}", f"seccomp of the engine: {seccomp}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("runtime", "mend"), [("runsc", "apt install runsc"), ("kata-qemu", "Kata"), ("x", "daemon.json")]
)
def test_each_runtime_that_is_missing_has_its_mend(runtime, mend):
    with pytest.raises(BackendUnavailable) as refused:
        demand_offered(runtime, {"Runtimes": {"runc": {}}})
    assert mend in refused.value.mend


@pytest.mark.parametrize("kind", ["bubblewrap", "memory", ""])
def test_a_runtime_is_had_from_an_engine_or_not_at_all(kind, tmp_path):
    with pytest.raises(BackendUnavailable, match="belongs to a Docker engine"):
        choosing.choose(kind, tmp_path, runtime="runsc")


def test_with_a_runtime_bubblewrap_is_no_way_out(monkeypatch, tmp_path):
    def gone(self):
        raise BackendUnavailable("no Docker engine answers")

    monkeypatch.setattr(Engine, "describe", gone)
    with pytest.raises(BackendUnavailable, match="no Docker engine answers"):
        choosing.choose("auto", tmp_path, runtime="runsc")


SETTINGS = """schema = 1
name = "x"
objective = "y"
suites = []
[zones]
mind = []
kept = []
[sandbox]
runtime = {}
"""


@pytest.mark.parametrize("name", ["", "runsc", "kata", "kata-qemu", "io.containerd.kata.v2"])
def test_a_runtime_is_named_in_the_settings(name):
    assert parse_settings(SETTINGS.format(json.dumps(name)).encode()).sandbox.runtime == name


@pytest.mark.parametrize("name", ["../runc", "a b", "-x", ".x", "a/b", "x" * 65, "r\u00fcnsc", "a\n", 1, ["runsc"]])
def test_what_is_no_name_is_no_runtime(name):
    with pytest.raises(BadSettings):
        parse_settings(SETTINGS.format(json.dumps(name)).encode())
