"""One good history for all tests of lineage; whoever wants to change it takes a copy."""

import pytest

from tests.lineage.world import World


@pytest.fixture(scope="session")
def good_history(tmp_path_factory):
    return World.with_history(tmp_path_factory.mktemp("good") / "workspace")


@pytest.fixture
def world(good_history, tmp_path):
    return good_history.copy(tmp_path / "workspace")
