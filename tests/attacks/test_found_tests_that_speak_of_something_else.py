"""Tests whose assertions stay word for word and no longer speak of the scaffold.

Tried against a real sandbox first: `singular` of the scaffold broken, `STEMMERS` bound to a mended copy in the test file,
all tests green, and the candidate waited for review.
"""

import pytest

from agent.edits.tree import File, Tree
from agent.gate.source import Sources
from agent.gate.weakening import changes_to_tests

PATH = "tests/scaffold/test_tokens.py"
BASE = """\
import pytest

from scaffold.tokens import words

EXPECTED = ["a", "b"]
CASES = [("a", 1), ("b", 2)]


@pytest.fixture
def sample():
    return words("a b")


def helper(text):
    return words(text)


@pytest.mark.parametrize("text, n", CASES)
def test_cases(text, n):
    assert len(words(text)) == n


def test_words(sample):
    got = helper("a b")
    assert got == EXPECTED
    assert sample == EXPECTED


class TestWords:
    def prepare(self):
        self.got = words("a b")

    def test_got(self):
        self.prepare()
        assert self.got == EXPECTED
"""


def changes(result, base=BASE):
    before, after = (Tree({PATH: File(text.encode())}) for text in (base, result))
    return changes_to_tests(Sources(before), Sources(after))


def replaced(old, new):
    assert old in BASE
    return changes(BASE.replace(old, new, 1))


ATTACKS = {
    "the subject imported from elsewhere": (
        "from scaffold.tokens import words",
        "from tests.scaffold.fake import words",
    ),
    "the subject imported under another": ("import words", "import parts as words"),
    "the subject defined again": ("EXPECTED =", "def words(text):\n    return text.split()\n\n\nEXPECTED ="),
    "the subject bound again": ("EXPECTED =", "words = str.split\nEXPECTED ="),
    "the subject bound again by a new test": (
        "class TestWords:",
        "def test_new():\n    global words\n    words = str.split\n    assert words('a')\n\n\nclass TestWords:",
    ),
    "a builtin defined again": ("EXPECTED =", "def len(text):\n    return 1\n\n\nEXPECTED ="),
    "a fixture of pytest or of this file taken over": ("EXPECTED =", "def sample():\n    return 1\n\n\nEXPECTED ="),
    "what leads up to an assertion changed": ('got = helper("a b")', "got = EXPECTED"),
    "something put before an assertion": ("    assert got ==", "    got = EXPECTED\n    assert got =="),
    "an assertion that binds": ("    assert got ==", "    assert (got := EXPECTED)\n    assert got =="),
    "what is expected changed": ('EXPECTED = ["a", "b"]', 'EXPECTED = ["z"]'),
    "what is expected changed below": ("class TestWords:", "EXPECTED.clear()\n\n\nclass TestWords:"),
    "what is expected changed in its place": ("class TestWords:", "EXPECTED[:] = []\n\n\nclass TestWords:"),
    "cases taken away where they are named": ('("a", 1), ("b", 2)', '("a", 1)'),
    "a helper without assertions changed": ("    return words(text)", '    return ["a", "b"]'),
    "a fixture changed": ('    return words("a b")', "    return EXPECTED"),
    "a preparation changed": ('self.got = words("a b")', "self.got = EXPECTED"),
    "a default in the place of a fixture": ("def test_words(sample):", 'def test_words(sample=["a", "b"]):'),
    "a skip that is raised": ("    got = helper", "    raise unittest.SkipTest\n    got = helper"),
    "a test that is awaited by nobody": ("def test_words(", "async def test_words("),
    "a class that is not collected": ("class TestWords:", "class TestWords:\n    def __init__(self):\n        pass\n"),
    "a class with another base": ("class TestWords:", "class TestWords(Quiet):"),
    "a class that is decorated": ("class TestWords:", "@quiet\nclass TestWords:"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_seen(name):
    assert replaced(*ATTACKS[name]).weakened


@pytest.mark.parametrize(
    "name", ["setup_module", "setup_function", "setup_method", "setUp", "setUpModule", "load_tests"]
)
def test_a_function_that_the_runner_calls_unasked(name):
    assert changes(f"{BASE}\n\ndef {name}(*_):\n    pass\n").hooks


STRENGTHENED = {
    "an assertion between": ("    assert sample ==", "    assert got\n    assert sample =="),
    "more behind the last": (
        "    assert sample == EXPECTED\n",
        "    assert sample == EXPECTED\n    more = helper('c')\n    assert more\n",
    ),
    "a message": ("assert got == EXPECTED", 'assert got == EXPECTED, "words"'),
    "a docstring": ("    got = helper", '    """Words."""\n    got = helper'),
    "another import": ("import words", "import parts, words"),
    "a module imported": ("import pytest\n", "import math\nimport pytest\n"),
    "a constant": ("EXPECTED =", "OTHER = 1\nEXPECTED ="),
    "a test": ("class TestWords:", "def test_new():\n    assert words('x')\n\n\nclass TestWords:"),
    "a test in a class": ("    def test_got", "    def test_new(self):\n        assert words('x')\n\n    def test_got"),
}


@pytest.mark.parametrize("name", STRENGTHENED)
def test_what_only_adds_is_no_weakening(name):
    assert replaced(*STRENGTHENED[name]) == changes(BASE)


def test_a_case_may_be_added_where_cases_are_listed():
    base = BASE.replace('"text, n", CASES', '"text, n", [("a", 1)]')

    assert changes(base.replace('[("a", 1)]', '[("a", 1), ("b", 1)]'), base).weakened == ()
