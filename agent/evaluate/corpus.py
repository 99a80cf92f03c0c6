"""The data of the search suite: files without docstrings, and the docstrings as questions about where they are from.

Made from the standard library of the runtime: the originals stay on the host, the stripped files are what a sandbox
sees. Each split has its own folder with only its own files. Built once for a runtime and a configuration, then cached.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.digest import canonical_json, sha256
from agent.errors import SandboxDown
from agent.evaluate.dice import draw
from agent.evaluate.docstrings import first_sentence, may_have_docstrings, questions
from agent.evaluate.inside import Inside
from agent.evaluate.modules import Module, list_modules, split_families
from agent.evaluate.suite import SPLITS, Split
from sandbox.cache import made_once
from sandbox.contract import Runtime
from sandbox.errors import SandboxError
from sandbox.transfer import stage

FORM = 2
"""Raised whenever the way a corpus is made changes, so that no cache of the old way is read."""


@dataclass(frozen=True, slots=True)
class CorpusPlan:
    """What decides a corpus besides the runtime."""

    seed: int
    dev: int
    """At most this many questions in the dev split."""
    heldout: int
    """And in the held-out split."""
    per_file: int
    """At most this many about one file, so that no large module decides the score."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the file it is from."""

    id: str
    text: str
    answer: str
    family: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Both sides of the data, on the host."""

    digest: str
    folders: Mapping[Split, Path]
    files: Mapping[Split, tuple[str, ...]]
    queries: Mapping[Split, tuple[Query, ...]]


def open_corpus(
    runtime: Runtime, plan: CorpusPlan, inside: Inside, cache: Path, progress: Callable[[str], None]
) -> Corpus:
    """Return the corpus of a runtime and a plan, from the cache or newly built."""
    name = sha256(canonical_json({"form": FORM, "runtime": runtime.digest, "plan": asdict(plan)}))
    folder = cache / "corpus" / name.removeprefix("sha256:")[:32]

    def build(partial: Path) -> None:
        progress("building the search benchmark from the standard library")
        _build(runtime, plan, inside, partial)

    try:
        return _read(made_once(folder, build))
    except (OSError, SandboxError) as error:
        raise SandboxDown("the search benchmark could not be built", why=str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SandboxDown("a cached benchmark cannot be read", mend=f"Remove {folder} and try again") from error


def _build(runtime: Runtime, plan: CorpusPlan, inside: Inside, folder: Path) -> None:
    """Write a new corpus into an empty folder."""
    modules = list_modules(runtime.stripped_stdlib, runtime.frozen)
    dressed = next((module.path for module in modules if may_have_docstrings(module.stripped)), None)
    if dressed is not None:
        raise SandboxDown("the stripped standard library still has docstrings", why=f"for one, {dressed}")
    sides = split_families(modules, plan.seed)
    queries = _choose(_collect(runtime.stdlib, modules, inside), sides, plan)
    files: dict[Split, tuple[str, ...]] = {
        split: tuple(module.path for module in modules if sides[module.family] == split) for split in SPLITS
    }
    contents = {module.path: module.stripped for module in modules}
    digests = {split: {path: sha256(contents[path]) for path in files[split]} for split in SPLITS}
    for split in SPLITS:
        stage({path: (contents[path], False) for path in files[split]}, folder / _name(digests[split]))
    record = {
        "files": digests,
        "queries": {split: [asdict(query) for query in queries[split]] for split in SPLITS},
    }
    (folder / "corpus.json").write_bytes(canonical_json(record))


def _collect(stdlib: Path, modules: Sequence[Module], inside: Inside) -> list[Query]:
    """Return all questions that have one answer and whose text cannot be read inside."""
    homes: dict[str, set[str]] = defaultdict(set)
    families = {module.path: module.family for module in modules}
    for module in modules:
        original = stdlib / module.path
        if original.is_file():
            for text in questions(original.read_bytes()):
                homes[text].add(module.path)
    by_sentence: dict[str, set[str]] = defaultdict(set)
    for text, paths in homes.items():
        by_sentence[first_sentence(text)] |= paths
    given_away = inside(sorted(by_sentence))
    unique = [(text, *paths) for text, paths in homes.items() if len(by_sentence[first_sentence(text)]) == 1]
    return [
        Query("q" + draw(0, text).hex()[:16], text, path, families[path])
        for text, path in unique
        if first_sentence(text) not in given_away
    ]


def _choose(queries: Sequence[Query], sides: Mapping[str, Split], plan: CorpusPlan) -> dict[Split, tuple[Query, ...]]:
    """Draw the questions of each split, at most `per_file` about one file, ordered by ID."""
    chosen: dict[Split, list[Query]] = {split: [] for split in SPLITS}
    room: dict[Split, int] = {"dev": plan.dev, "heldout": plan.heldout}
    about: dict[str, int] = defaultdict(int)
    for query in sorted(queries, key=lambda query: draw(plan.seed, "query", query.text)):
        side = chosen[sides[query.family]]
        if len(side) < room[sides[query.family]] and about[query.answer] < plan.per_file:
            about[query.answer] += 1
            side.append(query)
    for split, side in chosen.items():
        if not side:
            raise SandboxDown(
                f"no question is left for the {split} split",
                why="every docstring of the standard library can be read inside the sandbox, or there are none",
                mend="Check the runtime with: successor doctor",
            )
    return {split: tuple(sorted(side, key=lambda query: query.id)) for split, side in chosen.items()}


def _name(files: Mapping[str, str]) -> str:
    """Name the folder of one split by nothing but what is in it: the kernel tells inside where a mount came from."""
    return sha256(canonical_json(dict(files))).removeprefix("sha256:")[:32]


def _read(folder: Path) -> Corpus:
    """Read a corpus back and check that its files are the ones it was made of."""
    content = (folder / "corpus.json").read_bytes()
    record: dict[str, Any] = json.loads(content)
    folders = {split: folder / _name(record["files"][split]) for split in SPLITS}
    for split in SPLITS:
        for path, digest in record["files"][split].items():
            if sha256((folders[split] / path).read_bytes()) != digest:
                raise SandboxDown(f"a cached benchmark file was changed: {path}", mend=f"Remove {folder} and try again")
    return Corpus(
        digest=sha256(content),
        folders=folders,
        files={split: tuple(record["files"][split]) for split in SPLITS},
        queries={split: tuple(Query(**query) for query in record["queries"][split]) for split in SPLITS},
    )
