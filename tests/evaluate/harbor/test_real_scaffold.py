"""The template's own scaffold on the small task, behind a real wall, with a scripted model."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.broker.rules import Policy
from sandbox.contract import CANDIDATE_ROOT, Limits, Mount
from sandbox.transfer import stage
from tests.broker.conftest import CONFIG, MODEL
from tests.broker.scripted import Fail, Say, text, tool_use
from tests.evaluate.harbor.small import desk, opened

TEMPLATE = Path(__file__).parents[3] / "workspace_template"
GENEROUS = replace(CONFIG, policy=Policy(frozenset({MODEL}), max_tokens=64_000))
RIGHT = "def double(n):\n    return 2 * n\n"


@pytest.fixture
def scaffold(tmp_path):
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    files = [path for path in (TEMPLATE / "scaffold").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    stage({path.relative_to(TEMPLATE).as_posix(): (path.read_bytes(), False) for path in files}, tmp_path / "cand")
    return (Mount(tmp_path / "cand", CANDIDATE_ROOT),)


def tried(wall, tmp_path, scaffold, steps):
    with closing(opened(wall)) as suite, desk(tmp_path, steps, config=GENEROUS) as (seat, world):
        found = suite.trial("dev", "double", scaffold, seat, "c1").run(wall[0], Limits())
        return found, world.script.requests


def test_it_solves_a_task_with_its_tools(wall, tmp_path, scaffold):
    steps = [
        Say([text("I look."), tool_use("read", {"path": "number.py"})], "tool_use"),
        Fail(529, "overloaded_error"),
        Say([tool_use("write", {"path": "number.py", "content": RIGHT}, 2)], "tool_use"),
        Say(
            [tool_use("run_command", {"command": "python -c 'import number; print(number.double(4))'"}, 3)], "tool_use"
        ),
        Say([tool_use("finish", {"summary": "done"}, 4)], "tool_use"),
    ]
    found, requests = tried(wall, tmp_path, scaffold, steps)

    assert (found.score, found.failure) == (1_000_000, "none"), found
    assert found.spent.calls == 4
    assert len(found.exchanges) == 4
    assert "return n" in str(requests[1]["messages"][-1])
    assert "8" in str(requests[-1]["messages"][-1])


def test_it_ends_in_order_when_the_model_refuses(wall, tmp_path, scaffold):
    found, _ = tried(wall, tmp_path, scaffold, [Say([text("No.")], "refusal")])

    assert (found.score, found.failure) == (0, "none"), found


def test_it_is_not_measured_when_the_model_is_never_reached(wall, tmp_path, scaffold):
    found, _ = tried(wall, tmp_path, scaffold, [Fail(500)] * 20)

    assert (found.score, found.failure) == (None, "provider"), found
