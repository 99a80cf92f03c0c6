"""Candidates that must not pass: each refused with its own message, exit 1, and nothing committed."""

import shutil

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
        path = sorted((copy / "tests" / "scaffold").glob("test_*.py"))[0]
        path.write_text(path.read_text() + "\n\ndef test_zzz_all_is_well():\n    import os\n\n    os._exit(0)\n")

    denied(desk, desk.propose(also(better, quit_early)), "missing")


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


def test_a_suite_whose_infrastructure_fails_is_no_verdict(desk, monkeypatch):
    """The sandbox cannot serve: nothing is scored, nothing is denied, and the exit code says infrastructure."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("SUCCESSOR_CACHE", str(desk.folder.parent / "cache"))

    said = desk.successor("run", "--yes", "--sandbox", desk.wall)

    assert said.code == 3, said.document
    assert said.error["mend"]
    assert desk.branches() == []
    assert desk.successor("status").document["candidates"] == []


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
