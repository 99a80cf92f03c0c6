"""A search drops what breaks the workspace's tests, before it pays for measuring it."""

import pytest

from agent.edits.tree import File
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.trial import MemoryTrials
from tests.evaluate.world import SCAFFOLD_TEST, tiny_tree

OWN = "tests/scaffold/test_scaffold.py"


@pytest.fixture
def evaluator(wall, settings):
    backend, runtime = wall
    with Evaluator(backend, runtime, (), settings, MemoryTrials()) as evaluator:
        yield evaluator


@pytest.fixture
def guard(evaluator, base):
    return evaluator.guard(base)


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


def test_a_search_leaves_out_tests_that_are_marked_slow_and_evidence_does_not(evaluator, base):
    slow = b"\n\n@pytest.mark.slow\ndef test_slow():\n    assert %s\n"
    good, bad = (tiny_tree({OWN: b"import pytest\n\n" + SCAFFOLD_TEST + slow % b}) for b in (b"True", b"False"))
    quick = evaluator.guard(good, slow=False)

    assert quick.sound([good, bad, good.without(OWN)]) == [True, True, False]
    assert evaluator.guard(good).missed([bad]) == [frozenset({f"{OWN}::test_slow"})]


def test_a_folder_in_which_every_test_is_slow_stops_nothing(evaluator):
    marked = b"import pytest\n\npytestmark = pytest.mark.slow\n\n\n" + SCAFFOLD_TEST
    tree = tiny_tree({OWN: marked})

    assert evaluator.guard(tree, slow=False).sound([tree]) == [True]
