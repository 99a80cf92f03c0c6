"""The threat model names a test for each attack, and each test that it names is there."""

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import ROOT, inline

PAGE = ROOT / "docs" / "threat-model.md"
NAMED = re.compile(r"([\w/]+\.py)::(\w+)")
TESTS = sorted({shown.text for shown in inline(PAGE) if "::" in shown.text} - {"file::name"})
ROWS = [
    line
    for part in PAGE.read_text("utf-8").split("\n| attack | stopped by | shown by |\n| --- | --- | --- |\n")[1:]
    for line in part.partition("\n\n")[0].splitlines()
]


@cache
def functions(path):
    """The tests of a file; of one with conformance checks, those that are registered as such."""
    tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if path.startswith("conformance/checks/"):
        return {one.name for one in defined if any(ast.unparse(by) == "check" for by in one.decorator_list)}
    return {one.name for one in defined if one.name.startswith("test_")}


@pytest.mark.parametrize("named", TESTS)
def test_a_test_that_is_named_is_there(named):
    found = NAMED.fullmatch(named)

    assert found, "a test is named as file::name"
    assert (ROOT / "tests" / found[1]).is_file()
    assert found[2] in functions(found[1])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:60])
def test_each_attack_names_what_stops_it_and_a_test(row):
    _, attack, stopped, shown, _ = (cell.strip() for cell in row.split("|"))

    assert attack
    assert stopped
    assert NAMED.findall(shown)


def test_there_are_attacks_and_what_is_left_open():
    assert len(ROWS) > 30
    left = PAGE.read_text("utf-8").partition("## What is left open")[2]
    assert left.count("\n- ") >= 10
    for plain in ("kernel", "Bubblewrap is level `reduced`", "Side channels", "engine", "signs without reading"):
        assert plain in left


def test_every_exception_of_the_conformance_suite_is_told():
    from tests.conformance.registry import EXCEPTIONS

    told = {
        "a_memory_bomb_ends_as_out_of_memory": "no total of memory",
        "an_inode_bomb_meets_its_limit": "no number of inodes",
        "a_sandbox_gets_no_more_than_its_share_of_the_cores": "no share of the",
        "a_grader_is_another_user_of_the_machine": "the same user of the machine",
        "descriptors_on_their_way_next_door_leave_some": "descriptors on their way",
    }
    assert {check for _, check in EXCEPTIONS} <= set(told)
    page = " ".join(PAGE.read_text("utf-8").split())
    for words in told.values():
        assert words in page
