import pytest

from agent.edits.tree import File, Tree
from agent.propose.catalogue import Catalogue
from agent.propose.mind import Library
from agent.propose.mutations import apply_mutation
from agent.propose.reach import reachable
from agent.workspace import Zones

ZONES = Zones(mind=["mind/**"], kept=["mind/kept/**"])


@pytest.fixture(scope="session")
def zones():
    return ZONES


@pytest.fixture(scope="session")
def tree_of():
    def tree_of(files):
        return Tree({path: File(code.encode() if isinstance(code, str) else code) for path, code in files.items()})

    return tree_of


@pytest.fixture
def library():
    return Library(ZONES)


@pytest.fixture
def catalogue(library):
    def catalogue(tree, entry_points=()):
        mind = library.mind(tree)
        return Catalogue(mind, reachable(mind, entry_points))

    return catalogue


@pytest.fixture
def results(library, catalogue, tree_of):
    """Every text that mutations of a kind can make of one file."""

    def results(kind, files):
        tree = tree_of(files if isinstance(files, dict) else {"mind/a.py": files})
        mutations = [m for found in catalogue(tree).of(kind).values() for m in found]
        grown = [(m, apply_mutation(tree, m, library)) for m in mutations]
        return {new[m.path].content.decode() for m, new in grown if new is not None}

    return results
