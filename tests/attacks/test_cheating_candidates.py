"""Every cheating candidate on record scores zero: judged in one sandbox, it can only answer from another."""

import pytest

from agent.edits.tree import File, Tree
from agent.evaluate.evidence import run_tests
from agent.evaluate.executor import Executor
from agent.evaluate.staging import Staging
from agent.workspace import parse_settings
from sandbox.choose import choose
from sandbox.contract import MIB, Limits
from sandbox.errors import BackendUnavailable
from tests.attacks.cheats import CHEATS, HONEST, KEPT, KEPT_TEST, PATCHED_REPORTER, REFUSES, TESTS

SETTINGS = b"""
schema = 1
name = "cheats"
objective = "reverse words"
[zones]
mind = ["scaffold/**"]
kept = ["tests/kept/**"]
[tests]
graded = "GRADED"
deadline_seconds = 20
[[suites]]
name = "none"
"""
LIMITS = Limits(memory=512 * MIB, output=4 * MIB)


def tree(**changes):
    files = {"scaffold/__init__.py": b"", "scaffold/__main__.py": HONEST, KEPT: KEPT_TEST, **changes}
    return Tree({path: File(content) for path, content in files.items()})


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def kept(request, cache):
    """Grade a candidate by the kept tests of an honest parent; returns the report."""
    try:
        backend = choose(request.param, cache)
    except BackendUnavailable as error:
        pytest.skip(f"{request.param}: {error}")
    staging = Staging()
    executor = Executor(backend, LIMITS, 2, lambda: None)

    def grade(changes, graded="apart", base=None):
        settings = parse_settings(SETTINGS.replace(b"GRADED", graded.encode()))
        return run_tests(executor, staging, settings, base or tree(), tree(**changes))[0]

    yield grade
    staging.close()


def test_an_honest_candidate_passes_every_test(kept):
    report = kept({})

    assert (report.apart, report.expected, report.passed, report.ended) == (True, TESTS, TESTS, "exited")
    assert (report.failed, report.missing, report.unexpected) == ((), (), ())


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheating_candidate_scores_zero(kept, cheat):
    report = kept({"scaffold/__main__.py": REFUSES, **CHEATS[cheat]})

    assert report.apart
    assert report.expected == TESTS
    assert report.passed == 0
    assert len(report.failed) + len(report.missing) >= TESTS


def test_in_one_sandbox_with_its_judge_the_same_cheat_passes(kept):
    """Why grading is apart: the law refuses this report, for it says of itself that it was made together."""
    together = b"import scaffold.__main__ as it\n\ndef test_it_reverses():\n    assert it.reverse('ab') == 'ba'\n"
    base = tree(**{KEPT: together, "scaffold/__main__.py": b"def reverse(word):\n    return word[::-1]\n"})
    report = kept(
        {"scaffold/__init__.py": PATCHED_REPORTER, "scaffold/__main__.py": b"def reverse(word):\n    return word\n"},
        graded="together",
        base=base,
    )

    assert (report.apart, report.passed) == (False, 1)
