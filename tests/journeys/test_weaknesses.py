"""People see what a generation does badly as a proposer is told it."""

import subprocess
import sys

from tests.journeys.conftest import ROOT


def test_what_fails_is_listed_alike_and_the_dearest_first(desk):
    said = desk.successor("weaknesses", "--sandbox", desk.wall, ANTHROPIC_API_KEY="")
    found, only = said.document, desk.successor("weaknesses", "--suite", "edit", "--sandbox", desk.wall).document
    refused = next(one for one in found["weaknesses"] if one["symptom"].endswith(": stale_context"))

    assert said.code == 0
    assert found["split"] == "dev"
    assert found["suites"].keys() == {"search", "edit"}
    assert [one["cost_ppm"] for one in found["weaknesses"]] == sorted(
        (one["cost_ppm"] for one in found["weaknesses"]), reverse=True
    )
    assert "scaffold/place.py::nearest" in [suspect["definition"] for suspect in refused["suspects"]]
    assert [one["suite"] for one in found["left_out"]] == ["coding"]
    assert "needs a model" in found["left_out"][0]["why"]
    assert only["suites"].keys() == {"edit"}
    assert only["weaknesses"] == [one for one in found["weaknesses"] if one["suite"] == "edit"]
    assert only["left_out"] == []


def test_people_get_a_table(desk):
    argv = [sys.executable, "-m", "agent", "weaknesses", "--workspace", str(desk.folder), "--sandbox", desk.wall]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=True)

    assert "search: mean" in done.stdout
    assert "through scaffold/place.py::nearest (failed" in done.stdout
    assert "such as " in done.stdout


def test_a_suite_that_needs_a_model_is_left_out_by_name(desk):
    found = desk.successor("weaknesses", "--suite", "coding", "--sandbox", desk.wall, ANTHROPIC_API_KEY="").document

    assert (found["suites"], found["weaknesses"]) == ({}, [])
    assert [one["suite"] for one in found["left_out"]] == ["coding"]


def test_a_suite_that_is_not_there_is_named(desk):
    said = desk.successor("weaknesses", "--suite", "nope", "--sandbox", desk.wall)

    assert said.code == 2
    assert "nope" in said.error["what"]
