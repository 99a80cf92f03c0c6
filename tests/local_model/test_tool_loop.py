"""Real weights complete tool loops: the real SDK in a real sandbox, through the broker and the shim."""

import itertools
import json
import os
import sys
import time
from pathlib import Path

import pytest

from sandbox.attempt import Work, attempt
from sandbox.contract import Limits, Mount
from sandbox.transfer import stage

TASKS = {
    "add": ("def add(a, b):\n    return a - b\n", "assert m.add(2, 3) == 5"),
    "largest": (
        "def largest(xs):\n    best = 0\n    for x in xs:\n        if x > best:\n            best = x\n    return best\n",
        "assert m.largest([-3, -1, -2]) == -1",
    ),
    "load": ("def load(text):\n    return json.loads(text)\n", "assert m.load('{\"a\": 1}') == {'a': 1}"),
    "first_n": ("def first_n(xs, n):\n    return xs[:n-1]\n", "assert m.first_n([1, 2, 3], 2) == [1, 2]"),
}


@pytest.fixture(scope="module")
def outcomes(office, backend, place):
    """Every task tried once: how the loop went, and whether the tests pass on what it left."""
    stage({"loop.py": (Path(__file__).with_name("loop.py").read_bytes(), False)}, place / "loop")
    found = {}
    for name, (code, check) in TASKS.items():
        test = f"import m\n\n\ndef test_{name}():\n    {check}\n"
        files = {"m.py": (code.encode(), False), "test_m.py": (test.encode(), False)}
        stage(files, place / name)
        started = time.monotonic()
        with office.desk.serve(f"loop-{name}") as door:
            stdin = json.dumps({"model": office.desk.model}).encode()
            work = Work(place / name, ("python", "/loop/loop.py"), 1_500.0, stdin)
            left = attempt(backend, Limits(), (door.mount, Mount(place / "loop", "/loop")), work)
        turns = office.turns(door.transcript)
        solved = left.files is not None and passes(backend, place / f"{name}-left", {**files, **left.files})
        found[name] = (left, turns, solved)
        calls = [block.get("name", "text") for turn in turns for block in turn["blocks"] if block["type"] == "tool_use"]
        sys.stderr.write(
            f"{name}: {'solved' if solved else 'not solved'}, {time.monotonic() - started:.0f} s, {calls}\n"
        )
    return found


def passes(backend, folder, files):
    stage(files, folder)
    tests = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_m.py")
    return attempt(backend, Limits(), (), Work(folder, tests, 120.0)).code == 0


@pytest.mark.parametrize("name", TASKS)
def test_the_loop_comes_to_its_end_without_a_fault(outcomes, name):
    left, turns, _ = outcomes[name]

    assert left.code == 0, left.outcome.stderr[-2_000:]
    assert [turn["ending"] for turn in turns] == ["answered"] * len(turns)
    assert len(turns) >= 3
    assert all(turn["stop_reason"] in ("tool_use", "end_turn", "max_tokens") for turn in turns)
    for before, after in itertools.pairwise(turns):
        results = [block for block in after["request"]["messages"][-1]["content"] if block["type"] == "tool_result"]
        assert [r["tool_use_id"] for r in results] == [b["id"] for b in before["blocks"] if b["type"] == "tool_use"]


def test_what_was_read_before_comes_from_the_cache(outcomes):
    for _, turns, _ in outcomes.values():
        for turn in turns[1:]:
            usage = turn["answer"]["events"][0]["message"]["usage"]
            assert usage["cache_read_input_tokens"] > usage["input_tokens"]


def test_a_whole_loop_is_completed(outcomes):
    """Some task is viewed, written, tested and finished, and what is left there passes its test."""
    whole = []
    for name, (_, turns, solved) in outcomes.items():
        used = {block.get("name") for turn in turns for block in turn["blocks"]}
        whole += [name] * (solved and {"view", "write", "finish"} <= used)
    if "qwen2.5-coder-1.5b" in os.environ["SUCCESSOR_TEST_GGUF"]:
        assert whole
