"""The template of a workspace: whole, zoned, and held to its contract by tests that can fail."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.edits.tree import File, Tree
from agent.evaluate.catalogue import parse_suite
from agent.evaluate.frozen import FROZEN_FILE
from agent.workspace import Settings, parse_settings, zones_of

TEMPLATE = Path(__file__).parents[2] / "workspace_template"
HANG = 300


def template_tree() -> Tree:
    """The files that `init` copies."""
    paths = [path for path in TEMPLATE.rglob("*") if path.is_file() and not is_waste(path)]
    return Tree({path.relative_to(TEMPLATE).as_posix(): File(path.read_bytes()) for path in paths})


def is_waste(path: Path) -> bool:
    waste = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
    return bool(waste & set(path.relative_to(TEMPLATE).parts))


@pytest.fixture(scope="module")
def tree() -> Tree:
    return template_tree()


@pytest.fixture(scope="module")
def settings(tree: Tree) -> Settings:
    return parse_settings(tree["successor.toml"].content)


@pytest.fixture
def copy(tmp_path: Path, tree: Tree) -> Path:
    for path, file in tree.items():
        (tmp_path / "workspace" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "workspace" / path).write_bytes(file.content)
    return tmp_path / "workspace"


def run_tests(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run tests of a workspace as the sandbox does: from elsewhere, and leaving nothing behind in the workspace."""
    elsewhere = workspace.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    paths = [str(workspace / argument) if argument.startswith("tests/") else argument for argument in arguments]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "--rootdir", str(workspace), *paths],
        cwd=elsewhere,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(workspace), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )


def test_every_file_is_in_exactly_one_zone(tree: Tree, settings: Settings) -> None:
    zones = zones_of(tree, settings.zones)
    nothing_kept = settings.zones.model_copy(update={"kept": []})

    assert "unknown" not in zones.values()
    assert [
        path for path, zone in zones_of(tree, nothing_kept).items() if (zone == "mind") != (zones[path] == "mind")
    ] == []


def test_the_mind_is_the_scaffold_and_its_tests(tree: Tree, settings: Settings) -> None:
    mind = {path for path, zone in zones_of(tree, settings.zones).items() if zone == "mind"}

    assert {path.rsplit("/", 1)[0] for path in mind} == {"scaffold", "scaffold/prompts", "tests/scaffold"}
    assert settings.zones.zone("policies/anything.yaml") == "kept"
    assert settings.zones.zone("conftest.py") == settings.zones.zone("tests/conftest.py") == "unknown"


def test_every_suite_named_exists_and_is_read_and_every_suite_there_is_named(tree: Tree, settings: Settings) -> None:
    named = {f"suites/{suite.name}.toml" for suite in settings.suites}

    assert {*named, FROZEN_FILE} == {path for path in tree if path.startswith("suites/") and path.count("/") == 1}
    assert [suite.name for suite in settings.suites if suite.objective] == ["search"]
    assert parse_suite(tree, "edit").seed == parse_suite(tree, "search").seed


def test_the_folders_of_tests_that_the_settings_name_hold_tests(tree: Tree, settings: Settings) -> None:
    for folder in (settings.tests.kept, settings.tests.scaffold):
        assert any(path.startswith(f"{folder}/test_") for path in tree)


def test_what_the_loop_writes_is_ignored_by_git(tree: Tree) -> None:
    assert ".successor/" in tree[".gitignore"].content.decode().splitlines()


def test_every_module_of_the_scaffold_has_tests_of_its_own(tree: Tree) -> None:
    code = {Path(path) for path in tree if path.startswith("scaffold/") and path.endswith(".py")}
    modules = {path.stem.strip("_") for path in code} - {"init", "refused"}

    assert {f"tests/scaffold/test_{module}.py" for module in modules} <= set(tree)


def code_of(tree: Tree) -> dict[str, ast.Module]:
    return {
        path: ast.parse(file.content)
        for path, file in tree.items()
        if path.startswith("scaffold/") and path.endswith(".py")
    }


def test_the_scaffold_needs_nothing_but_python_the_sdk_and_libcst(tree: Tree) -> None:
    allowed = sys.stdlib_module_names | {"scaffold", "libcst", "httpx2"}
    for path, module in code_of(tree).items():
        nodes = list(ast.walk(module))
        used = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        used |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
        assert {name.partition(".")[0] for name in used} <= allowed, path


def test_the_scaffold_is_small_enough_to_be_read_at_every_promotion(tree: Tree) -> None:
    lines = {path: file.content.count(b"\n") for path, file in tree.items() if path.startswith("scaffold/")}
    functions = [
        (node.end_lineno or 0) - node.lineno + 1
        for module in code_of(tree).values()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef)
    ]

    assert sum(lines.values()) <= 2_100
    assert max(lines.values()) <= 220
    assert max(functions) <= 40
    assert sorted(functions)[len(functions) // 2] <= 10


def test_its_tests_pass_and_leave_nothing_behind(copy: Path, tree: Tree) -> None:
    done = run_tests(copy, "tests/scaffold", "tests/kept")

    assert done.returncode == 0, done.stdout[-3_000:]
    assert {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()} == set(tree)


def replaced(path: str, old: str, new: str) -> Callable[[Path], None]:
    def sabotage(workspace: Path) -> None:
        text = (workspace / path).read_text()
        assert text.count(old) == 1, f"{old!r} is not once in {path}"
        (workspace / path).write_text(text.replace(old, new))

    return sabotage


MAIN = "scaffold/__main__.py"
SERVE = "        out.write("
SABOTAGES = {
    "writes outside its folder": replaced(MAIN, SERVE, f'        open("../leak", "a").close()\n{SERVE}'),
    "opens a socket": replaced(MAIN, SERVE, f'        __import__("socket").socket()\n{SERVE}'),
    "starts a program": replaced(MAIN, SERVE, f'        __import__("subprocess").run(["true"])\n{SERVE}'),
    "prints between the answers": replaced(MAIN, SERVE, f'        print("thinking", flush=True)\n{SERVE}'),
    "leaves an answer out": replaced(MAIN, "if not line.strip():", "if not line.strip() or b'\"1\"' in line:"),
    "stops at a broken line": replaced(MAIN, "except (ValueError, RecursionError):", "except KeyError:"),
    "answers twice": replaced(
        MAIN, SERVE, f'        out.write(json.dumps(_answered(line, answer)).encode() + b"\\n")\n{SERVE}'
    ),
    "answers by chance": replaced(
        MAIN, '{"id": request["id"], **answer(request)}', '{"id": request["id"], **answer(request), "x": hash("a")}'
    ),
    "exits well without a word": replaced(MAIN, "    serve(sys.stdin", "    return 0\n    serve(sys.stdin"),
    "takes the first of two places": replaced("scaffold/place.py", "if len(places) > 1:", "if len(places) > 99:"),
    "keeps half an edit": replaced(
        "scaffold/textedit.py",
        '            raise Refused(f"block {number}: {refused}") from refused\n',
        "            return result\n",
    ),
    "gives back what it got": replaced(
        "scaffold/textedit.py", "\n    return result\n\n\ndef apply_block", "\n    return content\n\n\ndef apply_block"
    ),
    "loses the end of the file": replaced("scaffold/textedit.py", " + content[len(body) :] if lines", " if lines"),
    "ranks the worst first": replaced("scaffold/search.py", "(-scores[number],", "(scores[number],"),
    "ignores the limit": replaced("scaffold/search.py", "best[:limit]", "best"),
    "ranks nothing": replaced("scaffold/search.py", "best[:limit]", "best[:0]"),
}
AGENT, MODEL = "scaffold/agent.py", "scaffold/model.py"
FLAWED_AGENTS = {
    "uses the tools of a stream that broke off": replaced(MODEL, "if message.stop_reason is None:", "if False:"),
    "uses the tools of an answer that ended early": replaced(AGENT, "        if not whole:", "        if False:"),
    "forgets to answer a call": replaced(AGENT, "for call in calls], ", "for call in calls[:1]], "),
    "forgets what it thought": replaced("scaffold/history.py", '"content": content}', '"content": content[-1:]}'),
    "goes in circles for ever": replaced(AGENT, ">= 2 * self._limits.repeats", ">= 99 * self._limits.repeats"),
    "takes anything for arguments": replaced("scaffold/tools.py", "if wrong := mismatch(", "if wrong := str()  # ("),
    "sends everything back": replaced(AGENT, "> self._limits.arguments", "> 99 * self._limits.arguments"),
    "pays twice for what was cached": replaced("scaffold/history.py", "in users[-2:] else", "in users[:1] else"),
    "takes more steps than it may": replaced(AGENT, "if self._steps >= self", "if self._steps > self"),
    "takes a spent budget for a fault": replaced(MODEL, 'Ended("budget", said)', "_Broken(said)"),
    "goes on after a refusal": replaced(AGENT, 'stop_reason == "refusal"', 'stop_reason == "no"'),
    "tests itself": replaced("scaffold/command.py", "and Path(place).resolve() != HOME", ""),
    "says that all is well": replaced("scaffold/__main__.py", "return 0 if answered else 1", "return 0"),
    "loads the SDK for everything": replaced(MAIN, "import argparse\n", "import argparse\nimport anthropic\n"),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_the_kept_tests_catch_a_scaffold_that(name: str, copy: Path) -> None:
    SABOTAGES[name](copy)

    # The test against hangs is slow and catches none of these.
    done = run_tests(copy, "tests/kept/test_contract.py", "-k", "not come_to_an_end")

    assert done.returncode == 1, done.stdout[-3_000:]
    assert "1 failed" in done.stdout


@pytest.mark.parametrize("name", FLAWED_AGENTS)
def test_the_kept_tests_catch_an_agent_that(name: str, copy: Path) -> None:
    FLAWED_AGENTS[name](copy)
    done = run_tests(copy, "tests/kept/test_solve.py")

    assert done.returncode == 1, done.stdout[-3_000:]
    # A conversation that goes wrong is an error of all the tests that look at it.
    assert "1 failed" in done.stdout or "1 error" in done.stdout
