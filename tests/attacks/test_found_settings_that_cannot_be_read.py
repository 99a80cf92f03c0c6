"""Settings of an adopted repository at which TOML's own parser fails in ways of its own."""

import pytest

from agent.edits.tree import File, Tree
from agent.errors import BadSettings
from agent.evaluate.catalogue import parse_suite
from agent.evaluate.harbor.task import read_task
from agent.workspace import MOST_DOTS, parse_settings

SOURCES = {
    "nested": b"x = " + b"[" * 100_000,
    "a long number": b"x = " + b"9" * 5_000,
    "a key of many parts": b"a" + b".a" * 20_000 + b" = 1",
    "a table of many parts": b"[a" + b' . "a"' * 20_000 + b"]",
}


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_said_in_one_line(name):
    with pytest.raises(BadSettings, match="cannot be read"):
        parse_settings(SOURCES[name])
    with pytest.raises(BadSettings, match="cannot be read"):
        parse_suite(Tree({"suites/search.toml": File(SOURCES[name])}), "search")


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_said_of_a_task_as_well(name):
    files = {"task.toml": SOURCES[name], "instruction.md": b"do it", "tests/test.sh": b""}
    with pytest.raises(BadSettings, match="it is no TOML"):
        read_task("task", {path: File(content) for path, content in files.items()}, "suites/x/task")


def test_many_keys_of_as_many_parts_as_may_be_are_read_in_no_time():
    key = b".".join([b"a"] * MOST_DOTS)
    many = b"".join(b"b%d.%s = 1\n" % (n, key) for n in range(400))

    with pytest.raises(BadSettings, match=r"successor\.toml: "):
        parse_settings(many)
