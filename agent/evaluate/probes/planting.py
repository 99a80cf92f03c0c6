"""Which faults are planted where: a few copies of parent and candidate, each broken in one way, with a few tests.

Everything is drawn from the trees, so that who asks twice gets the same; and bounded, because each copy is a run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from agent.edits.tree import File, Tree
from agent.evaluate.dice import Dice, shuffled
from agent.evaluate.probes.faults import Fault, blackout, break_finely, definitions, doom, fine, gross
from agent.evaluate.probes.probe import parse
from agent.evaluate.probes.units import Unit, called_on_import, fixtures, module_of, test_files, units, words
from agent.evaluate.visible import JUDGE_FOLDERS, within

MOST_DEFINITIONS = 4
MOST_OLD_FILES = 3
"""Test files that the candidate left alone and that are run again on broken copies."""
MOST_NEW_FILES = 6
MOST_BYTES = 400_000
"""Of sources in which every function is broken at once; beyond it, only of those that changed."""

Side = Literal["base", "tree"]
_BUILTIN = frozenset(name for kind in (dict, list, set, str, bytes, int, tuple, object) for name in dir(kind))


@dataclass(frozen=True, slots=True)
class Planted:
    """One copy. `control` is broken nowhere, `blackout` everywhere; in `doomed` it is a test that is broken."""

    side: Side
    kind: Literal["control", "blackout", "gross", "fine", "doomed"]
    place: str
    what: str
    tree: Tree


@dataclass(frozen=True, slots=True)
class Plot:
    """What is planted, and what judging it needs to know of the tests."""

    planted: tuple[Planted, ...] = ()
    old: Mapping[str, Unit] | None = None
    """Tests of the parent, by ID."""
    new: Mapping[str, Unit] | None = None
    vanished: frozenset[str] = frozenset()
    """Names of functions that the candidate has no more."""
    data: frozenset[str] = frozenset()
    """Names that modules of the candidate bind to something else than a function."""
    spared: frozenset[str] = frozenset()
    """Functions that are whole in a blackout too, because they run on import."""

    def changed(self) -> list[Unit]:
        """The tests that the candidate brings or changed."""
        old = self.old or {}
        return [unit for unit in (self.new or {}).values() if unit.id not in old or old[unit.id].shape != unit.shape]


@lru_cache(maxsize=8)
def plot(base: Tree, tree: Tree, folder: str, seed: int) -> Plot:
    """Return what is planted in a candidate and its parent; nothing where neither code nor tests changed."""
    sides: dict[Side, Tree] = {"base": base, "tree": tree}
    sources = {side: _sources(each, folder) for side, each in sides.items()}
    altered = [path for path in sources["tree"] if base.get(path) != tree[path]]
    plain = Plot(old=units(base, folder), new=units(tree, folder))
    brought = plain.changed()
    if not altered and not brought:
        return plain
    chosen = _choose(base, tree, folder, altered, brought)
    few = {side: _only(each, folder, chosen, both=(base, tree)) for side, each in sides.items()}
    planted = [Planted(side, "control", "", "", each) for side, each in few.items()]
    planted += [
        Planted(side, "blackout", "", "", _dark(each, sources[side], folder, altered)) for side, each in few.items()
    ]
    dice = Dice(seed, "faults", base.digest, tree.digest)
    planted += _faults(few, altered, brought, dice)
    planted += _doomed(few["tree"], [test for test, unit in (plain.new or {}).items() if unit.path in chosen], dice)
    names = {side: {n for path in sources[side] for n in _names(each, path)} for side, each in sides.items()}
    return Plot(
        tuple(planted), plain.old, plain.new, frozenset(names["base"] - names["tree"]),
        frozenset(_data(tree, sources["tree"])), _spared(few["tree"], sources["tree"], folder),
    )  # fmt: skip


def _sources(tree: Tree, folder: str) -> list[str]:
    """Python files that are neither tests, nor set them up, nor the judge's."""
    others = (folder, *JUDGE_FOLDERS)
    return sorted(path for path in tree if path.endswith(".py") and not within(path, others) and not _tests(path))


def _tests(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"


def _choose(base: Tree, tree: Tree, folder: str, altered: list[str], brought: list[Unit]) -> list[str]:
    """Return the test files to run: those with new tests, and a few old ones that name what changed, cheap first."""
    new = sorted({unit.path for unit in brought})[:MOST_NEW_FILES]
    modules = [module_of(path) for path in altered]
    names = {name.rpartition(".")[2] for path in altered for name in changed_definitions(base, tree, path)}
    offered = frozenset().union(*fixtures(tree, folder).values())
    ranked = []
    for path in test_files(base, folder):
        found = words(base[path].content)
        near = sum(any(word == m or word.startswith(m + ".") for word in found) for m in modules)
        if path not in new and path in tree and near:
            ranked.append((bool(found & offered), -near, -len(found & names), path))
    return [*new, *(path for *_, path in sorted(ranked)[:MOST_OLD_FILES])]


def _only(tree: Tree, folder: str, chosen: Sequence[str], *, both: tuple[Tree, Tree]) -> Tree:
    """Return a tree with no other tests than the chosen; without conftest files that nobody there asks for."""
    asked = frozenset().union(*(words(tree[path].content) for path in chosen if path in tree))
    spare = {
        path
        for path, offered in fixtures(tree, folder).items()
        if not offered & (asked | {"*"}) and both[0].get(path) == both[1].get(path)
    }
    dropped = (set(test_files(tree, folder)) - set(chosen)) | spare
    return Tree({path: file for path, file in tree.items() if path not in dropped})


def _dark(tree: Tree, sources: list[str], folder: str, altered: list[str]) -> Tree:
    """Return a tree in which every function fails, but for those that run while its files are imported."""
    spared = _spared(tree, sources, folder)
    small = sum(len(tree[path].content) for path in sources) <= MOST_BYTES
    broken = [path for path in sources if small or path in altered]
    return Tree({**tree, **{path: File(blackout(tree[path].content, spared)) for path in broken}})


def _spared(tree: Tree, sources: list[str], folder: str) -> frozenset[str]:
    left = [path for path in tree if within(path, (folder,)) and path.endswith(".py")]
    return called_on_import(tree, [*sources, *left])


def changed_definitions(base: Tree, tree: Tree, path: str) -> list[str]:
    """Return the functions of a file that the candidate wrote or changed, by qualified name."""
    before = definitions(base[path].content) if path in base else {}
    after = definitions(tree[path].content)
    return [name for name, node in after.items() if name not in before or not node.deep_equals(before[name])]


def _faults(few: Mapping[Side, Tree], altered: list[str], brought: list[Unit], dice: Dice) -> list[Planted]:
    base, tree = few["base"], few["tree"]
    found = [(path, name) for path in altered for name in changed_definitions(base, tree, path)]
    found = shuffled(found, 0, dice.seed_bytes().hex())
    tested = {(path, name) for path, name in found if any(calls(unit, path, name, tree) for unit in brought)}
    found.sort(key=lambda one: one not in tested)
    planted: list[Planted] = []
    for path, name in found[:MOST_DEFINITIONS]:
        mine = gross(tree[path].content, name)
        theirs = gross(base[path].content, name) if path in base else ()
        planted += [_plant("base", base, path, fault) for fault in theirs[:1]]
        planted += [_plant("tree", tree, path, fault) for fault in (mine if (path, name) in tested else mine[:1])]
        both = set(fine(base[path].content, name)) if theirs else set()
        shared = [what for what in fine(tree[path].content, name) if what in both]
        if shared:
            what = dice.pick(shared)
            pair = [break_finely(side[path].content, name, what) for side in (base, tree)]
            if pair[0] and pair[1]:
                planted += [_plant("base", base, path, pair[0]), _plant("tree", tree, path, pair[1])]
    return planted


def _doomed(tree: Tree, tests: list[str], dice: Dice) -> Iterator[Planted]:
    """Yield a copy in which one test, drawn from those that run, cannot pass."""
    for test in shuffled(sorted(tests), 0, dice.seed_bytes().hex()):
        path, _, name = test.partition("::")
        source = doom(tree[path].content, name.replace("::", "."))
        if source is not None:
            yield Planted("tree", "doomed", test, "it cannot pass", Tree({**tree, path: File(source)}))
            return


def _plant(side: Side, tree: Tree, path: str, fault: Fault) -> Planted:
    kind: Literal["gross", "fine"] = "gross" if fault.gross else "fine"
    broken = Tree({**tree, path: File(fault.source, tree[path].executable)})
    return Planted(side, kind, f"{path}::{fault.name}", fault.what, broken)


def calls(unit: Unit, path: str, name: str, tree: Tree) -> bool:
    """Whether a test calls a definition by name, as far as that is plain: a method's class must be named beside it."""
    owner, _, last = name.rpartition(".")
    if last == "__init__":
        return owner.rpartition(".")[2] in unit.calls
    if last in _BUILTIN or last not in unit.calls:
        return False
    named = words(tree[unit.path].content) if unit.path in tree else frozenset()
    return (
        owner.rpartition(".")[2] in named if owner else bool({module_of(path), module_of(path).split(".")[0]} & named)
    )


def _names(tree: Tree, path: str) -> Iterator[str]:
    return (name.rpartition(".")[2] for name in definitions(tree[path].content))


def _data(tree: Tree, sources: list[str]) -> Iterator[str]:
    """Names of constants, and of classes without a function of their own."""
    for path in sources:
        module = parse(tree[path].content)
        for node in module.body if module else ():
            if isinstance(node, ast.ClassDef) and not any(isinstance(part, ast.FunctionDef) for part in node.body):
                yield node.name
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (target.id for target in targets if isinstance(target, ast.Name))
