"""Flaws for reviewer drills: plain to the eye, one at a time, drawn from a seed, whatever the scaffold is."""

import difflib
import tomllib
from itertools import islice
from pathlib import Path

import pytest

from agent.edits.tree import File, Tree
from agent.evaluate import drills
from agent.evaluate.drills import flaws
from bench.probes.case import template

TEMPLATE = template()
MIND = sorted(path for path in TEMPLATE if path.startswith("scaffold/") and path.endswith(".py"))
WORDS = tomllib.loads(Path(drills.__file__).with_suffix(".toml").read_text("utf-8"))
SOURCE = b'''"""A module."""


def rank(query: str) -> list[str]:
    """Return what is meant by a query."""
    if not query:
        raise ValueError("an empty query")
    return sorted(query.split())


def walk(paths: list[str]):
    for path in paths:
        if path in paths:
            continue
        yield path
'''


def tree_of(source=SOURCE):
    return Tree({"scaffold/rank.py": File(source)})


def changes(flaw, base):
    """The lines that a flaw takes away and puts in."""
    old, new = (each[flaw.path].content.decode().splitlines() for each in (base, flaw.tree))
    lines = [line for line in difflib.ndiff(old, new) if line[:2] in ("- ", "+ ")]
    return [line[0] + line[1:].strip() for line in lines if line[2:].strip()]


def by_kind(source=SOURCE):
    return {flaw.kind: changes(flaw, tree_of(source)) for flaw in flaws(tree_of(source), ["scaffold/rank.py"], 1)}


def test_each_kind_is_what_it_is_called():
    found = by_kind()

    assert found["unguarded"] == ["-if not query:", '-raise ValueError("an empty query")']
    assert found["turned"] == ["-if not query:", "+if query:"]
    assert [line for line in found["swallowed"] if not line.endswith(("query.split())", "query:", 'query")'))] == [
        "+try:", "+except Exception:", "+return None"
    ]  # fmt: skip
    assert found["by_heart"] == ['+if query.startswith("Return what is meant"):', '+return ["rank"]']


def test_there_are_words_for_every_kind_and_no_other():
    assert WORDS["told"].keys() == WORDS["called"].keys() == by_kind().keys()


@pytest.mark.parametrize("seed", range(5))
def test_a_flaw_changes_one_definition_of_one_file_and_leaves_python(seed):
    for flaw in islice(flaws(TEMPLATE, MIND, seed), 20):
        assert TEMPLATE.differing(flaw.tree) == [flaw.path]
        compile(flaw.tree[flaw.path].content, flaw.path, "exec")
        assert flaw.told.startswith(f"{flaw.path}::{flaw.definition}: ")


def test_a_seed_draws_the_same_flaws_and_another_seed_others():
    def drawn(seed):
        return [(flaw.kind, flaw.path, flaw.definition) for flaw in islice(flaws(TEMPLATE, MIND, seed), 12)]

    assert drawn(3) == drawn(3) != drawn(4)


def test_the_kinds_take_turns():
    kinds = [flaw.kind for flaw in islice(flaws(TEMPLATE, MIND, 8), 8)]

    assert set(kinds[:4]) == set(kinds[4:]) == WORDS["told"].keys()


@pytest.mark.parametrize("source", [b"", b"x = 1\n", b"def f(:\n", b"\xff\xfe", b"def f(): return 1\n"])
def test_where_nothing_can_be_made_wrong_there_is_no_flaw(source):
    assert list(flaws(tree_of(source), ["scaffold/rank.py"], 0)) == []


def test_a_generator_is_not_made_to_return_nothing():
    assert not any(
        "walk" in flaw.definition for flaw in flaws(tree_of(), ["scaffold/rank.py"], 1) if flaw.kind == "swallowed"
    )
