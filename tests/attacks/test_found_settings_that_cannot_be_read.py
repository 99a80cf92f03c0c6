"""Settings of an adopted repository at which TOML's own parser fails in ways of its own."""

import pytest

from agent.edits.tree import File, Tree
from agent.errors import BadSettings
from agent.evaluate.catalogue import parse_suite
from agent.workspace import parse_settings

SOURCES = {"nested": b"x = " + b"[" * 100_000, "a long number": b"x = " + b"9" * 5_000}


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_said_in_one_line(name):
    with pytest.raises(BadSettings, match="cannot be read"):
        parse_settings(SOURCES[name])
    with pytest.raises(BadSettings, match="cannot be read"):
        parse_suite(Tree({"suites/search.toml": File(SOURCES[name])}), "search")
