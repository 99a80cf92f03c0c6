"""No model, or none that can be used: one clear line each, and what does without goes on."""

import subprocess
import sys

import pytest

from tests.broker.scripted import KEY
from tests.journeys.conftest import ROOT, human, without_a_model
from tests.journeys.test_misuse import one_line
from tests.journeys.test_model_money import settled

RUN = ("run", "--yes")
NO_KEY = "ANTHROPIC_API_KEY is not set"


def without_section(text):
    """successor.toml as it is for a workspace that names no model."""
    start, end = text.index("[model]"), text.index("[budget]")
    return text[start:end]


def test_what_needs_a_model_is_left_out_by_name_wherever_it_is_looked_for(waiting):
    desk, candidate = waiting
    why = f"it needs a model: {NO_KEY}"

    assert f"left out: suite coding: {why}" in desk.successor("bench", "--suite", "edit", "--sandbox", desk.wall).err
    sheet = desk.successor("review", "show", candidate).document
    assert sheet["evidence"]["left_out"] == [{"suite": "coding", "task": "", "why": why}]
    assert f"left out: suite coding: {why}" in human(desk, "review", "show", candidate)
    assert {c["suite"] for c in sheet["evidence"]["comparisons"]} == {"search", "edit"}
    assert {c["model"] for c in sheet["evidence"]["comparisons"]} == {""}


def test_a_suite_that_is_not_optional_is_not_left_out(lean):
    desk = settled(lean, "optional = true", "optional = false")

    said = desk.successor(*RUN, "--sandbox", desk.wall)

    one_line(said, 1)
    assert said.error["what"] == "suite coding needs a model"
    assert said.error["why"] == NO_KEY
    assert desk.successor("status").document["candidates"] == []


@pytest.mark.parametrize("asked", [("--proposer", "claude"), ("--model", "claude-opus-5-5")], ids=" ".join)
def test_who_asks_for_a_model_is_told_that_there_is_no_key(lean, asked):
    said = lean.successor(*RUN, *asked, "--sandbox", lean.wall)

    one_line(said, 1)
    assert "needs a model" in said.error["what"]
    assert said.error["why"] == NO_KEY
    assert "ANTHROPIC_API_KEY" in said.error["mend"]


def test_a_workspace_that_names_no_model_has_none_though_there_is_a_key(lean):
    desk = settled(lean, without_section((lean.folder / "successor.toml").read_text()), "")

    said = desk.successor(*RUN, "--proposer", "claude", "--sandbox", desk.wall, ANTHROPIC_API_KEY=KEY)

    one_line(said, 1)
    assert said.error["why"] == "successor.toml names none"
    left_out = desk.successor("bench", "--suite", "edit", "--sandbox", desk.wall, ANTHROPIC_API_KEY=KEY).document
    assert [one["why"] for one in left_out["left_out"]] == ["it needs a model: successor.toml names none"]


@pytest.mark.parametrize(
    ("model", "code", "says"),
    [
        ("claude-of-tomorrow", 2, "the price of the model 'claude-of-tomorrow' is not known"),
        ("", 2, "the price of the model '' is not known"),
        ("local:", 2, "there is no model file"),
        ("local:/no/such/file.gguf", 2, "there is no model file '/no/such/file.gguf'"),
        ("local:/etc", 2, "there is no model file '/etc'"),
        ("local:/etc/passwd", 3, "/etc/passwd is no GGUF file"),
        ("local:/dev/zero", 2, "there is no model file '/dev/zero'"),
    ],
)
def test_a_model_that_cannot_be_had_is_named(lean, model, code, says):
    said = lean.successor(*RUN, "--model", model, "--sandbox", lean.wall, ANTHROPIC_API_KEY=KEY)

    one_line(said, code)
    assert says in said.error["what"]
    assert said.error["mend"]


@pytest.mark.parametrize("amount", ["-1", "nan", "inf", "1e400", "much"])
def test_a_budget_that_is_no_amount_of_money_is_misuse(lean, amount):
    argv = [sys.executable, "-m", "agent", *RUN, f"--budget-usd={amount}", "--workspace", str(lean.folder)]
    said = subprocess.run(
        argv, cwd=ROOT, capture_output=True, check=False, env={**without_a_model(), "ANTHROPIC_API_KEY": KEY}
    )

    assert said.returncode == 2, said
    assert b"Traceback" not in said.stderr
    assert b"--budget-usd" in said.stderr
