"""The template's scaffold, in a real sandbox and through the broker, before a server that none of us wrote: llmock."""

import json
from dataclasses import replace

import pytest

from agent.propose.claude import last_words
from sandbox.attempt import Work, attempt
from sandbox.broker.broker import Broker
from sandbox.broker.desk import Desk
from sandbox.broker.ledger import Budgets, Ledger
from sandbox.broker.transcript import MemoryTranscripts
from sandbox.choose import choose
from sandbox.contract import CANDIDATE_ROOT, Mount
from sandbox.errors import BackendUnavailable
from tests.attacks.at_work import LIMITS, SOLVE, WIDE, scaffold_files, staged
from tests.broker.conftest import KEY, MODEL, PRICES
from tests.broker.test_inside import WALLS
from tests.broker.test_llmock import PROGRAM, llmock, running

__all__ = ["llmock", "running"]  # fixtures
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="llmock is not installed: make install-dev")


@pytest.fixture
def solved(request, llmock, cache, tmp_path):
    """Let the scaffold work on a small task; return what it left, how it says it ended, and the exchanges."""
    try:
        backend = choose(request.param, cache)
        backend.prepare()
    except BackendUnavailable as reason:
        pytest.skip(str(reason))
    patience = replace(WIDE.patience, first_wait=0.1, longest_asked=5.0)
    config = replace(WIDE, base_url=f"{llmock.url}/anthropic", patience=patience)
    transcripts = MemoryTranscripts()

    def solve():
        for name in ("cand", "task"):
            (tmp_path / name).mkdir()
        with Broker(config, KEY, Ledger(Budgets()), transcripts, prices=PRICES) as broker:
            desk = Desk(broker, MODEL)
            work = Work(
                files=staged(tmp_path / "task", {"number.py": b"def double(n):\n    return n\n"}),
                argv=SOLVE,
                seconds=60,
                stdin=json.dumps({"instruction": "Make double right."}).encode(),
                env=desk.env,
            )
            with desk.serve("c") as door:
                mounts = (Mount(staged(tmp_path / "cand", scaffold_files()), CANDIDATE_ROOT), door.mount)
                left = attempt(backend, LIMITS, mounts, work)
            desk.close()
            said = [json.loads(transcripts.get(digest)) for digest in door.transcript]
        return left, last_words(left.outcome.stderr), door, said

    yield solve
    backend.close()


def call(name, **given):
    return {"type": "reply", "tool_calls": [{"name": name, "arguments": given}]}


@pytest.mark.parametrize("solved", WALLS, indirect=True)
def test_a_task_is_solved_in_several_turns_over_faults(solved, llmock):
    llmock.faults(
        call("read", path="number.py"),
        {"type": "fail", "status": 529, "times": 1},
        call("write", path="number.py", content="def double(n):\n    return 2 * n\n"),
        call("run_command", command="python -c 'import number; print(number.double(21))'"),
        {"type": "fail", "status": 429, "retry_after": 1, "times": 1},
        call("finish", summary="double is right now"),
    )
    left, said, door, exchanges = solved()

    assert (left.code, said) == (0, {"ended": "finished", "steps": 4, "summary": "double is right now"})
    assert left.files["number.py"] == (b"def double(n):\n    return 2 * n\n", False)
    assert door.traffic.retries == 2
    # Every question but the first holds the answers that came before it, and each was a stream.
    assert [len(one["request"]["messages"]) for one in exchanges] == [1, 3, 5, 7]
    assert "42" in json.dumps(exchanges[-1]["request"]["messages"][-1])
    assert {one["request"]["stream"] for one in exchanges} == {True}
    assert llmock.findings() == set()


@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed"])
@pytest.mark.parametrize("solved", WALLS[1:], indirect=True)
def test_a_stream_that_breaks_is_asked_again_and_its_call_is_not_done(solved, llmock, kind):
    llmock.faults(
        {"type": "stream_fault", "kind": kind, "after_chunks": 5},
        call("run_command", command="echo once >> ran.txt"),
        call("run_command", command="echo twice >> ran.txt"),
        call("finish", summary="done"),
    )
    left, said, _, exchanges = solved()

    assert said["ended"] == "finished"
    assert "error" in exchanges[0]["answer"]
    # The answer that broke was consumed by the server; what it asked for in it was not carried out.
    assert left.files["ran.txt"][0] == b"twice\n"


@pytest.mark.parametrize("kind", ["malformed_arguments", "unknown_tool"])
@pytest.mark.parametrize("solved", WALLS[1:], indirect=True)
def test_a_call_that_is_no_call_is_not_done(solved, llmock, kind):
    llmock.faults({"type": "tool_fault", "kind": kind}, call("read", path="number.py"), call("finish", summary="done"))
    left, said, _, _ = solved()

    assert said["ended"] == "finished"
    assert left.files.keys() == {"number.py"}
