"""The tiny workspace behind a real wall, so that what is judged here was really run."""

import pytest

from agent.evaluate.catalogue import load_suites
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.trial import MemoryTrials
from agent.workspace import parse_settings
from sandbox.choose import choose
from sandbox.errors import BackendUnavailable
from tests.evaluate.world import MAIN, SETTINGS, tiny_tree

POOR = MAIN.replace(b"key=lambda path: (-len(wanted & files[path]), path)", b"key=lambda path: path")


@pytest.fixture(scope="session")
def settings():
    return parse_settings(SETTINGS)


@pytest.fixture(scope="session", params=[pytest.param("bubblewrap", marks=pytest.mark.bubblewrap)])
def wall(request, cache):
    """One wall is enough: what runs behind the other is the same program."""
    try:
        backend = choose(request.param, cache)
        return backend, backend.prepare()
    except BackendUnavailable as error:
        pytest.skip(f"bubblewrap: {error}")


@pytest.fixture(scope="session")
def suites(wall, settings, cache):
    return load_suites(tiny_tree(), settings, wall[1], cache, lambda _: None, backend=wall[0])[0]


@pytest.fixture
def evaluator(wall, suites, settings):
    with Evaluator(*wall, suites, settings, MemoryTrials()) as made:
        yield made


@pytest.fixture
def base():
    """A scaffold that ranks by name, whatever is asked."""
    return tiny_tree({"scaffold/__main__.py": POOR})
