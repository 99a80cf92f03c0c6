"""The command line as a whole: all commands are there, and who calls one does not wait for the others."""

import subprocess
import sys

import pytest
import typer.main

from agent.cli.app import COMMANDS, app

PROGRAM = typer.main.get_command(app)
LOADED = """
import sys
from agent.cli.app import app
app({words}, standalone_mode=False)
print(*(name for name in sys.modules if name.startswith("agent.cli.")))
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_under_its_name_and_says_what_it_does(name):
    command = PROGRAM.commands[name]

    assert command.name == name
    assert command.get_short_help_str()


def test_a_command_loads_none_of_the_others():
    code = LOADED.format(words=["status", "--help"])
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    loaded = said.splitlines()[-1].split()
    assert "agent.cli.status" in loaded
    assert not {"agent.cli.run", "agent.cli.demo", "agent.cli.audit", "agent.cli.suite"} & set(loaded)


def test_a_name_that_is_nearly_one_is_answered_with_the_one():
    done = subprocess.run([sys.executable, "-m", "agent", "statuss"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "Did you mean 'status'?" in " ".join(done.stderr.split())
