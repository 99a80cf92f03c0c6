"""What the outside may rely on when the scaffold works on a task: what it leaves, how it ends, what the model is told.

Whatever else it offers to the model, it offers `run_command(command)` and `finish(summary)`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow  # each of these starts an agent and a model for it to talk to

SERVER = Path(__file__).with_name("model_server.py").read_bytes()
ENDS = {"finished", "steps", "tokens", "budget", "refused", "unreachable", "stuck"}
FINISH = {"type": "tool_use", "id": "toolu_end", "name": "finish", "input": {"summary": "It is done."}}

Step = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """What became of a task."""

    code: int
    ended: str
    steps: int
    summary: str
    requests: list[dict[str, Any]]
    files: dict[str, bytes]

    @property
    def results(self) -> list[dict[str, Any]]:
        """What the model was told of its calls, in the last request."""
        blocks = [block for message in self.requests[-1]["messages"] for block in message["content"]]
        return [block for block in blocks if block["type"] == "tool_result"]


class Scaffold:
    """The scaffold as these tests see it: it is given a folder and a task, and talks to a model."""

    def __init__(self, solver: Any) -> None:
        self._solver = solver

    def solve(
        self,
        *steps: Step,
        options: Sequence[str] = (),
        repeat: bool = False,
        files: dict[str, bytes] | None = None,
        keep: Sequence[str] = (),
        hash_seed: str = "0",
    ) -> Work:
        """Let it work; hold what it asks to what the API allows."""
        given = {f"work/{path}": content for path, content in (files or {}).items()}
        script = json.dumps({"steps": steps, "repeat": repeat}).encode()
        ran = self._solver.run(
            ["python", "model_server.py", *options],
            json.dumps({"instruction": "Do what is to be done.", "unknown": [1]}).encode(),
            {"model_server.py": SERVER, "script.json": script, **given},
            {"PYTHONHASHSEED": hash_seed, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            ["seen.json", *(f"work/{path}" for path in keep)],
        )
        assert "seen.json" in ran.files, ran.stderr.decode(errors="replace")[-2_000:]
        seen = json.loads(ran.files["seen.json"])
        assert seen["complaints"] == []
        told = json.loads(ran.stdout.splitlines()[-1])
        assert set(told) == {"ended", "steps", "summary"}
        assert told["ended"] in ENDS
        assert isinstance(told["steps"], int)
        assert isinstance(told["summary"], str)
        left = {path.removeprefix("work/"): content for path, content in ran.files.items() if path != "seen.json"}
        return Work(ran.code, told["ended"], told["steps"], told["summary"], seen["requests"], left)


@pytest.fixture
def scaffold(solver: Any) -> Scaffold:
    return Scaffold(solver)


def say(*blocks: dict[str, Any], stop: str = "tool_use", written: int = 5) -> Step:
    return {"say": blocks, "stop": stop, "written": written}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def command(line: str, number: int = 1) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": "run_command", "input": {"command": line}}


THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
UNKNOWN = {"type": "brand_new", "payload": {"a": [1.5, None, "é"]}}
WRONG = [
    {"type": "tool_use", "id": "toolu_4", "name": "no_such_tool", "input": {}},
    {"type": "tool_use", "id": "toolu_5", "name": "run_command", "input": {}},
    {"type": "tool_use", "id": "toolu_6", "name": "run_command", "input": {"command": ["a"]}},
    {"type": "tool_use", "id": "toolu_7", "name": "run_command", "input": {"command": "true", "as": "root"}},
]
CONVERSATION = (
    say(text("First."), command("cat a.txt", 1), command("echo two > a.txt; mkdir b; echo x > b/c.txt", 2)),
    say(THOUGHT, UNKNOWN, text("So."), command("true", 3)),
    say(*WRONG),
    say(command(f"touch large # {'x' * 10_000_000}", 8)),
    {"cut": [command("touch cut", 9)]},
    say(command("touch long", 10), stop="max_tokens"),
    say(command("touch new", 11), stop="brand_new"),
    say(command("python -c 'import scaffold; print(scaffold.COPY)'; python -m scaffold", 12)),
    say(command("touch paused", 13), stop="pause_turn"),
    say(command("mkdir empty && cd empty && python -c 'import scaffold'", 14)),
    say(command("python -m pytest -q test_a.py; pwd; mktemp -u", 15)),
    say(FINISH),
)
FILES = {
    "a.txt": b"one\n",
    "scaffold/__init__.py": b"COPY = 'the copy'\n",
    "scaffold/__main__.py": b"print('ran')\n",
    "test_a.py": b"def test_a(tmp_path):\n    assert not tmp_path, object()\n",
}


@pytest.fixture(scope="module")
def worked(solver: Any) -> tuple[Work, Work]:
    """One long conversation, twice: each start of the scaffold takes a while."""
    keep = ["a.txt", "b/c.txt", "large", "cut", "long", "new", "paused"]
    first, second = (
        Scaffold(solver).solve(*CONVERSATION, files=FILES, keep=keep, hash_seed=seed) for seed in ("1", "2")
    )
    return first, second


@pytest.fixture
def work(worked: tuple[Work, Work]) -> Work:
    return worked[0]


def result_of(work: Work, number: int) -> dict[str, Any]:
    (result,) = [result for result in work.results if result["tool_use_id"] == f"toolu_{number}"]
    return result


def test_what_commands_leave_in_the_folder_is_the_answer(work: Work) -> None:
    assert (work.code, work.ended, work.summary) == (0, "finished", "It is done.")
    assert {path: work.files.get(path) for path in ("a.txt", "b/c.txt")} == {"a.txt": b"two\n", "b/c.txt": b"x\n"}
    assert "one" in str(result_of(work, 1)["content"])


def test_steps_are_the_answers_that_were_whole_or_said_why_they_were_not(work: Work) -> None:
    assert work.steps == len(work.requests) - 1 == 11


def test_the_model_is_told_the_task_and_offered_tools_with_marks_for_the_cache(work: Work) -> None:
    request = work.requests[0]

    assert "Do what is to be done." in str(request["messages"][0])
    assert {"run_command", "finish"} <= {tool["name"] for tool in request["tools"]}
    assert "cache_control" in str(request["system"]) + str(request["tools"])


def test_thoughts_and_blocks_of_unknown_kinds_come_back_as_they_were(work: Work) -> None:
    assert work.requests[-1]["messages"][3]["content"][:2] == [THOUGHT, UNKNOWN]


def test_a_model_that_calls_what_is_not_there_or_not_so_is_told_and_goes_on(work: Work) -> None:
    assert [result_of(work, number)["is_error"] for number in (4, 5, 6, 7)] == [True] * 4


def test_ten_megabytes_of_arguments_are_refused_and_not_sent_back(work: Work) -> None:
    assert "large" not in work.files
    assert result_of(work, 8)["is_error"]
    assert len(json.dumps(work.requests[-1])) < 1_000_000


def test_no_call_of_an_answer_that_is_not_whole_is_carried_out(work: Work) -> None:
    assert not {"cut", "long", "new", "paused"} & set(work.files)
    assert [result_of(work, number)["is_error"] for number in (10, 11, 13)] == [True] * 3
    assert work.requests[4] == work.requests[5]  # what broke off was asked for again


def test_commands_import_the_copy_in_the_folder_and_not_the_scaffold_that_works(work: Work) -> None:
    assert "the copy\nran" in str(result_of(work, 12)["content"]).replace("\\n", "\n")
    assert "No module named 'scaffold'" in str(result_of(work, 14)["content"])


def test_the_same_answers_lead_to_the_same_requests_byte_for_byte(worked: tuple[Work, Work]) -> None:
    first, second = worked

    assert "1 failed" in str(result_of(first, 15)["content"])
    assert json.dumps(first.requests) == json.dumps(second.requests)


@pytest.mark.parametrize(
    ("step", "ended"),
    [
        (say(text("No."), stop="refusal"), "refused"),
        ({"status": 403, "kind": "permission_error"}, "refused"),
        ({"status": 402, "kind": "billing_error"}, "budget"),
    ],
    ids=["refusal", "not allowed", "budget"],
)
def test_what_ends_it_leaves_what_was_done_and_ends_well(step: Step, ended: str, scaffold: Scaffold) -> None:
    work = scaffold.solve(say(command("echo kept > a.txt")), step, keep=["a.txt"])

    assert (work.code, work.ended, work.files) == (0, ended, {"a.txt": b"kept\n"})


def test_a_model_that_fails_for_good_ends_it(scaffold: Scaffold) -> None:
    failing = {"status": 529, "kind": "overloaded_error"}
    never = scaffold.solve(failing, repeat=True)

    assert (never.code, never.ended) == (1, "unreachable")
    assert len(never.requests) < 20


def test_steps_and_tokens_are_limits(scaffold: Scaffold) -> None:
    steps = [say(command(f"echo {number}", number), written=400) for number in range(9)]
    few = scaffold.solve(*steps[:3], options=["--max-steps", "3"])
    short = scaffold.solve(*steps[:2], options=["--max-tokens", "800"])

    assert (few.code, few.ended, len(few.requests)) == (0, "steps", 3)
    assert (short.code, short.ended, len(short.requests)) == (0, "tokens", 2)
    assert [request["max_tokens"] <= 800 for request in short.requests] == [True, True]


def test_a_model_that_goes_in_circles_is_stopped(scaffold: Scaffold) -> None:
    work = scaffold.solve(say(command("true", 7)), repeat=True)

    assert (work.code, work.ended) == (0, "stuck")
    assert len(work.requests) < 20


def test_no_other_command_loads_the_sdk(solver: Any) -> None:
    code = "import runpy, sys\ntry: runpy.run_module('scaffold', run_name='__main__', alter_sys=True)\n"
    code += "finally: print(sorted({'anthropic', 'httpx2', 'libcst'} & set(sys.modules)))"
    for argv in (["edit"], ["rank", "--corpus", "."]):
        ran = solver.run(["python", "-c", code, *argv], b"", {"a.py": b"x = 1\n"}, {})

        assert ran.stdout.decode().strip() == "[]"
