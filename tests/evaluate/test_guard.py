"""A search drops what breaks the workspace's tests, before it pays for measuring it."""

import pytest

from agent.edits.tree import File
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.trial import MemoryTrials
from tests.evaluate.world import SCAFFOLD_TEST, tiny_tree

OWN = "tests/scaffold/test_scaffold.py"


@pytest.fixture
def guard(wall, base, settings):
    backend, runtime = wall
    with Evaluator(backend, runtime, (), settings, MemoryTrials()) as evaluator:
        yield evaluator.guard(base)


def test_the_base_and_what_keeps_its_tests_are_sound(guard, base):
    assert guard.sound([base, base.with_file("scaffold/more.py", File(b"MORE = 1\n"))]) == [True, True]


def test_what_fails_a_test_loses_one_or_ends_the_run_early_is_not(guard, base):
    failing = tiny_tree({OWN: SCAFFOLD_TEST + b"\n\ndef test_more():\n    assert False\n"})
    losing = base.without(OWN)
    quitting = tiny_tree({OWN: b"import os\n\n\ndef test_all_is_well():\n    os._exit(0)\n"})

    assert guard.sound([failing, base, losing, quitting]) == [False, True, False, False]


def test_kept_tests_are_the_bases_own(guard, base):
    """A tree that takes the kept tests away is judged by them all the same."""
    without = base
    for path in [p for p in base if p.startswith("tests/kept/")]:
        without = without.without(path)

    assert guard.sound([without]) == [True]
