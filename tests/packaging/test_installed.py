"""successor as somebody has it who installed it: from a wheel, and editable. No file of the work tree is at hand."""

import json
import subprocess
import sys

from agent import __version__
from tests.packaging.conftest import DATA, ROOT, run, tracked

READ_TEMPLATE = """
from importlib.resources import files
from pathlib import Path
data = files("agent") / "_data"
for name in ("workspace_template/successor.toml", "workspace_template/.gitignore", "policies/bundle.yaml"):
    print(name, len(data.joinpath(name).read_bytes()))
"""


def test_the_wheel_is_not_served_by_the_work_tree(from_wheel):
    place = from_wheel.code("import agent, sandbox; print(agent.__file__, sandbox.__file__)")

    assert str(ROOT) not in place
    assert place.count(str(from_wheel.folder)) == 2


def test_editable_is_served_by_its_sources(editable, checkout):
    assert editable.code("import agent; print(agent.__file__)") == str(checkout / "agent" / "__init__.py")


def test_the_template_is_read_through_importlib_resources(installed):
    names = ("workspace_template/successor.toml", "workspace_template/.gitignore", "policies/bundle.yaml")

    assert installed.code(READ_TEMPLATE).split("\n") == [f"{name} {(ROOT / name).stat().st_size}" for name in names]


def test_the_program_runs_under_both_its_names(installed):
    help_ = run([installed.python, "-m", "agent", "--help"], installed.elsewhere)

    assert "people stay in charge" in help_
    assert run([installed.successor, "--version"], installed.elsewhere) == f"successor {__version__}\n"


def test_the_installed_version_is_that_of_the_code(installed):
    assert installed.code("from importlib.metadata import version; print(version('successor'))") == __version__


def test_every_module_can_be_imported(installed):
    """A file that is read at import, or a library that is not declared, shows here."""
    walk = """
import importlib, pkgutil, agent, sandbox
found = [m.name for package in (agent, sandbox) for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in found:
    if not name.startswith(("agent._data", "agent.__main__")):
        importlib.import_module(name)
print(len(found))
"""
    assert int(installed.code(walk)) > 100


def test_init_makes_a_workspace_of_exactly_the_template(installed, tmp_path):
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "alice"], tmp_path)

    argv = [installed.successor, "init", "my-agent", "--reviewer", "alice", "--key", tmp_path / "alice.pub", "--json"]
    made = json.loads(run(argv, tmp_path))

    assert made["root"].startswith("sha256:")
    committed = run(["git", "ls-tree", "-r", "-z", "--name-only", "main"], tmp_path / "my-agent").split("\0")
    template = [name.removeprefix("workspace_template/") for name in tracked("workspace_template")]
    assert sorted(filter(None, committed)) == sorted([*template, *tracked("policies")])
    for name in set(template) - {"successor.toml"}:
        assert (tmp_path / "my-agent" / name).read_bytes() == (ROOT / "workspace_template" / name).read_bytes(), name


def test_the_policies_that_ship_answer_their_examples(from_wheel):
    """The folder as it ships is law: one file too many in it, and it would be none."""
    folder = from_wheel.code("from importlib.resources import files; print(files('agent') / '_data' / 'policies')")

    said = json.loads(run([from_wheel.successor, "policy", "test", "--folder", folder, "--json"], from_wheel.elsewhere))

    assert said["findings"] == []
    assert said["rules"] >= 10


def test_a_type_checker_sees_the_types(installed, tmp_path):
    """One deliberate error and one revealed type: a run without any finding could mean that everything is Any."""
    (tmp_path / "use.py").write_text(
        "from agent.errors import Refused\n"
        "from sandbox.contract import Limits\n"
        "\n"
        "memory: int = Limits().memory\n"
        'wrong: int = Refused("no").what\n'
        "reveal_type(Limits().cpus)\n"
    )
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null", "--no-error-summary"]

    done = subprocess.run(
        [*mypy, "--python-executable", str(installed.python), "use.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    error, note = done.stdout.splitlines()
    assert error.startswith("use.py:5: error: Incompatible types in assignment")
    assert note == 'use.py:6: note: Revealed type is "float"'


def test_nothing_is_installed_beside_the_packages(from_wheel):
    """The data folders must not become import packages of their own: their names belong to others."""
    for name in DATA:
        code = f"import importlib.util; print(importlib.util.find_spec({name!r}))"
        assert from_wheel.code(code) == "None"
