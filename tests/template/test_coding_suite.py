"""The shipped suite of coding tasks: whole, balanced, and able to tell an answer from none and from an attack."""

from __future__ import annotations

import ast
import hashlib
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.edits.tree import File, Tree
from agent.evaluate.catalogue import parse_suite
from agent.evaluate.harbor.environment import read_dockerfile
from agent.evaluate.harbor.grade import Grader
from agent.evaluate.harbor.settings import HarborSettings
from agent.evaluate.harbor.suite import HarborSuite, open_harbor_suite
from agent.evaluate.harbor.task import SOLUTION, TAMPERING, HarborTask, read_task
from agent.evaluate.harbor.trial import grader_of
from agent.evaluate.suite import FULL
from sandbox.attempt import Work, attempt
from sandbox.choose import choose
from sandbox.contract import Backend, Limits, Mount
from sandbox.errors import BackendUnavailable

TEMPLATE = Path(__file__).parents[2] / "workspace_template"
FOLDER = TEMPLATE / "suites" / "coding"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
SCRIPTS = ("tests/test.sh", SOLUTION, TAMPERING)
CATEGORIES = {"bug": 5, "refactor": 5, "feature": 5, "repair": 5, "performance": 4}
DIFFICULTIES = {"easy": 8, "medium": 10, "hard": 6}
SPLITS = {"dev": 12, "heldout": 12}
FAMILIES_A_SPLIT = 8
MOST_BYTES = 360_000
SOLVING_SECONDS = 60


def files_of(name: str) -> dict[str, File]:
    paths = [path for path in (FOLDER / name).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {
        path.relative_to(FOLDER / name).as_posix(): File(path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in paths
    }


def task_of(name: str) -> HarborTask:
    return read_task(name, files_of(name), name)


def metadata(name: str) -> dict[str, str]:
    found: dict[str, str] = tomllib.loads((FOLDER / name / "task.toml").read_text())["metadata"]
    return found


def test_there_are_as_many_of_each_kind_as_was_meant() -> None:
    tasks = [metadata(name) for name in NAMES]

    assert Counter(task["category"] for task in tasks) == CATEGORIES
    assert Counter(task["difficulty"] for task in tasks) == DIFFICULTIES
    assert Counter(task["split"] for task in tasks) == SPLITS


@pytest.mark.parametrize("key", ["category", "difficulty"])
def test_both_splits_are_alike(key: str) -> None:
    by_split = {
        split: Counter(metadata(name)[key] for name in NAMES if metadata(name)["split"] == split) for split in SPLITS
    }
    kinds = set(by_split["dev"]) | set(by_split["heldout"])

    assert [kind for kind in kinds if abs(by_split["dev"][kind] - by_split["heldout"][kind]) > 1] == []


def test_no_family_is_in_both_splits_and_each_split_has_many() -> None:
    families = {
        split: {metadata(name)["family"] for name in NAMES if metadata(name)["split"] == split} for split in SPLITS
    }

    assert not families["dev"] & families["heldout"]
    assert all(len(found) >= FAMILIES_A_SPLIT for found in families.values())


def test_the_suite_is_small() -> None:
    assert sum(len(file.content) for name in NAMES for file in files_of(name).values()) <= MOST_BYTES


def test_all_tasks_reach_their_answer_in_the_same_way() -> None:
    for path in ("tests/conftest.py", "tests/test.sh"):
        assert len({hashlib.sha256(files_of(name)[path].content).digest() for name in NAMES}) == 1, path


@pytest.mark.parametrize("name", NAMES)
def test_a_task_has_its_fields_and_files(name: str) -> None:
    task = task_of(name)
    parsed = tomllib.loads((FOLDER / name / "task.toml").read_text())

    assert parsed["schema_version"] == "1.4"
    assert parsed["task"]["name"] == f"successor/{name}"
    assert set(parsed["metadata"]) == {"split", "family", "category", "difficulty"}
    assert parsed["verifier"]["environment_mode"] == "separate"
    assert parsed["environment"]["network_mode"] == "no-network"
    assert 0 < parsed["verifier"]["timeout_sec"] <= parsed["agent"]["timeout_sec"]
    assert all(task.files[script].executable for script in SCRIPTS)
    assert {path.split("/")[0] for path in task.files} == {
        "task.toml", "instruction.md", "environment", "tests", "solution", "tampering",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_instruction_is_short_and_says_nothing_of_the_judge(name: str) -> None:
    text = task_of(name).instruction

    assert 2 <= len(text.strip().split("\n")) <= 20
    assert not [word for word in ("hidden", "/tests", "grade", "verifier", "oracle", "reward") if word in text.lower()]


@pytest.mark.parametrize("name", NAMES)
def test_an_environment_holds_programs_and_neither_answers_nor_hidden_tests(name: str) -> None:
    task = task_of(name)
    given = read_dockerfile(task.files["environment/Dockerfile"].content.decode(), task.below("environment")).files
    tests = {line.strip() for line in task.files["tests/test_outputs.py"].content.decode().split("\n")}

    assert given == task.below("environment/app")
    assert given
    for path, file in given.items():
        text = file.content.decode()
        ast.parse(text) if path.endswith(".py") else None
        visible = path.rsplit("/", 1)[-1].startswith("test_")
        assert not visible or metadata(name)["category"] == "repair"
        shared = [line for line in map(str.strip, text.split("\n")) if line.startswith("assert ") and line in tests]
        assert shared == [], path


@pytest.mark.parametrize("name", [name for name in NAMES if metadata(name)["category"] == "repair"])
def test_a_repair_has_a_test_to_begin_with(name: str) -> None:
    assert [path for path in files_of(name) if path.startswith("environment/app/test_")]


@pytest.mark.parametrize("name", NAMES)
def test_tests_judge_from_without(name: str) -> None:
    """Hidden tests import nothing of the answer: all they know of it is what a command printed."""
    task = task_of(name)
    own = {path.removesuffix(".py").split("/")[0] for path in task.below("environment/app") if path.endswith(".py")}
    tree = ast.parse(task.files["tests/test_outputs.py"].content)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    # A module of the answer may be called like one of the standard library, which is then the one that is meant.
    assert not {module.split(".")[0] for module in imported} & (own - {"html", "csv"})
    assert len([node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]) >= 3


# Every task behind one wall, each fourth behind the other as well: that the walls are alike is tests/conformance's part.
GRADED = pytest.mark.parametrize(
    ("world", "name"),
    [pytest.param("bubblewrap", name, marks=pytest.mark.bubblewrap) for name in NAMES]
    + [pytest.param("docker", name, marks=pytest.mark.docker) for name in NAMES[::4]],
    indirect=["world"],
)


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, cache: Path) -> Iterator[tuple[Backend, HarborSuite]]:
    """A real wall, and the suite as it is opened for it."""
    tree = Tree({
        "suites/coding.toml": File((TEMPLATE / "suites/coding.toml").read_bytes()),
        **{f"suites/coding/{name}/{path}": file for name in NAMES for path, file in files_of(name).items()},
    })  # fmt: skip
    settings = parse_suite(tree, "coding")
    assert isinstance(settings, HarborSettings)
    try:
        backend = choose(request.param, cache)
        runtime = backend.prepare()
    except BackendUnavailable as error:
        pytest.skip(f"{request.param}: {error}")
    suite = open_harbor_suite("coding", settings, tree, runtime, backend, objective=False, progress=lambda _: None)
    yield backend, suite
    suite.close()


def graded(world: tuple[Backend, HarborSuite], name: str, script: str) -> int:
    """Return the score of what a script of the task, or none, leaves in the work folder."""
    backend, suite = world
    task, place = suite.task(name), suite.place(name)
    grader: Grader = grader_of(suite.settings, task, place, suite.shelf)
    given = suite.shelf.folder(place.files)
    if not script:
        return grader.score(backend, Limits(), given)
    folder, file = script.split("/")
    mount = Mount(suite.shelf.folder(task.below(folder)), f"/{folder}")
    work = Work(given, ("bash", f"/{folder}/{file}"), SOLVING_SECONDS, env=place.env)
    left = attempt(backend, Limits(), (mount,), work)
    assert left.code == 0, left.outcome.stderr.decode(errors="replace")
    assert left.files is not None, left.why
    with suite.shelf.lent(left.files) as answer:
        return grader.score(backend, Limits(), answer)


@GRADED
def test_the_oracle_solves_it(world: tuple[Backend, HarborSuite], name: str) -> None:
    assert graded(world, name, SOLUTION) == FULL


@GRADED
def test_an_empty_answer_earns_nothing(world: tuple[Backend, HarborSuite], name: str) -> None:
    assert graded(world, name, "") == 0


@GRADED
def test_an_answer_that_attacks_the_tests_earns_nothing(world: tuple[Backend, HarborSuite], name: str) -> None:
    assert graded(world, name, TAMPERING) == 0
