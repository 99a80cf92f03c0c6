"""The doctor: what an engine offers, each with the mend, and cleaning up as a command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.doctor import offers

ROOT = Path(__file__).parents[2]


def doctor(tmp_path, *args, **env):
    where = {"SUCCESSOR_CACHE": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "tmp"), **env}
    (tmp_path / "tmp").mkdir(exist_ok=True)
    argv = [sys.executable, "-m", "agent", "doctor", *args]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **where})


BARE = {"Runtimes": {"runc": {}}, "SecurityOptions": [], "CgroupVersion": "1"}
RICH = {
    "Runtimes": {"runc": {}, "runsc": {}, "kata-qemu": {}},
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"],
    "CgroupVersion": "2",
}


def test_an_engine_that_offers_nothing_is_enough_and_each_lack_has_its_mend():
    found = {f.name: f for f in offers(BARE)}

    assert {name for name, f in found.items() if f.ok} == {"engine level"}
    assert "container" in found["engine level"].detail
    assert not any(f.need for f in found.values())
    assert all(f.mend for f in found.values() if not f.ok)
    assert "apt install runsc" in found["engine runsc"].mend


def test_what_an_engine_offers_is_named():
    found = {f.name: f for f in offers(RICH)}

    assert all(f.ok for f in found.values())
    assert found["engine users"].detail == "rootless"
    assert "builtin" in found["engine seccomp"].detail
    assert "version 2" in found["engine cgroups"].detail
    assert "kata-qemu" in found["engine kata"].detail
    assert "hardened" in found["engine level"].detail


@pytest.mark.parametrize("info", [{}, {"SecurityOptions": None, "Runtimes": None}])
def test_an_engine_that_says_little_is_no_reason_to_fail(info):
    assert [f.name for f in offers(info)]


def test_users_that_are_mapped_count():
    found = {f.name: f for f in offers({"SecurityOptions": ["name=userns"]})}
    assert (found["engine users"].ok, found["engine users"].detail) == (True, "userns-remap")


def test_cleaning_is_a_command_and_nothing_to_do_is_success(tmp_path):
    nowhere = {"DOCKER_HOST": "unix:///no/such/engine.sock"}
    leftover = tmp_path / "tmp" / "successor-stage-dead"
    leftover.mkdir(parents=True)
    (leftover / "in-use").write_text("")
    first = doctor(tmp_path, "--clean", "--json", **nowhere)
    second = doctor(tmp_path, "--clean", "--json", **nowhere)
    shown = doctor(tmp_path, "--clean", **nowhere)

    assert [done.returncode for done in (first, second, shown)] == [0, 0, 0], first.stderr + second.stderr
    assert [one["name"] for one in json.loads(first.stdout)["removed"]] == [str(leftover)]
    assert json.loads(second.stdout)["removed"] == []
    assert "engine" in json.loads(second.stdout)["left"][0]
    assert "nothing to remove" in shown.stdout
    assert not leftover.exists()


def test_a_runtime_that_a_workspace_names_is_tried(tmp_path):
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "successor.toml").write_text(
        'schema = 1\nname = "x"\nobjective = "y"\nsuites = []\n[zones]\nmind = []\nkept = []\n'
        '[sandbox]\nruntime = "no-such-runtime"\n'
    )
    done = doctor(tmp_path, "--json", "--workspace", str(tmp_path / "ws"))
    found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}

    assert done.returncode == 1
    assert not found["runtime no-such-runtime"]["ok"]
    assert found["runtime no-such-runtime"]["mend"]


@pytest.mark.parametrize(
    ("key", "ok", "says"), [("", False, "is not set"), ("sk-ant-a-key-that-is-long-enough", True, "is set")]
)
def test_where_a_model_can_be_had_from_is_said_and_the_key_is_not(tmp_path, key, ok, says):
    done = doctor(tmp_path, "--json", ANTHROPIC_API_KEY=key)

    found = {f["name"]: f for f in json.loads(done.stdout)["findings"]}
    assert (found["model key"]["ok"], found["model key"]["need"]) == (ok, False)
    assert found["model key"]["detail"].endswith(says)
    assert not key or key not in done.stdout + done.stderr
    assert found["model local"]["mend"]
