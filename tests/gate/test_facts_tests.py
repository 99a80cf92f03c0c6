"""What a patch does to the tests: they may only be strengthened."""

import pytest

from agent.edits.tree import File, Tree
from agent.gate.source import Sources
from agent.gate.weakening import changes_to_tests

PATH = "tests/scaffold/test_search.py"
BASE = """\
import pytest
from scaffold.search import rank


def check(value):
    assert value > 0
    assert value < 10


@pytest.fixture
def words():
    return ["a", "b"]


def test_rank(words):
    result = rank(words)
    assert result == 3
    assert len(words) == 2, "two words"


@pytest.mark.parametrize("text", ["a", "b", "c"])
def test_each(text):
    check(rank(text))
    assert rank(text) != 0


class TestRefusal:
    def test_refuses(self):
        with pytest.raises(ValueError):
            rank(None)


async def test_later():
    assert await rank("x")
"""


def changes(result, path=PATH, base=BASE, **others):
    before = {path: File(base.encode())}
    after = {path: File(result.encode())} if result is not None else {}
    for name, content in others.items():
        after[name.replace("__", "/") + ".py"] = File(content.encode())
    return changes_to_tests(Sources(Tree(before)), Sources(Tree(after)))


def edit(old, new):
    assert old in BASE
    return changes(BASE.replace(old, new))


NOTHING = changes(BASE)


def test_untouched_tests_give_no_facts():
    assert NOTHING.model_dump() == dict.fromkeys(NOTHING.model_dump(), ())


STRENGTHENED = {
    "an assertion added": ("    assert result == 3\n", "    assert result == 3\n    assert result\n"),
    "a test added": ("class TestRefusal:", "def test_new():\n    assert rank('q') == 1\n\n\nclass TestRefusal:"),
    "a test added that uses a helper": ("class TestRefusal:", "def test_new():\n    check(1)\n\n\nclass TestRefusal:"),
    "a case added": ('["a", "b", "c"]', '["a", "b", "c", "d"]'),
    "a comment added": ("    assert result == 3\n", "    assert result == 3  # as before\n"),
    "a message changed": ('"two words"', '"there are two words"'),
    "layout changed": ("assert result == 3", "assert (\n        result == 3\n    )"),
    "a helper added": ("class TestRefusal:", "def other():\n    return 1\n\n\nclass TestRefusal:"),
    "a context manager added": ("class TestRefusal:", "@contextmanager\ndef o():\n    yield 1\n\n\nclass TestRefusal:"),
    "moved within the file": ('async def test_later():\n    assert await rank("x")\n', ""),
}


@pytest.mark.parametrize("name", [name for name in STRENGTHENED if name != "moved within the file"])
def test_strengthening_gives_no_facts(name):
    assert edit(*STRENGTHENED[name]) == NOTHING


def test_a_test_that_moves_within_its_file_is_still_there():
    last, empty = STRENGTHENED["moved within the file"]

    assert changes(BASE.replace(last, empty).replace("class TestRefusal:", last + "\n\nclass TestRefusal:")) == NOTHING


WEAKENED = {
    "what leads up to an assertion changed": ("words):\n    result = rank(words)", "words):\n    result = rank([1])"),
    "an assertion removed": ("    assert result == 3\n", ""),
    "an assertion changed": ("assert result == 3", "assert result == 4"),
    "an assertion softened": ("assert result == 3", "assert result == 3 or True"),
    "an assertion made vacuous": ("assert result == 3", "assert True"),
    "an assertion of itself": ("assert result == 3", "assert result == result"),
    "an assertion of a tuple": ("assert result == 3", 'assert (result == 3, "three")'),
    "an assertion never reached": ("    assert result == 3\n", "    if False:\n        assert result == 3\n"),
    "an assertion in a loop over nothing": (
        "    assert result == 3\n",
        "    for _ in []:\n        assert result == 3\n",
    ),
    "an assertion whose failure is caught": (
        "    assert result == 3\n",
        "    try:\n        assert result == 3\n    except AssertionError:\n        pass\n",
    ),
    "an assertion in a function never called": (
        "    assert result == 3\n",
        "    def later():\n        assert result == 3\n",
    ),
    "an assertion under suppress": (
        "    assert result == 3\n",
        "    with suppress(AssertionError):\n        assert result == 3\n",
    ),
    "a helper emptied": ("    assert value > 0\n    assert value < 10\n", "    return value\n"),
    "a helper removed": ("def check(value):\n    assert value > 0\n    assert value < 10\n", ""),
    "a case removed": ('["a", "b", "c"]', '["a", "b"]'),
    "a case changed": ('["a", "b", "c"]', '["a", "b", "b"]'),
    "the cases computed": ('["a", "b", "c"]', "cases()"),
    "an expected error widened": ("pytest.raises(ValueError)", "pytest.raises(Exception)"),
    "an expected error dropped": (
        "        with pytest.raises(ValueError):\n            rank(None)\n",
        "        rank(1)\n",
    ),
    "a test defined again below": ("async def test_later", "def test_rank():\n    pass\n\n\nasync def test_later"),
    "a test defined conditionally": (
        'async def test_later():\n    assert await rank("x")\n',
        'if False:\n    async def test_later():\n        assert await rank("x")\n',
    ),
}


@pytest.mark.parametrize("name", WEAKENED)
def test_weakening_is_seen(name):
    assert edit(*WEAKENED[name]).weakened


def test_what_was_lost_is_counted():
    (found,) = edit("    assert result == 3\n", "").weakened

    assert (found.test, found.before, found.after, found.lost) == (f"{PATH}::test_rank", 2, 1, 1)


@pytest.mark.parametrize(
    ("old", "new", "gone"),
    [
        ("def test_rank(", "def test_ranking(", "test_rank"),
        ("def test_rank(", "def _test_rank(", "test_rank"),
        ("class TestRefusal:", "class Refusal:", "TestRefusal::test_refuses"),
        (
            "class TestRefusal:\n    def test_refuses",
            "class TestRefusal:\n    def refuses",
            "TestRefusal::test_refuses",
        ),
    ],
)
def test_a_renamed_test_is_a_removed_test(old, new, gone):
    assert edit(old, new).removed == (f"{PATH}::{gone}",)


def test_deleting_or_moving_a_file_removes_its_tests():
    every = ("TestRefusal::test_refuses", "test_each", "test_later", "test_rank")

    assert changes(None).removed == tuple(f"{PATH}::{name}" for name in every)
    assert len(changes(None, tests__scaffold__test_moved=BASE).removed) == 4


def test_a_file_that_is_no_longer_python_has_lost_its_tests():
    assert len(changes("def (:\n").removed) == 4


SKIPPED = {
    "a skip": ("def test_rank(", "@pytest.mark.skip\ndef test_rank("),
    "a skip with a reason": ("def test_rank(", "@pytest.mark.skip(reason='slow')\ndef test_rank("),
    "a condition": ("def test_rank(", "@pytest.mark.skipif(True, reason='x')\ndef test_rank("),
    "an expected failure": ("def test_rank(", "@pytest.mark.xfail\ndef test_rank("),
    "a unittest skip": ("def test_rank(", "@unittest.skip('x')\ndef test_rank("),
    "a decorator of its own": ("def test_rank(", "@quiet\ndef test_rank("),
    "a skipped class": ("class TestRefusal:", "@pytest.mark.skip\nclass TestRefusal:"),
    "a call of skip": ("    result = rank(words)", "    pytest.skip('x')\n    result = rank(words)"),
    "an early return": ("    result = rank(words)", "    return\n    result = rank(words)"),
    "a conditional return": ("    result = rank(words)", "    if words:\n        return\n    result = rank(words)"),
    "a yield": ("    result = rank(words)", "    yield\n    result = rank(words)"),
    "a skip in a helper": ("    assert value > 0\n", "    pytest.importorskip('x')\n    assert value > 0\n"),
    "a skip in a fixture": ('    return ["a", "b"]', '    pytest.skip("x")\n    return ["a", "b"]'),
    "a new test that is skipped": (
        "class TestRefusal:",
        "@pytest.mark.skip\ndef test_new():\n    assert rank('q')\n\n\nclass TestRefusal:",
    ),
}


@pytest.mark.parametrize("name", SKIPPED)
def test_ways_around_a_test_are_seen(name):
    found = edit(*SKIPPED[name])

    assert found.skipped
    assert found.removed == ()


def test_a_skip_of_the_base_stays_allowed():
    skipped = BASE.replace("def test_rank(", "@pytest.mark.skip\ndef test_rank(")

    assert changes(skipped + "\n\ndef test_new():\n    assert rank(1) == 1\n", base=skipped) == NOTHING


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "...",
        "'Nothing.'",
        "rank('x')",
        "assert True",
        "assert 1 == 1",
        "assert not False",
        "x = 1",
        "assert (f() == 1, 'x')",
        "assert f() or True",
    ],
)
def test_a_new_test_that_asserts_nothing_is_empty(body):
    assert changes(BASE + f"\n\ndef test_new():\n    {body}\n").empty == (f"{PATH}::test_new",)


def test_an_emptied_test_is_empty_too():
    emptied = edit("    check(rank(text))\n    assert rank(text) != 0\n", "    rank(text)\n")

    assert emptied.weakened
    assert emptied.empty == ()  # its cases remain what it asserts; that it lost the rest is said above


STEERED = {
    "a hook": "def pytest_runtest_makereport(item): pass",
    "a plugin": "pytest_plugins = ['x']",
    "files not collected": "collect_ignore = ['test_search.py']",
    "a mark on the whole file": "pytestmark = pytest.mark.skip",
    "an automatic fixture": "@pytest.fixture(autouse=True)\ndef quiet(): pass",
    "a fixture that may be automatic": "@pytest.fixture(autouse=flag)\ndef quiet(): pass",
    "a test rebound": "test_rank = None",
    "a test deleted": "del test_rank",
    "a test rebound by a loop": "for test_rank in [1]: pass",
    "a test rebound by an import": "from scaffold import test_rank",
    "a test class that is none": "TestRefusal.__test__ = False",
    "a test replaced in its class": "TestRefusal.test_refuses = None",
}


@pytest.mark.parametrize("name", STEERED)
def test_steering_the_run_is_seen(name):
    assert changes(f"{BASE}\n\n{STEERED[name]}\n").hooks


@pytest.mark.parametrize(
    "source",
    [
        "@pytest.fixture(autouse=False)\ndef quiet(): pass",
        "tested = 1",
        "from scaffold import testoutput",
        "def helper():\n    test_file = 1\n    return test_file",
    ],
)
def test_ordinary_lines_steer_nothing(source):
    assert changes(f"{BASE}\n\n{source}\n").hooks == ()


@pytest.mark.parametrize("path", ["tests/conftest.py", "tests/scaffold/conftest.py", "scaffold/Conftest.py"])
def test_any_change_of_a_conftest_file_is_seen(path):
    before, after = Tree({path: File(b"x = 1\n")}), Tree({path: File(b"x = 2\n")})

    for base, result in ((before, after), (Tree({}), after), (before, Tree({}))):
        assert changes_to_tests(Sources(base), Sources(result)).hooks == (path,)


def test_data_of_the_tests_may_be_added_but_not_changed():
    path = "tests/scaffold/data/expected.json"
    before, after = Tree({path: File(b"1\n")}), Tree({path: File(b"2\n")})

    assert changes_to_tests(Sources(before), Sources(after)).data == (path,)
    assert changes_to_tests(Sources(before), Sources(Tree({}))).data == (path,)
    assert changes_to_tests(Sources(Tree({})), Sources(after)).data == ()


def test_tests_beside_the_code_count_as_tests():
    found = changes("", path="scaffold/test_inner.py", base="def test_x():\n    assert f() == 1\n")

    assert found.removed == ("scaffold/test_inner.py::test_x",)


def test_a_very_long_name_is_cut_and_still_reported():
    name = "test_" + "x" * 2000

    assert len(changes("", base=f"def {name}():\n    assert f() == 1\n").removed) == 1
