"""The same good history that lineage is tested with; each attack spoils a copy of its own."""

import contextlib
import itertools

import pytest

from sandbox.choose import choose
from sandbox.errors import BackendUnavailable
from tests.attacks.at_work import at_work
from tests.lineage.world import World


@pytest.fixture(scope="session")
def good_history(tmp_path_factory):
    return World.with_history(tmp_path_factory.mktemp("good") / "workspace")


@pytest.fixture
def world(good_history, tmp_path):
    return good_history.copy(tmp_path / "workspace")


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def wall(request, cache):
    """A real wall, ready for scaffolds that a model leads astray."""
    try:
        made = choose(request.param, cache)
        made.prepare()
    except BackendUnavailable as error:
        pytest.skip(f"{request.param}: {error}")
    yield made
    made.close()


@pytest.fixture
def works(wall, tmp_path):
    """Let the template's scaffold work with a model that says these things; return what came of it."""
    with contextlib.ExitStack() as stack:
        numbers = itertools.count()
        yield lambda *steps, **options: stack.enter_context(
            at_work(wall, tmp_path / str(next(numbers)), list(steps), **options)
        )
