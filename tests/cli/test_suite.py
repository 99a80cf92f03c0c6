"""`successor suite`: what suites there are, whether they hold, and how a benchmark becomes one."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.app import app
from tests.evaluate.harbor.small import tree
from tests.evaluate.harbor.test_check import record

TEMPLATE = Path(__file__).parents[2] / "workspace_template"
SUITE = 'schema = 1\nkind = "harbor"\ntasks = "suites/small"\n'


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "ws"
    (folder / "suites").mkdir(parents=True)
    for name in ("successor.toml", "suites/search.toml", "suites/edit.toml"):
        shutil.copy(TEMPLATE / name, folder / name)
    (folder / "suites" / "small.toml").write_text(SUITE)
    for path, file in tree().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(file.content)
    return folder


def call(workspace, *words):
    done = CliRunner().invoke(app, ["suite", *map(str, words), "--workspace", str(workspace), "--json"])
    return done.exit_code, json.loads(done.stdout)


def test_suites_are_listed_with_those_that_nothing_uses(workspace):
    code, said = call(workspace, "list")
    rows = {row["name"]: (row["kind"], row["tasks"], row["used"]) for row in said["suites"]}

    assert code == 0
    assert rows["small"] == ("harbor", 1, False)
    assert rows["search"] == ("skill-search", 1_000, True)


def test_a_suite_that_cannot_be_read_is_listed_with_its_problem(workspace):
    (workspace / "suites" / "small.toml").write_text("schema = 2")

    assert {row["name"]: bool(row["problem"]) for row in call(workspace, "list")[1]["suites"]}["small"]


@pytest.mark.bubblewrap
def test_a_suite_that_holds_is_said_so(workspace):
    code, said = call(workspace, "check", "small", "--sandbox", "bubblewrap")

    assert (code, said["holds"]) == (0, True)
    assert {name: mark["score_ppm"] for name, mark in said["tasks"]["double"].items() if isinstance(mark, dict)} == {
        "oracle": 1_000_000,
        "empty": 0,
        "tampering": 0,
    }


@pytest.mark.bubblewrap
def test_a_suite_that_does_not_hold_ends_with_1(workspace):
    (workspace / "suites/small/double/solution/solve.sh").write_text("true\n")

    assert call(workspace, "check", "small", "--sandbox", "bubblewrap")[0] == 1


@pytest.mark.parametrize(("name", "code"), [("none", 2), ("search", 2)])
def test_what_cannot_be_checked_is_misuse(workspace, name, code):
    assert call(workspace, "check", name)[0] == code


def test_a_link_among_the_suites_is_refused(workspace):
    (workspace / "suites" / "small" / "double" / "link").symlink_to("/etc/passwd")

    assert call(workspace, "list")[0] == 2


def test_an_import_says_what_a_person_has_to_do(workspace, tmp_path):
    source = tmp_path / "human.jsonl"
    source.write_text(record(0) + "\n" + record(1))
    code, said = call(workspace, "import", "humaneval", source, "--into", "human")

    assert (code, said["tasks"]) == (0, 2)
    assert 'name = "human"' in said["add"]
    rows = {row["name"]: row for row in call(workspace, "list")[1]["suites"]}
    assert (rows["human"]["tasks"], rows["human"]["used"]) == (2, False)


@pytest.mark.parametrize("into", ["../x", "X", "", "a b", "search"])
def test_an_import_goes_nowhere_but_to_a_suite_of_its_own(workspace, tmp_path, into):
    source = tmp_path / "human.jsonl"
    source.write_text(record(0) + "\n" + record(1))

    assert call(workspace, "import", "humaneval", source, "--into", into)[0] == (0 if into == "" else 2)


@pytest.mark.parametrize("kind", ["humaneval", "polyglot"])
def test_a_source_that_is_none_gives_one_clear_line(workspace, tmp_path, kind):
    code, said = call(workspace, "import", kind, tmp_path / "missing")

    assert code == 2
    assert "\n" not in said["error"]["what"] + said["error"]["why"]
