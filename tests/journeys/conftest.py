"""Workspaces as a user makes them, driven only through the command line, behind a real wall."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.gate.rules import with_parameter
from sandbox.choose import choose
from sandbox.errors import BackendUnavailable
from tests.journeys.stand_in import BETTER, Rules, oracles, reached, standing_in

ROOT = Path(__file__).parents[2]
LEVEL = {"docker": "container", "bubblewrap": "reduced"}


@dataclass(frozen=True)
class Said:
    """What a command said: exit code, its JSON document, and its last words."""

    code: int
    document: dict
    err: str

    @property
    def error(self) -> dict:
        return self.document["error"]


@dataclass(frozen=True)
class Desk:
    """A workspace and the people around it. `successor(...)` runs the real program in it."""

    folder: Path
    people: Path
    wall: str
    root: str

    def successor(self, *args: str, stdin: bytes = b"", **env: str) -> Said:
        options = ["--json"]
        if args[0] not in ("audit", "doctor", "init") and args[:2] != ("review", "sign"):
            options += ["--workspace", str(self.folder)]
        end = args.index("--") if "--" in args else len(args)
        argv = [sys.executable, "-m", "agent", *args[:end], *options, *args[end:]]
        done = subprocess.run(
            argv, input=stdin, capture_output=True, cwd=ROOT, timeout=900, check=False, env={**without_a_model(), **env}
        )
        err = done.stderr.decode()
        assert "Traceback" not in err, err
        assert done.stdout.strip(), f"no document; stderr: {err}"
        return Said(done.returncode, json.loads(done.stdout), err)

    def key(self, name: str) -> Path:
        return self.people / name

    def git(self, *args: str, cwd: Path | None = None) -> str:
        return subprocess.run(
            ["git", *args], cwd=cwd or self.folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    def branches(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads/successor").split()

    def propose(self, edit, by: str = "carol", **env: str) -> Said:
        """Propose what `edit` makes of a copy of the files, as a git diff."""
        copy = self.folder.parent / f"{self.folder.name}-edit"
        if copy.exists():
            shutil.rmtree(copy)
        subprocess.run(["git", "clone", "-q", str(self.folder), str(copy)], check=True)
        edit(copy)
        self.git("add", "-A", cwd=copy)
        diff = subprocess.run(["git", "diff", "--cached"], cwd=copy, capture_output=True, check=True).stdout
        return self.successor("propose", "--patch", "-", "--by", by, "--sandbox", self.wall, stdin=diff, **env)


def without_a_model() -> dict[str, str]:
    """The environment of a machine without a model, whatever this one has."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")}


def human(desk: Desk, *args: str, **env: str) -> str:
    """What a command prints for people."""
    surroundings = {**without_a_model(), **env}
    argv = [sys.executable, "-m", "agent", *args, "--workspace", str(desk.folder)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, env=surroundings).stdout


def change(path: str, old: str, new: str):
    """An edit that replaces text in one file."""

    def edit(copy: Path) -> None:
        text = (copy / path).read_text("utf-8")
        assert old in text, f"{old!r} is not in {path}"
        (copy / path).write_text(text.replace(old, new, 1), "utf-8")

    return edit


better = change("scaffold/tokens.py", '] = "whole",', '] = "whole_and_parts",')
"""A true improvement of generation 0: identifiers are searched by their parts as well."""


CODING = ("median-even", "roman-numerals", "duration-words", "legacy-rounding")
"""Of the coding tasks, two to develop with and two that are held out: enough for a journey."""
ABOUT_SEARCH = ("test_tokens.py", "test_search.py", "test_index.py", "test_textedit.py")
"""Of the scaffold's own tests, those of what journeys change. All of them are run in tests/template."""


@dataclass(frozen=True)
class Size:
    """How much there is to measure: tasks of each split, coding tasks by name."""

    search: int = 160
    edit: int = 40
    coding: tuple[str, ...] = CODING


def make_workspace(folder: Path, people: Path, wall: str, size: Size | None = None) -> str:
    """Make a workspace with small suites by adopting a repository, and return its root fingerprint."""
    folder.mkdir(parents=True)
    shutil.copytree(
        ROOT / "workspace_template", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
    )
    shrink(folder, size or Size())
    law = {p.name: p.read_bytes() for p in (ROOT / "policies").iterdir() if p.is_file()}
    (folder / "policies").mkdir()
    for name, content in with_parameter(law, "sandbox_level", 1 if LEVEL[wall] == "reduced" else 2).items():
        (folder / "policies" / name).write_bytes(content)
    for args in (["init", "-q", "-b", "main"], ["add", "-A"], [*IDENTITY, "commit", "-q", "-m", "Generation 0"]):
        subprocess.run(["git", *args], cwd=folder, check=True)
    return adopt(folder, people)


IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@t.invalid")


def adopt(folder: Path, people: Path) -> str:
    """Put a repository under the gate, with alice to review; return the root fingerprint."""
    argv = ["init", str(folder), "--reviewer", "alice", "--key", str(people / "alice.pub"), "--json"]
    done = subprocess.run([sys.executable, "-m", "agent", *argv], capture_output=True, cwd=ROOT, check=True)
    return str(json.loads(done.stdout)["root"])


def shrink(folder: Path, size: Size) -> None:
    """Leave of the template's tasks and tests what a journey has time for."""
    for name, tasks in (("search", size.search), ("edit", size.edit)):
        suite = folder / "suites" / f"{name}.toml"
        lines = [line for line in suite.read_text().splitlines() if not line.startswith(("dev_tasks", "heldout_tasks"))]
        suite.write_text("\n".join([*lines, f"dev_tasks = {tasks}", f"heldout_tasks = {tasks}", ""]))
    for task in (folder / "suites" / "coding").iterdir():
        if task.name not in size.coding:
            shutil.rmtree(task)
    for test in (folder / "tests" / "scaffold").glob("*.py"):
        if test.name not in ABOUT_SEARCH:
            test.unlink()
    # How the scaffold works on tasks is what these journeys show; the kept tests of it are run in tests/template.
    (folder / "tests" / "kept" / "test_solve.py").unlink(missing_ok=True)


ON_BOTH_WALLS = (
    "test_a_person_approves_and_an_auditor",
    "test_a_person_rejects",
    "test_the_scaffolds_tests_exit_before_they_fail",
    "test_a_scaffold_that_does_not_answer",
    "test_a_wall_that_is_gone",
    "test_a_killed_run",
    "test_a_halt_from",
    "test_an_interrupt",
)
ON_DOCKER = "test_model.py"
"""Each of a run, its review and its replay takes minutes: made once, behind the wall that promotion asks for."""


def pytest_collection_modifyitems(config, items):
    """Bad input never reaches a wall, and search, law and people are the same behind each: made on one of them."""
    here = str(Path(__file__).parent)
    journeys = [i for i in items if str(i.path).startswith(here)]
    twice = [i for i in journeys if "docker" in i.name and i.path.name != ON_DOCKER]
    # An engine that tests share cannot be broken for one of them: its breaking is a matter of tests/sandbox.
    spared = [i for i in twice if "breaks_in_the_middle" in i.name]
    spared += [i for i in twice if not any(word in i.nodeid for word in ON_BOTH_WALLS)]
    spared += [i for i in journeys if "bubblewrap" in i.name and i.path.name == ON_DOCKER]
    config.hook.pytest_deselected(items=spared)
    items[:] = [i for i in items if i not in spared]


def _wall(name: str, cache: Path) -> str:
    try:
        choose(name, cache)
    except BackendUnavailable as error:
        pytest.skip(str(error))
    return name


WALLS = [
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
]


@pytest.fixture(scope="session")
def people(tmp_path_factory) -> Path:
    """Keys of alice, whom the trust root names, and of mallory, whom it does not."""
    folder = tmp_path_factory.mktemp("people")
    for name in ("alice", "mallory"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    return folder


@pytest.fixture(scope="session", params=WALLS)
def fresh(request, tmp_path_factory, people, cache) -> Desk:
    """A workspace in which nothing has happened yet. Copy it before you change it."""
    wall = _wall(request.param, cache)
    folder = tmp_path_factory.mktemp(f"fresh-{wall}") / "ws"
    return Desk(folder, people, wall, make_workspace(folder, people, wall))


@pytest.fixture(scope="session", params=WALLS)
def lean_one(request, tmp_path_factory, people, cache) -> Desk:
    """A workspace with one coding task of each split and few tests. Copy it before you change it."""
    wall = _wall(request.param, cache)
    folder = tmp_path_factory.mktemp(f"lean-{wall}") / "ws"
    size = Size(coding=("median-even", "duration-words"))
    return Desk(folder, people, wall, make_workspace(folder, people, wall, size))


@pytest.fixture
def lean(lean_one, tmp_path) -> Desk:
    """The same, of one's own."""
    shutil.copytree(lean_one.folder, tmp_path / "ws", symlinks=True)
    return Desk(tmp_path / "ws", lean_one.people, lean_one.wall, lean_one.root)


@pytest.fixture(scope="session")
def measured(fresh, tmp_path_factory) -> tuple[Desk, str]:
    """The same with one honest improvement that waits for review, and its ID. Copy it before you change it."""
    folder = tmp_path_factory.mktemp(f"measured-{fresh.wall}") / "ws"
    shutil.copytree(fresh.folder, folder, symlinks=True)
    desk = Desk(folder, fresh.people, fresh.wall, fresh.root)
    said = desk.propose(better)
    assert said.document.get("state") == "awaiting_review", (said.document, said.err)
    return desk, said.document["id"]


@pytest.fixture(scope="session")
def improved(fresh, tmp_path_factory) -> tuple[Desk, str, dict]:
    """A workspace whose scaffold improved itself with a model; the candidate, and what `run` said. Copy it first."""
    folder = tmp_path_factory.mktemp(f"improved-{fresh.wall}") / "ws"
    shutil.copytree(fresh.folder, folder, symlinks=True)
    desk = Desk(folder, fresh.people, fresh.wall, fresh.root)
    with standing_in(Rules(oracles(folder), BETTER)) as server:
        said = desk.successor("run", "--yes", "--sandbox", desk.wall, **reached(server))
        answers = len(server.script.requests)
    assert [c["state"] for c in said.document["candidates"]] == ["awaiting_review"], (said.document, said.err)
    return desk, said.document["candidates"][0]["id"], {**said.document, "answers": answers, "err": said.err}


@pytest.fixture
def desk(fresh, tmp_path) -> Desk:
    """A fresh workspace of one's own."""
    shutil.copytree(fresh.folder, tmp_path / "ws", symlinks=True)
    return Desk(tmp_path / "ws", fresh.people, fresh.wall, fresh.root)


@pytest.fixture
def waiting(measured, tmp_path) -> tuple[Desk, str]:
    """A workspace of one's own with a candidate that waits for review, and its ID."""
    original, candidate = measured
    shutil.copytree(original.folder, tmp_path / "ws", symlinks=True)
    return Desk(tmp_path / "ws", original.people, original.wall, original.root), candidate
