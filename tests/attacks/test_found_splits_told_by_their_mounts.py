"""A candidate that knows whether it is being judged: /proc/self/mountinfo tells where each mount came from.

The folder of the held-out files was named `heldout`, so that a scaffold could do one thing on dev and another there.
"""

import pytest

from agent.evaluate.corpus import CorpusPlan, open_corpus
from sandbox.choose import choose
from sandbox.contract import MIB, Command, Limits, Mount
from sandbox.errors import BackendUnavailable
from tests.evaluate.conftest import library  # noqa: F401  # a fixture

LIMITS = Limits(memory=256 * MIB, tmp=16 * MIB, work=32 * MIB)
PLAN = CorpusPlan(seed=3, dev=20, heldout=20, per_file=5)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def test_the_name_of_a_split_is_not_seen_inside(name, cache, library, tmp_path):  # noqa: F811  # the fixture
    try:
        backend = choose(name, cache)
    except BackendUnavailable as error:
        pytest.skip(f"{name}: {error}")
    corpus = open_corpus(library, PLAN, lambda _: frozenset(), tmp_path / "kept", lambda _: None)
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    try:
        for split, folder in corpus.folders.items():
            with backend.start((Mount(folder, "/corpus", lasting=True),), LIMITS) as sandbox:
                seen = sandbox.run(Command(("grep", " /corpus ", "/proc/self/mountinfo"), 20)).stdout.decode()
            came_from = seen.split()[3].split("/")
            assert folder.name in came_from
            assert split not in came_from
    finally:
        backend.close()
