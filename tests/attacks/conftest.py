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


def opened(kind, cache):
    """A real wall, ready for scaffolds that a model leads astray."""
    try:
        made = choose(kind, cache)
        made.prepare()
    except BackendUnavailable as error:
        pytest.skip(f"{kind}: {error}")
    return made


WALLS = [
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("docker", marks=pytest.mark.docker),
]


@pytest.fixture(scope="session", params=WALLS)
def wall(request, cache):
    """Each wall."""
    made = opened(request.param, cache)
    yield made
    made.close()


@pytest.fixture(scope="session", params=WALLS[:1])
def one_wall(request, cache):
    """One wall, for what depends on the scaffold and the broker alone."""
    made = opened(request.param, cache)
    yield made
    made.close()


def working(wall, folder, stack):
    numbers = itertools.count()
    return lambda *steps, **options: stack.enter_context(
        at_work(wall, folder / str(next(numbers)), list(steps), **options)
    )


@pytest.fixture
def works(one_wall, tmp_path):
    """Let the template's scaffold work with a model that says these things; return what came of it."""
    with contextlib.ExitStack() as stack:
        yield working(one_wall, tmp_path, stack)


@pytest.fixture
def works_behind_each(wall, tmp_path):
    """The same, behind each wall."""
    with contextlib.ExitStack() as stack:
        yield working(wall, tmp_path, stack)
