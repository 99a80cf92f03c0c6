"""The command line as a whole: all commands are there, and who calls one does not wait for the others."""

import subprocess
import sys

import pytest
import typer.main

from agent.cli.app import COMMANDS, app
from agent.cli.init import create
from agent.gate.signer import MachineKey

PROGRAM = typer.main.get_command(app)
LOADED = """
import sys
from agent.cli.app import app
app({words}, standalone_mode=False)
print(*sys.modules)
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_under_its_name_and_says_what_it_does(name):
    command = PROGRAM.commands[name]

    assert command.name == name
    assert command.get_short_help_str()


def loaded_by(*words):
    code = LOADED.format(words=list(words))
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(said.splitlines()[-1].split())


def test_a_command_loads_none_of_the_others():
    loaded = loaded_by("status", "--help")

    assert "agent.cli.status" in loaded
    assert not {"agent.cli.run", "agent.cli.demo", "agent.cli.audit", "agent.cli.suite"} & loaded


@pytest.mark.parametrize("words", [("status",), ("lineage",), ("review", "list")], ids=" ".join)
def test_what_only_reads_a_workspace_loads_neither_the_engines_of_the_law_nor_statistics(words, tmp_path):
    place = tmp_path / "workspace"
    create(place, "alice", MachineKey.generate().key, "container", demo=False)
    loaded = loaded_by(*words, "--workspace", str(place))

    assert "agent.lineage.repository" in loaded
    assert not {"cel", "cel_expr_python", "scipy", "numpy", "docker", "anthropic"} & loaded


def test_a_name_that_is_nearly_one_is_answered_with_the_one():
    done = subprocess.run([sys.executable, "-m", "agent", "statuss"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "Did you mean 'status'?" in " ".join(done.stderr.split())
