"""Which tests CI may try once more: few, none of the wall, the law or the record, and never instead of a skipped one."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "once-more"


@pytest.fixture
def once_more(tmp_path):
    def run(*lines):
        (tmp_path / "log").write_text("".join(f"{line}\n" for line in lines))
        done = subprocess.run([SCRIPT, tmp_path / "log"], check=False, capture_output=True, text=True)
        return done.returncode, done.stdout.split()

    return run


def test_a_few_are_tried_once_more_each_by_its_function(once_more):
    assert once_more(
        "FAILED tests/sandbox/test_warm.py::test_b[x y] - AssertionError: assert 1 == 2",
        "FAILED tests/sandbox/test_warm.py::test_b[z] - AssertionError: assert 1 == 2",
        "ERROR tests/journeys/test_run.py::test_a - RuntimeError",
        "2 failed, 11 passed, 1 error in 3.00s",
    ) == (0, ["tests/journeys/test_run.py::test_a", "tests/sandbox/test_warm.py::test_b"])


@pytest.mark.parametrize("house", ["attacks", "broker", "conformance", "gate", "invariants", "lineage"])
def test_what_is_open_once_is_open(once_more, house):
    assert once_more("FAILED tests/sandbox/test_a.py::test_a", f"FAILED tests/{house}/test_b.py::test_b") == (1, [])


def test_many_are_no_accident(once_more):
    assert once_more(*(f"FAILED tests/sandbox/test_{n}.py::test" for n in range(5)))[0] == 0
    assert once_more(*(f"FAILED tests/sandbox/test_{n}.py::test" for n in range(6))) == (1, [])


@pytest.mark.parametrize(
    "line",
    [
        "REQUIRED BUT SKIPPED tests/sandbox/test_warm.py::test_c",
        "!!!!!!!!! _pytest.outcomes.Exit: Interrupted: 1 error during collection !!!!!!!!!",
        "!!!!!!!!!!!!!! KeyboardInterrupt !!!!!!!!!!!!!!!",
    ],
)
def test_a_run_that_did_not_do_what_it_had_to_is_not_forgiven(once_more, line):
    assert once_more("FAILED tests/sandbox/test_a.py::test_a", line) == (1, [])


def test_a_run_that_failed_without_a_test_that_did_is_not_forgiven(once_more):
    assert once_more("11 passed in 3.00s") == (1, [])
