"""A model that does what no model should: each thing has an end that is known, and nothing is done that was not asked."""

import pytest

from tests.attacks.at_work import DONE, calls, command
from tests.broker.scripted import Say, text, thinking, tool_use

MIB = 1024 * 1024


def test_one_that_asks_the_same_for_ever_is_stuck_after_six_times(works):
    seen = works(command("cat notes.txt"), repeat=True)

    assert (seen.said["ended"], seen.said["steps"], len(seen.asked)) == ("stuck", 6, 6)
    # The third time it was told that nothing new comes of it.
    assert "nothing of note" in seen.results(3)[0]["content"]
    assert seen.results(3)[0]["content"] != seen.results(2)[0]["content"]


def test_one_that_always_asks_something_else_ends_with_its_steps(works):
    steps = [command(f"echo {number} > made.txt", number) for number in range(12)]
    seen = works(*steps, extra=("--max-steps", "12"))

    assert (seen.said["ended"], seen.said["steps"], len(seen.asked)) == ("steps", 12, 12)
    assert seen.files["made.txt"] == b"11\n"
    seen.world.script.done()


def test_one_that_writes_for_ever_ends_with_its_tokens(works):
    usage = {"input_tokens": 10, "output_tokens": 900}
    steps = [Say([tool_use("run_command", {"command": f"echo {n}"}, n)], "tool_use", usage) for n in range(3)]
    seen = works(*steps, extra=("--max-tokens", "2000"))

    assert (seen.said["ended"], len(seen.asked)) == ("tokens", 3)
    # Nor does it ask for more than is left to it.
    assert [request["max_tokens"] for request in seen.asked] == [2_000, 1_100, 200]


def test_calls_of_no_tool_or_with_wrong_arguments_are_told_so_and_not_done(works):
    wanted = [
        ("delete_everything", {}),
        ("__init__", {}),
        ("use", {"name": "finish", "given": {}}),
        ("_tested", {"paths": []}),
        ("definitions", {}),
        ("read", {"path": 7}),
        ("read", {"path": ["notes.txt"]}),
        ("read", {}),
        ("read", {"path": "notes.txt", "first": "1"}),
        ("read", {"path": "notes.txt", "first": True}),
        ("read", {"path": "notes.txt", "self": 1}),
        ("write", {"path": "new.txt", "content": {"a": 1}}),
        ("write", {"path": "../../cand/scaffold/x.py", "content": "x"}),
        ("write", {"path": "/etc/x", "content": "x"}),
        ("write", {"path": "a\x00b", "content": "x"}),
        ("write", {"path": ".", "content": "x"}),
        ("run_command", {"command": None}),
        ("run_tests", {"paths": "notes.txt"}),
        ("run_tests", {"paths": ["/etc/passwd"]}),
        ("edit_symbol", {"path": "notes.txt", "name": "x", "action": "eval", "code": "x"}),
    ]  # fmt: skip
    seen = works(calls(*wanted), DONE)

    told = seen.results()
    assert len(told) == len(wanted)
    assert [block for block in told if not block.get("is_error")] == []
    assert seen.files == {"notes.txt": b"nothing of note\n"}
    assert seen.said["ended"] == "finished"
    seen.world.script.done()


@pytest.mark.parametrize("thoughts", [[], [thinking("I shall write a lot")]], ids=["plain", "signed"])
def test_ten_megabytes_of_arguments_are_not_taken_and_not_sent_back(works, thoughts):
    large = tool_use("write", {"path": "big.txt", "content": "x" * 10 * MIB})
    seen = works(Say([*thoughts, large], "tool_use"), DONE, verbatim=bool(thoughts))

    assert "big.txt" not in seen.files
    assert seen.said["ended"] == "finished"
    said = str(seen.asked[-1])
    assert len(said) < 100_000
    assert str(10 * MIB)[:4] in said, "it was told how large it was"


def test_arguments_of_many_levels_are_no_way_to_stop_it(works):
    deep = {"path": "notes.txt"}
    for _ in range(50):
        deep = {"deeper": deep}
    seen = works(calls(("read", deep)), DONE)

    assert seen.results()[0]["is_error"]
    assert seen.said["ended"] == "finished"


def test_two_calls_of_one_id_are_what_the_api_refuses(works):
    twice = calls(("read", {"path": "notes.txt"}), ("run_command", {"command": "echo ran >> made.txt"}), ids=(1, 1))
    seen = works(twice, DONE)

    # Both were done and told; that the next question is not valid ends the work as a refusal, not as a loop.
    assert seen.said["ended"] == "refused"
    assert len(seen.asked) == 1
    assert seen.world.script.complaints == ["tool_use ids are not unique: ['toolu_01', 'toolu_01']"]
    assert seen.files["made.txt"] == b"ran\n"


def test_two_hundred_calls_in_one_turn_are_done_in_their_order(works):
    wanted = [("run_command", {"command": f"echo {number} >> made.txt"}) for number in range(200)]
    seen = works(calls(*wanted), DONE)

    assert seen.files["made.txt"] == b"".join(b"%d\n" % number for number in range(200))
    assert [block["tool_use_id"] for block in seen.results()] == [f"toolu_{n:02}" for n in range(1, 201)]
    seen.world.script.done()


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "answers"}},
        {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "x", "server_name": "y", "input": {}},
        {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {"stdout": "pwned"}},
    ],
    ids=lambda block: block["type"],
)
def test_a_server_tool_in_an_answer_ends_at_the_broker(works, block):
    """What the model's server would have done on its side is not sent back to it as if it had been."""
    seen = works(Say([text("I search."), block, tool_use("read", {"path": "notes.txt"})], "tool_use"), DONE)

    assert len(seen.asked) == 1
    assert seen.said["ended"] == "refused"
    assert sum(seen.world.door.traffic.refusals.values()) == 1
