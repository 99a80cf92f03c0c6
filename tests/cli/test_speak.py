"""How the program speaks: nothing a candidate wrote acts on a terminal, and every error is one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from agent.cli.key import KEY_VARIABLE, MONITOR_KEY_VARIABLE, demand_key, take_key
from agent.cli.speak import command_line, speaking, visible
from agent.errors import BadSettings, PolicyDenied, SandboxDown
from sandbox.errors import BackendUnavailable

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("grün ☃", "grün ☃"),
        ("\x1b[2K\x1b[1Ghidden", "\\x1b[2K\\x1b[1Ghidden"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("a\ufe0fb", "a\\ufe0fb"),
        ("a\U000e0041b", "a\\U000e0041b"),
        ("a\rb", "a\\rb"),
        ("a\x00b\x7f", "a\\x00b\\x7f"),
        ("\u3164\u2800", "\\u3164\\u2800"),
    ],
)
def test_what_hides_or_acts_is_written_as_an_escape(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PolicyDenied("no"), 1),
        (BadSettings("no"), 2),
        (SandboxDown("no"), 3),
        (BackendUnavailable("no"), 3),
        (OSError(28, "No space left on device", "/x"), 3),
        (KeyboardInterrupt(), 130),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_every_error_has_its_exit_code_and_one_line(error, code, as_json, capfd):
    with pytest.raises(typer.Exit) as caught, speaking(as_json=as_json):
        raise error

    out, err = capfd.readouterr()
    assert caught.value.exit_code == code
    if as_json:
        assert json.loads(out)["error"]["exit"] == code
    else:
        assert out == ""
        assert err.count("\n") == 1


@pytest.mark.parametrize("variable", [KEY_VARIABLE, MONITOR_KEY_VARIABLE])
def test_a_key_leaves_the_environment_and_is_there_for_the_broker(variable, monkeypatch):
    monkeypatch.setenv(variable, "sk-of-this-test")
    take_key.cache_clear()
    with speaking(as_json=True):
        assert variable not in os.environ
        assert demand_key(variable) == "sk-of-this-test"
        assert demand_key() == ("sk-of-this-test" if variable == KEY_VARIABLE else "")
    take_key.cache_clear()


def test_a_command_that_is_shown_is_quoted_for_the_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    shown = command_line("review", "show", "c1", workspace=tmp_path / "my work; rm -rf")

    assert shown.endswith("review show c1 --workspace 'my work; rm -rf'")


def test_a_reader_that_goes_away_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m agent policy check --folder policies | head -1", shell=True, cwd=ROOT, text=True,
        capture_output=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("version ")


def test_the_doctor_says_what_is_missing_and_how_to_mend_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "agent", "doctor", "--json", "--workspace", str(tmp_path)], cwd=ROOT, text=True,
        capture_output=True, check=False, env={"PATH": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none"},
    )  # fmt: skip

    findings = {f["name"]: f for f in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert findings["git"]["ok"] is False
    assert "apt-get install git" in findings["git"]["mend"]
    assert findings["sandbox docker"]["ok"] is False
    assert findings["sandbox docker"]["mend"]
    assert findings["python"]["ok"] is True
