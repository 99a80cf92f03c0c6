"""The shipped scaffold with real weights, in a real sandbox, on easy tasks of the shipped coding suite.

What is held here is form: whole tool loops, each call answered by its result, an orderly end, a score by the verifier. How many
tasks are solved is printed and not held: a model of this size goes in circles more often than it arrives.
"""

import itertools
import os
import sys
import time
import tomllib
from pathlib import Path

import pytest

from agent.edits.tree import File, Tree
from agent.evaluate.harbor.settings import HarborSettings
from agent.evaluate.harbor.suite import open_harbor_suite
from sandbox.contract import Limits, Mount
from sandbox.transfer import stage

TEMPLATE = Path(__file__).parents[2] / "workspace_template"
TASKS = os.environ.get("SUCCESSOR_TEST_TASKS", "median-even slug-limit cart-price roman-numerals").split()
ORDERLY = {"answered", "refused"}  # refused: the last call, past those that a trial may make


def tree(folder):
    paths = [p for p in sorted((TEMPLATE / folder).rglob("*")) if p.is_file() and "__pycache__" not in p.parts]
    return {str(p.relative_to(TEMPLATE)): File(p.read_bytes(), bool(p.stat().st_mode & 0o100)) for p in paths}


@pytest.fixture(scope="module")
def suite(backend):
    settings = HarborSettings.model_validate(tomllib.loads((TEMPLATE / "suites" / "coding.toml").read_text("utf-8")))
    made = open_harbor_suite(
        "coding", settings, Tree(tree("suites/coding")), backend.prepare(), backend, objective=False, progress=print
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def scaffold(place):
    files = {path: (file.content, file.executable) for path, file in tree("scaffold").items()}
    stage(files, place / "candidate")
    return (Mount(place / "candidate", "/cand"),)


@pytest.mark.parametrize("name", TASKS)
def test_the_scaffold_completes_tool_loops(office, suite, scaffold, backend, name):
    started = time.monotonic()
    trial = suite.trial(suite.task(name).split, name, scaffold, office.desk, f"scaffold-{name}")
    attempted = trial.run(backend, Limits())
    turns = office.turns(attempted.exchanges)
    calls = [block.get("name") for turn in turns for block in turn["blocks"] if block["type"] == "tool_use"]
    sys.stderr.write(
        f"{name}: score {attempted.score}, {time.monotonic() - started:.0f} s, {attempted.spent.usage}, {calls}\n"
    )

    assert attempted.failure == "none", attempted.note
    assert attempted.score is not None
    assert {turn["ending"] for turn in turns} <= ORDERLY
    assert len(calls) >= 3
    results = 0
    for before, after in itertools.pairwise(turns):
        said = (
            {b["id"] for b in before["blocks"] if b["type"] == "tool_use"}
            if before["stop_reason"] == "tool_use"
            else {}
        )
        last = after["request"]["messages"][-1]["content"] if after["request"] else []
        results += bool(said) and {b["tool_use_id"] for b in last if b["type"] == "tool_result"} == said
    assert results >= 2
