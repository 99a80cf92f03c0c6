"""From a workspace's `suites/*.toml` to suites. The files are always the parent's: a candidate never picks its exam."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from agent.candidate import LeftOut
from agent.edits.tree import Tree
from agent.errors import BadSettings, Refused
from agent.evaluate.corpus import open_corpus
from agent.evaluate.harbor.settings import HarborSettings
from agent.evaluate.harbor.suite import HarborSuite, open_harbor_suite
from agent.evaluate.inside import survey
from agent.evaluate.limits import limits_of
from agent.evaluate.skill_edit import EditSettings, open_edit_suite
from agent.evaluate.skill_search import SearchSettings, SearchSuite
from agent.evaluate.suite import SPLITS, ModelSuite, Suite
from agent.workspace import Settings, SuiteSettings, read_toml
from sandbox.contract import Backend, Runtime

SuiteFile = SearchSettings | EditSettings | HarborSettings

_FILE: TypeAdapter[SuiteFile] = TypeAdapter(Annotated[SuiteFile, Field(discriminator="kind")])


def load_suites(
    base: Tree,
    settings: Settings,
    runtime: Runtime,
    cache: Path,
    progress: Callable[[str], None],
    *,
    backend: Backend,
    no_model: str = "",
) -> tuple[tuple[Suite, ...], tuple[LeftOut, ...]]:
    """Return the suites that `settings` names, read from `base`, in the order of `settings`, and what was left out.

    `backend` is asked once for each runtime what its inside gives away. `no_model` says why there is no model, where
    there is none: then optional suites that need one are left out, and any other raises `Refused`. Raises `BadSettings`
    for a missing or invalid file, `SandboxDown` when the benchmark data cannot be made.
    """
    inside = survey(backend, limits_of(settings.sandbox))

    def load(entry: SuiteSettings) -> Suite | LeftOut:
        file = parse_suite(base, entry.name)
        if isinstance(file, HarborSettings):
            if no_model:
                return _left_out(entry, no_model)
            return _with_tasks(
                entry,
                open_harbor_suite(
                    entry.name, file, base, runtime, backend, objective=entry.objective, progress=progress
                ),
            )
        if isinstance(file, SearchSettings):
            corpus = open_corpus(runtime, file.plan, inside, cache, progress)
            return SearchSuite(entry.name, file, corpus, objective=entry.objective)
        return open_edit_suite(entry.name, file, runtime, objective=entry.objective)

    loaded = [load(entry) for entry in settings.suites]
    suites = tuple(each for each in loaded if not isinstance(each, LeftOut))
    return suites, tuple(each for each in loaded if isinstance(each, LeftOut)) + _tasks_left_out(suites)


def _left_out(entry: SuiteSettings, no_model: str) -> LeftOut:
    if not entry.optional:
        raise Refused(
            f"suite {entry.name} needs a model",
            why=no_model,
            mend="Set ANTHROPIC_API_KEY, name a file with --model local:FILE, or say optional = true for the suite",
        )
    return LeftOut(suite=entry.name, task="", why=f"it needs a model: {no_model}")


def _with_tasks(entry: SuiteSettings, suite: HarborSuite) -> HarborSuite | LeftOut:
    """Return the suite; where not one of its tasks can be run here, it is left out like one that needs a model."""
    if not suite.left_out or any(suite.tasks(split) for split in SPLITS):
        return suite
    suite.close()
    names = ", ".join(task for task, _ in suite.left_out)
    why = f"none of its tasks can be run here: {suite.left_out[0][1]} ({names[:300]})"
    if not entry.optional:
        raise Refused(
            f"suite {entry.name} cannot be measured here",
            why=why,
            mend="Use docker, or say optional = true for the suite",
        )
    return LeftOut(suite=entry.name, task="", why=why)


def _tasks_left_out(suites: tuple[Suite, ...]) -> tuple[LeftOut, ...]:
    """Single tasks that this machine cannot run."""
    return tuple(
        LeftOut(suite=suite.name, task=task, why=why)
        for suite in suites
        if isinstance(suite, ModelSuite)
        for task, why in suite.left_out
    )


def parse_suite(base: Tree, name: str) -> SuiteFile:
    """Return the parsed `suites/<name>.toml` of a tree; raise `BadSettings` with the place and the reason."""
    path = f"suites/{name}.toml"
    if path not in base:
        raise BadSettings(f"{path} is missing", why="successor.toml names the suite")
    try:
        return _FILE.validate_python(read_toml(base[path].content.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path} is not UTF-8", why=str(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path} is not valid TOML", why=str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise BadSettings(f"{path}: {place}", why=first["msg"]) from error
    except (ValueError, RecursionError) as error:
        raise BadSettings(f"{path} cannot be read", why="it is nested too deep or holds what is too long") from error
