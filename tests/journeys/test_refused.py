"""Candidates that must not pass: each refused with its own message, exit 1, and nothing committed."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.journeys.conftest import better, change

MARK = "\u202e"


def also(*edits):
    def edit(copy):
        for one in edits:
            one(copy)

    return edit


def denied(desk, said, *words):
    assert said.code == 1, said.document
    text = said.document.get("note") or f"{said.error['what']}: {said.error['why']}"
    for word in words:
        assert word in text, text
    assert desk.branches() == []
    assert desk.successor("review", "list").document["candidates"] == []


def test_a_candidate_that_touches_a_kept_path(desk):
    said = desk.propose(also(better, change("suites/search.toml", "seed = 20", "seed = 21")))

    denied(desk, said, "a kept path was touched: suites/search.toml")


def test_a_candidate_that_touches_a_path_in_no_zone(desk):
    said = desk.propose(also(better, lambda copy: (copy / "setup.py").write_text("import scaffold\n")))

    denied(desk, said, "a path in no zone was touched: setup.py")


def test_a_test_is_deleted(desk):
    def delete(copy):
        next((copy / "tests" / "scaffold").glob("test_*.py")).unlink()

    denied(desk, desk.propose(also(better, delete)), "test")


def test_a_test_is_weakened(desk):
    def weaken(copy):
        path = next(
            p for p in sorted((copy / "tests" / "scaffold").glob("test_*.py")) if "    assert " in p.read_text()
        )
        path.write_text(path.read_text().replace("    assert ", "    assert True or ", 1))

    denied(desk, desk.propose(also(better, weaken)), "test")


def test_the_scaffolds_tests_exit_before_they_fail(desk):
    def quit_early(copy):
        path = min((copy / "tests" / "scaffold").glob("test_*.py"))
        path.write_text(path.read_text() + "\n\ndef test_zzz_all_is_well():\n    import os\n\n    os._exit(0)\n")

    denied(desk, desk.propose(also(better, quit_early)), "os._exit", "tests of the scaffold not passed")


def test_hidden_unicode(desk):
    said = desk.propose(also(better, change("scaffold/tokens.py", '"""From text', f'"""From{MARK} text')))

    denied(desk, said, "hidden")


def test_a_file_replaced_by_a_symlink(desk):
    def link(copy):
        (copy / "scaffold" / "refused.py").unlink()
        (copy / "scaffold" / "refused.py").symlink_to("/etc/passwd")

    denied(desk, desk.propose(also(better, link)), "symbolic link")


def test_a_scaffold_that_does_not_answer(desk):
    said = desk.propose(change("scaffold/__main__.py", '"""', '"""broken""" + 1\n"""'))

    denied(desk, said, "did not answer")


def test_a_change_that_gains_nothing(desk):
    said = desk.propose(change("scaffold/tokens.py", '"""From text', '"""Text'))

    denied(desk, said, "gain")


def test_a_wall_that_is_gone_is_no_verdict(desk, tmp_path):
    """No sandbox can be had: nothing is scored, nothing is denied, and the exit code says infrastructure."""
    said = desk.propose(better, **without_a_wall(tmp_path))

    assert said.code == 3, said.document
    assert said.error["mend"]
    assert desk.branches() == []
    assert desk.successor("status").document["candidates"] == []


def test_a_wall_that_breaks_in_the_middle_is_no_verdict(desk, shims):
    """The trial is tried again, then the candidate stays open where it was; on another day it is measured."""
    said = desk.propose(better, PATH=breaking_bwrap(shims, after=3))

    assert said.code == 3, said.document
    (left,) = desk.successor("status").document["candidates"]
    assert left["state"] in ("drafted", "screened")
    assert desk.branches() == []

    assert desk.successor("resume", "--sandbox", desk.wall).code == 0
    (after,) = desk.successor("status").document["candidates"]
    assert (after["id"], after["state"]) == (left["id"], "awaiting_review")


def without_a_wall(tmp_path) -> dict[str, str]:
    """An environment in which neither an engine answers nor any bubblewrap can work."""
    shims = tmp_path / "bin"
    shims.mkdir()
    (shims / "bwrap").write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    (shims / "bwrap").chmod(0o755)
    return {"DOCKER_HOST": f"unix://{tmp_path}/no.sock", "PATH": f"{shims}:{os.environ['PATH']}"}


@pytest.fixture
def shims():
    """A folder outside /tmp, which sandboxed programs that root starts do not see."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def breaking_bwrap(shims: Path, after: int) -> str:
    """A PATH whose bwrap starts for a candidate `after` times, then fails as where namespaces are forbidden."""
    (shims / "count").touch()
    (shims / "count").chmod(0o666)
    (shims / "bwrap").write_text(
        "#!/bin/sh\n"
        f'case "$*" in *"/cand "*) echo x >> {shims}/count;; esac\n'
        f"if [ $(wc -l < {shims}/count) -gt {after} ]; then\n"
        "echo 'bwrap: Creating new namespace failed: Operation not permitted' >&2; exit 1; fi\n"
        f'exec {shutil.which("bwrap")} "$@"\n'
    )
    (shims / "bwrap").chmod(0o755)
    return f"{shims}:{os.environ['PATH']}"


def test_a_workspace_without_its_policy(desk):
    """The parent's law is what judges. A parent without one denies everything."""
    shutil.rmtree(desk.folder / "policies")
    desk.git("-c", "user.name=t", "-c", "user.email=t@t.invalid", "commit", "-qam", "no law")
    shutil.rmtree(desk.folder / ".successor")
    desk.git("update-ref", "-d", "refs/heads/gate-log")
    made = desk.successor("init", str(desk.folder), "--reviewer", "alice", "--key", str(desk.key("alice.pub")))

    said = made if made.code else desk.propose(better)

    assert said.code == 1, said.document
    assert "policy file missing" in f"{said.error['what']}: {said.error['why']}"
    assert desk.branches() == []


@pytest.mark.parametrize("content", [b"", b"this is no diff", b"\x00\xff" * 50])
def test_a_patch_that_is_no_patch(desk, content):
    said = desk.successor("propose", "--patch", "-", "--by", "carol", "--sandbox", desk.wall, stdin=content)

    assert said.code in (1, 2)
    assert said.error["what"]
    assert desk.successor("status").document["candidates"] == []
