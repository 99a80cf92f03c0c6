"""From a workspace's `suites/*.toml` to suites. The files are always the parent's: a candidate never picks its exam."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from agent.edits.tree import Tree
from agent.errors import BadSettings
from agent.evaluate.corpus import open_corpus
from agent.evaluate.inside import survey
from agent.evaluate.limits import limits_of
from agent.evaluate.skill_edit import EditSettings, open_edit_suite
from agent.evaluate.skill_search import SearchSettings, SearchSuite
from agent.evaluate.suite import Suite
from agent.workspace import Settings, SuiteSettings
from sandbox.contract import Backend, Runtime

SuiteFile = SearchSettings | EditSettings

_FILE: TypeAdapter[SuiteFile] = TypeAdapter(Annotated[SuiteFile, Field(discriminator="kind")])


def load_suites(
    base: Tree, settings: Settings, runtime: Runtime, cache: Path, progress: Callable[[str], None], *, backend: Backend
) -> tuple[Suite, ...]:
    """Return the suites that `settings` names, read from `base`, in the order of `settings`.

    `backend` is asked once for each runtime what its inside gives away. Raises `BadSettings` for a missing or invalid
    file, `SandboxDown` when the benchmark data cannot be made.
    """
    inside = survey(backend, limits_of(settings.sandbox))

    def load(entry: SuiteSettings) -> Suite:
        file = parse_suite(base, entry.name)
        if isinstance(file, SearchSettings):
            corpus = open_corpus(runtime, file.plan, inside, cache, progress)
            return SearchSuite(entry.name, file, corpus, objective=entry.objective)
        return open_edit_suite(entry.name, file, runtime, objective=entry.objective)

    return tuple(load(entry) for entry in settings.suites)


def parse_suite(base: Tree, name: str) -> SuiteFile:
    """Return the parsed `suites/<name>.toml` of a tree; raise `BadSettings` with the place and the reason."""
    path = f"suites/{name}.toml"
    if path not in base:
        raise BadSettings(f"{path} is missing", why="successor.toml names the suite")
    try:
        return _FILE.validate_python(tomllib.loads(base[path].content.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path} is not UTF-8", why=str(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path} is not valid TOML", why=str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise BadSettings(f"{path}: {place}", why=first["msg"]) from error
    except (ValueError, RecursionError) as error:
        raise BadSettings(f"{path} cannot be read", why="it is nested too deep or holds a number too long") from error
