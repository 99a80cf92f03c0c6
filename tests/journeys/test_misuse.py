"""Bad input to every command gives one clear line, the right exit code, and loses nothing."""

import json
import shutil
import subprocess
import sys
from contextlib import closing

import pytest

from agent.errors import BadSettings
from agent.evaluate.trial import TrialKey
from agent.loop.store import Store
from agent.loop.trials import StoredTrials
from agent.workspace import MOST_SEED, parse_settings
from tests.journeys.conftest import ROOT

IN_A_WORKSPACE = [
    ("status",),
    ("run", "--yes"),
    ("resume",),
    ("halt",),
    ("lineage",),
    ("show", "c1"),
    ("bench",),
    ("review", "list"),
    ("review", "show", "c1"),
    ("review", "approve", "c1", "--key", "KEY"),
    ("review", "reject", "c1", "--reason", "x", "--key", "KEY"),
    ("review", "request-changes", "c1", "--comment", "x", "--key", "KEY"),
    ("review", "export", "c1", "--to", "OUT"),
    ("policy", "check"),
    ("policy", "test"),
    ("policy", "explain", "kept-paths-untouched"),
    ("propose", "--patch", "PATCH", "--by", "carol"),
]
READING = [c for c in IN_A_WORKSPACE if c[0] in ("status", "lineage", "show") or c[:2] == ("review", "list")]
TOO_LARGE = "99999999999999999999"
WITH_STORE = [c for c in IN_A_WORKSPACE if c[0] != "halt"]


def name(command):
    return "-".join(command[:2])


def arguments(desk, command, tmp_path):
    (tmp_path / "patch").write_text("diff --git a/x b/x\n")
    places = {"KEY": str(desk.key("alice")), "OUT": str(tmp_path / "out"), "PATCH": str(tmp_path / "patch")}
    return [places.get(word, word) for word in command]


def one_line(said, code):
    assert said.code == code, said.document
    text = said.error["what"] + said.error["why"] + said.error["mend"]
    assert "\n" not in text
    assert said.error["what"]


@pytest.mark.parametrize("command", IN_A_WORKSPACE, ids=name)
def test_without_a_workspace(desk, tmp_path, command):
    nowhere = type(desk)(tmp_path / "nowhere", desk.people, desk.wall, desk.root)
    nowhere.folder.mkdir()

    said = nowhere.successor(*arguments(desk, command, tmp_path))

    one_line(said, 2)
    assert said.error["kind"] == "NoWorkspace"
    assert "successor init" in said.error["mend"]


@pytest.mark.parametrize("command", WITH_STORE, ids=name)
def test_a_corrupt_store(desk, tmp_path, command):
    state = desk.folder / ".successor"
    (state / "state.db").write_bytes(b"nonsense " * 1000)

    one_line(desk.successor(*arguments(desk, command, tmp_path)), 3)

    assert (state / "state.db").read_bytes() == b"nonsense " * 1000
    shutil.move(state / "state.db", state / "aside.db")
    assert desk.successor("status").code == 0


@pytest.mark.parametrize("command", IN_A_WORKSPACE[:1] + IN_A_WORKSPACE[4:5], ids=name)
def test_a_folder_that_is_no_git_repository(desk, tmp_path, command):
    shutil.rmtree(desk.folder / ".git")

    one_line(desk.successor(*arguments(desk, command, tmp_path)), 2)


@pytest.mark.parametrize("command", [("run", "--yes")], ids=name)
def test_a_dirty_work_tree(desk, tmp_path, command):
    (desk.folder / "scaffold" / "search.py").write_text("# my unfinished idea\n")

    said = desk.successor(*command)

    one_line(said, 2)
    assert "scaffold/search.py" in said.error["what"]
    assert (desk.folder / "scaffold" / "search.py").read_text() == "# my unfinished idea\n"


@pytest.mark.parametrize("command", [("run", "--yes"), ("halt",), ("review", "list")], ids=name)
def test_a_read_only_disk(desk, tmp_path, command):
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap makes the read-only view")
    argv = [sys.executable, "-m", "agent", *command, "--workspace", str(desk.folder), "--json"]
    seal = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(desk.folder), str(desk.folder), "--"]

    done = subprocess.run([*seal, *argv], capture_output=True, cwd=ROOT, check=False)

    assert b"Traceback" not in done.stderr, done.stderr.decode()
    assert done.returncode == 3
    assert "\n" not in json.loads(done.stdout)["error"]["what"]


@pytest.mark.parametrize("command", READING, ids=name)
def test_settings_that_are_not_valid_do_not_hide_what_was_decided(desk, tmp_path, command):
    """The parent's settings count, not what lies in the work tree."""
    (desk.folder / "successor.toml").write_text("this is not TOML [")

    said = desk.successor(*arguments(desk, command, tmp_path))

    assert said.code in (0, 2)


def test_an_audit_of_what_is_no_repository(desk, tmp_path):
    one_line(desk.successor("audit", str(tmp_path), "--root", desk.root), 2)


def test_an_audit_against_what_is_no_fingerprint(desk):
    one_line(desk.successor("audit", str(desk.folder), "--root", "trust-me"), 2)


def test_init_never_touches_a_folder_that_holds_something(desk, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")

    one_line(desk.successor("init", str(tmp_path / "mine"), "--key", str(desk.key("alice.pub"))), 2)

    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_init_twice_is_refused(desk):
    one_line(desk.successor("init", str(desk.folder), "--key", str(desk.key("alice.pub"))), 2)
    assert desk.successor("audit", str(desk.folder), "--root", desk.root).code == 0


def test_init_without_a_key_says_how_to_make_one(desk, tmp_path):
    said = desk.successor("init", str(tmp_path / "new"), "--key", str(tmp_path / "none.pub"))

    one_line(said, 2)
    assert "ssh-keygen" in said.error["mend"]
    assert not (tmp_path / "new").exists()


def test_a_signed_review_that_is_garbage(desk, tmp_path):
    (tmp_path / "garbage").write_bytes(b"\x00\x01 not a review")

    one_line(desk.successor("review", "import", str(tmp_path / "garbage")), 1)


@pytest.mark.parametrize("words", [[], ["run"], ["review"], ["review", "approve"], ["policy"], ["audit"], ["demo"]])
def test_every_command_has_help_and_an_example(words):
    done = subprocess.run(
        [sys.executable, "-m", "agent", *words, "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    )

    assert "Usage" in done.stdout
    if words and words not in (["review"], ["policy"]):
        assert "Example" in done.stdout


def test_an_unknown_option_is_misuse():
    done = subprocess.run(
        [sys.executable, "-m", "agent", "run", "--nonsense"], capture_output=True, cwd=ROOT, check=False
    )

    assert done.returncode == 2


@pytest.mark.parametrize(
    "words",
    [("run", "--yes", "-n", TOO_LARGE), ("run", "--yes", "--seed", TOO_LARGE), ("plan", "-n", TOO_LARGE)],
    ids=" ".join,
)
def test_a_number_that_nothing_can_hold_is_misuse(words):
    done = subprocess.run([sys.executable, "-m", "agent", *words], capture_output=True, cwd=ROOT, check=False)

    assert done.returncode == 2
    assert b"less than or equal" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("sign", [1, -1])
def test_a_seed_that_the_store_cannot_hold_is_refused_in_the_settings_and_every_other_is_kept(tmp_path, sign):
    text = (ROOT / "workspace_template" / "successor.toml").read_bytes()
    held, not_held = (text.replace(b"seed = 0", b"seed = %d" % (sign * n)) for n in (MOST_SEED, int(TOO_LARGE)))

    with pytest.raises(BadSettings, match=r"successor\.toml: seed"):
        parse_settings(not_held)
    key = TrialKey("t", "s", "dev", "x", "r", "l", parse_settings(held).seed, 0)
    with closing(Store(tmp_path, clock=lambda: 0)) as store:
        StoredTrials(store).put_many({key: 1})
        assert StoredTrials(store).get_many([key]) == {key: 1}
