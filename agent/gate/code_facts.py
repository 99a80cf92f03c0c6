"""What a patch lets the code do that it could not do before, read from syntax.

Each risky place of base and result is an *occurrence*: its kind, its qualified name, and the call around it with
numbers erased. The patch adds the occurrences of the result that the base does not have, wherever they stood: code that
moves adds nothing, a changed timeout adds nothing, and a changed command line counts as a new one. This sees names, not
flows: it makes the plain ways of reaching for more visible and the devious ones conspicuous. The wall is the sandbox.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain

from agent.edits.tree import File
from agent.gate.document import Capability, CodeFacts, ImportFact, Remark, capped
from agent.gate.occurrences import Occurrence, occurrences
from agent.gate.patch_facts import changed_paths, text_of
from agent.gate.source import MAX_REMEMBERED, Sources, Unparsable, imported_modules, is_python, is_test, parse

MAX_NAME = 200

_SUPPRESSION = re.compile(
    r"#\s*(noqa|type:\s*ignore|pragma:\s*no\s*cover|nosec|pylint:|mypy:|pyright:|ruff:|flake8:|fmt:\s*(?:off|skip)|isort:)"
)
# Modules that come with the test runner, whose names a file of the candidate could take.
_RUNNER_MODULES = frozenset({"pytest", "_pytest", "pluggy", "py", "iniconfig", "packaging", "pygments", "hypothesis"})

_Reader = Callable[[Sources, str], Iterable[Occurrence]]


def code_facts(base: Sources, result: Sources) -> CodeFacts:
    """Compare the Python code of two trees."""
    changed = changed_paths(base.tree, result.tree)
    return CodeFacts(
        capabilities=capped(
            chain(_shadowing(base, result, changed), _capabilities(_added(base, result, changed, _risky)))
        ),
        imports=capped(_import_facts(base, result, _added(base, result, changed, _imports))),
        suppressions=capped(
            Remark(path=path, line=seen.line, what=seen.name)
            for path, seen in _added(base, result, changed, _suppressions)
        ),
        unparsable=capped(_unparsable(result, changed)),
    )


def _added(base: Sources, result: Sources, paths: Iterable[str], read: _Reader) -> Iterator[tuple[str, Occurrence]]:
    """Yield path and occurrence for what the result has more often than the base.

    What a file kept is matched within the file first, so that the places named are those that the patch wrote.
    """
    gone: Counter[str] = Counter()
    extra: list[tuple[str, Occurrence]] = []
    for path in paths:
        before = Counter(seen.key for seen in read(base, path))
        for seen in sorted(read(result, path), key=lambda seen: (seen.line, seen.kind, seen.name)):
            if before[seen.key] > 0:
                before[seen.key] -= 1
            else:
                extra.append((path, seen))
        gone.update(before)
    for path, seen in extra:
        if gone[seen.key] > 0:
            gone[seen.key] -= 1
        else:
            yield path, seen


def _risky(sources: Sources, path: str) -> Iterable[Occurrence]:
    module, file = sources.module(path), sources.tree.get(path)
    if module is None or file is None or len(file.content) > MAX_REMEMBERED:
        return occurrences(module, path, sources.names) if module else ()
    return _in_file(file, path, sources.names)


@lru_cache(maxsize=256)
def _in_file(file: File, path: str, names: frozenset[str]) -> tuple[Occurrence, ...]:
    """The risky places of one file. Those of a base are asked for with each of its candidates."""
    module = parse(file)
    return () if isinstance(module, Unparsable) else occurrences(module, path, names)


def _imports(sources: Sources, path: str) -> Iterable[Occurrence]:
    module = sources.module(path)
    for name, line in imported_modules(module) if module else ():
        yield Occurrence("import", name, line, f"{name} {is_test(path)}")


def _suppressions(sources: Sources, path: str) -> Iterable[Occurrence]:
    file = sources.tree.get(path)
    for number, line in enumerate((text_of(file) or "").split("\n") if is_python(path, file) else (), start=1):
        for found in _SUPPRESSION.finditer(line):
            name = re.sub(r"\s+", " ", found[1])
            yield Occurrence("suppression", name, number, name)


def _capabilities(added: Iterable[tuple[str, Occurrence]]) -> Iterator[Capability]:
    for path, seen in added:
        yield _capability(seen.kind, seen.name[:MAX_NAME], path, seen.line)


def _capability(kind: str, name: str, path: str, line: int) -> Capability:
    where = "tests" if is_test(path) else "mind"
    return Capability.model_validate({"kind": kind, "name": name, "path": path, "line": line, "where": where})


def _shadowing(base: Sources, result: Sources, changed: Iterable[str]) -> Iterator[Capability]:
    """A new module that `import json` would find before the real one: outside any package, and named like another."""
    for path in changed:
        if path in base.tree or not is_python(path, result.tree.get(path)):
            continue
        module = path.removesuffix("/__init__.py")
        folder, _, name = module.rpartition("/")
        stem = name.split(".")[0]
        in_package = f"{folder}/__init__.py" in result.tree
        if not in_package and (stem in sys.stdlib_module_names or stem in _RUNNER_MODULES):
            yield _capability("patching", f"takes the name of {stem}", path, 1)


def _import_facts(base: Sources, result: Sources, added: Iterable[tuple[str, Occurrence]]) -> Iterator[ImportFact]:
    known: dict[bool, frozenset[str]] = {}
    for path, seen in added:
        top = seen.name.split(".")[0]
        origin = "own" if _is_own(top, path, result) else "stdlib" if top in sys.stdlib_module_names else "third_party"
        if not known:  # reading all of the base is only worth it once there is something to ask
            known = {tests: _known_modules(base, tests=tests) for tests in (False, True)}
        fact = {"module": seen.name[:MAX_NAME], "path": path, "line": seen.line, "origin": origin}
        yield ImportFact.model_validate({**fact, "known": top in known[is_test(path)]})


def _is_own(top: str, path: str, result: Sources) -> bool:
    """Whether a module is the workspace's: a relative import, a package at the top, or a file beside the importer."""
    folder = path.rpartition("/")[0]
    beside = (f"{folder}/{top}.py", f"{folder}/{top}/__init__.py")
    return not top or any(p.startswith(f"{top}/") or p in (f"{top}.py", *beside) for p in result.tree)


def _known_modules(base: Sources, *, tests: bool) -> frozenset[str]:
    """Top-level modules that the base imports anywhere; for the mind, what only its tests use is new."""
    modules = (base.module(path) for path in base.tree if tests or not is_test(path))
    return frozenset(name.split(".")[0] for module in modules if module for name, _ in imported_modules(module))


def _unparsable(result: Sources, changed: Iterable[str]) -> Iterator[Remark]:
    for path in changed:
        parsed = result.parse(path) if is_python(path, result.tree.get(path)) else None
        if isinstance(parsed, Unparsable):
            yield Remark(path=path, line=parsed.line, what=parsed.why)
