"""Tests are counted by name on the host: what did not report did not pass."""

import json

import pytest

from agent.evaluate.grading import COMPLETION, TestRun, grade, read_run
from sandbox.contract import Ending
from tests.evaluate.world import said

NONCE = "n" * 32


def lines(*reports, nonce=NONCE):
    return b"".join(json.dumps({"nonce": nonce, **report}).encode() + b"\n" for report in reports)


def one(name, outcome="passed"):
    return {"id": name, "outcome": outcome}


def end(collected, code=0):
    return {"collected": collected, "exit": code}


def run(**outcomes):
    return TestRun(outcomes, complete=True, ended="exited")


def test_a_whole_run_is_read():
    read = read_run(said(lines(one("a"), one("b", "skipped"), end(2))), NONCE)

    assert read == TestRun({"a": "passed", "b": "skipped"}, complete=True, ended="exited")


@pytest.mark.parametrize(
    "outcome",
    [
        said(lines(one("a"))),
        said(lines(one("a"), end(2))),
        said(lines(one("a"), end(1), end(1))),
        said(lines(one("a"), end(1)), code=3),
        said(lines(one("a"), end(1, 2)), code=2),
        said(lines(one("a"), end(1)), ending=Ending.TIMED_OUT),
        said(lines(one("a"), end(1)), ending=Ending.OUTPUT_LIMIT),
        said(lines(one("a")) + lines(end(1), nonce="other")),
        said(b""),
    ],
    ids=["no end", "too few", "two ends", "other exit", "interrupted", "late", "flood", "forged end", "silence"],
)
def test_a_run_that_did_not_come_to_its_end_is_not_complete(outcome):
    assert not read_run(outcome, NONCE).complete


def test_a_line_longer_than_any_report_is_not_read():
    padded = json.dumps({"nonce": NONCE, **one("a"), "more": "x" * 20_000}).encode() + b"\n"

    assert read_run(said(padded + lines(end(1))), NONCE) == TestRun({}, complete=False, ended="exited")


def test_a_line_without_the_nonce_is_not_a_report():
    forged = lines(one("b"), nonce="guess") + b'{"id": "b", "outcome": "passed"}\n' + b"PASSED b\n"

    assert read_run(said(lines(one("a"), end(1)) + forged), NONCE).outcomes == {"a": "passed"}


def test_a_test_that_reports_twice_has_failed():
    read = read_run(said(lines(one("a", "failed"), one("a", "passed"), end(2))), NONCE)

    assert read.outcomes == {"a": "failed"}


@pytest.mark.parametrize("outcome", [None, 1, "PASSED", ["passed"], "xpassed"])
def test_an_outcome_of_another_name_is_a_failure(outcome):
    assert read_run(said(lines(one("a", outcome), end(1))), NONCE).outcomes == {"a": "failed"}


@pytest.mark.parametrize("name", [1, ["a"], "x" * 2_000])
def test_a_name_that_is_no_name_is_not_a_report(name):
    assert read_run(said(lines(one(name), end(1))), NONCE).outcomes == {}


def test_a_missing_test_is_missing_and_not_passed():
    report = grade("kept", run(a="passed", b="passed"), run(a="passed"))

    assert (report.expected, report.passed, report.missing) == (2, 1, ("b",))


def test_a_skipped_test_passes_only_where_the_parent_skipped_it():
    report = grade("scaffold", run(a="passed", b="skipped"), run(a="skipped", b="skipped"))

    assert (report.passed, report.failed) == (1, ("a",))


def test_a_test_that_the_parent_fails_may_be_mended_but_not_kept_failing():
    parent = run(a="failed", b="failed")

    assert grade("kept", parent, run(a="passed", b="failed")).failed == ("b",)


def test_a_new_test_counts_only_when_it_fails():
    report = grade("scaffold", run(a="passed"), run(a="passed", b="passed", c="failed"))

    assert (report.expected, report.passed) == (1, 1)
    assert report.unexpected == ("b", "c")
    assert report.failed == ("c",)


def test_a_run_without_its_end_has_something_missing_even_if_every_test_reported():
    cut = TestRun({"a": "passed"}, complete=False, ended="exited")

    assert grade("kept", run(a="passed"), cut).missing == (COMPLETION,)


def test_the_end_of_the_run_is_in_the_report():
    assert grade("kept", run(), TestRun({}, complete=False, ended="timed_out")).ended == "timed_out"


def test_a_name_reaches_people_and_evidence_only_as_printable_ascii():
    read = read_run(said(lines(one("a\x1b[2K\u202e\ud800\n"), end(1))), NONCE)

    assert read.outcomes == {"a\\x1b[2K\\u202e\\ud800\\n": "passed"}
    assert read.complete
