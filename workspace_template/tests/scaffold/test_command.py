"""Programs under a deadline, and output that is the same every time."""

import os
import sys
import time
from pathlib import Path

import pytest

from scaffold.command import HOME, KEPT, run, settled, surroundings


def test_output_and_status_come_back_in_the_folder(tmp_path: Path) -> None:
    ran = run(("sh", "-c", "echo out; echo err >&2; pwd; exit 3"), tmp_path, 30)

    assert (ran.code, ran.output) == (3, "out\nerr\n.\n")


def test_a_program_that_hangs_is_cut_off_with_all_that_it_started(tmp_path: Path) -> None:
    ran = run(("sh", "-c", "echo before; sleep 1000 & sleep 1000"), tmp_path, 0.5)

    assert (ran.code, ran.output) == (None, "before\n")


def test_what_a_program_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    before = time.monotonic()
    ran = run(("sh", "-c", "sleep 300 & echo done"), tmp_path, 200)

    assert (ran.code, ran.output) == (0, "done\n")
    assert time.monotonic() - before < 150  # a guard against waiting, no measure of speed


def test_a_flood_of_output_is_kept_at_both_ends(tmp_path: Path) -> None:
    code = "print('first'); print('x' * 3_000_000); print('last')"
    ran = run((sys.executable, "-c", code), tmp_path, 60)

    assert ran.output.startswith("first\n")
    assert ran.output.endswith("last\n")
    assert len(ran.output) <= 2 * KEPT


def test_there_is_no_input(tmp_path: Path) -> None:
    assert run(("cat",), tmp_path, 30).code == 0


def test_the_agent_itself_is_not_what_a_program_imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HOME), "/elsewhere"]))
    monkeypatch.setenv("SCAFFOLD_MODEL", "m")
    (tmp_path / "scaffold").mkdir()
    (tmp_path / "scaffold" / "__init__.py").write_text("print('the copy')")

    assert surroundings()["PYTHONPATH"] == "/elsewhere"
    assert "SCAFFOLD_MODEL" not in surroundings()
    assert run((sys.executable, "-c", "import scaffold"), tmp_path, 60).output == "the copy\n"


def test_what_differs_from_run_to_run_is_taken_out() -> None:
    root = Path("/some/where")
    texts = [
        f"1 passed in {seconds}s (0:01:02)\n0.31s call a\nat /tmp/tmp{name}/x and /tmp/tmp.{name}ZZ and /tmp/pytest-of-me/pytest-{number}/y\n"
        f"<A object at 0x7f{name}> in /some/where/a.py, /some/where"
        for seconds, name, number in (("0.12", "abcdef12", 1), ("34.50", "12fedcba", 22))
    ]
    expected = "1 passed in 0.00s\n0.00s call a\nat /tmp/temporary/x and /tmp/temporary and /tmp/pytest/y\n<A object at 0x...> in a.py, ."

    assert [settled(text, root) for text in texts] == [expected, expected]
