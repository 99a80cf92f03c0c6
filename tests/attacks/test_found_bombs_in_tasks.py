"""Tasks and benchmarks of a stranger: a few kilobytes that unfold to whatever the machine that reads them has."""

import json
import tomllib

import pytest

from agent.cli import suite as cli
from agent.edits.tree import File
from agent.errors import BadSettings
from agent.evaluate.harbor.environment import NotInside, read_dockerfile
from agent.evaluate.harbor.importing import Imported, suite_files
from agent.evaluate.harbor.polyglot import read_polyglot

HEAD = "FROM python:3.11-slim\nWORKDIR /app\n"
CONTEXT = {f"app/{n}.py": File(b"x" * 1_000) for n in range(500)}
DOCKERFILES = {
    "one folder copied to many places": "".join(f"COPY app/ /app/{n}/\n" for n in range(100)),
    "many instructions": "".join("COPY app/0.py /app/\n" for _ in range(5_000)),
    "many sources": f"COPY {'app/ ' * 5_000}/app/\n",
    "a long line": f"ENV {'A=1 ' * 50_000}\n",
}


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_dockerfile_that_unfolds_is_refused(name):
    with pytest.raises(NotInside, match="more than"):
        read_dockerfile(HEAD + DOCKERFILES[name], CONTEXT)


def test_a_dockerfile_that_copies_more_than_may_come_out_again_is_refused():
    large = {"app/a": File(bytes(20 * 1024 * 1024))}
    with pytest.raises(NotInside, match="bytes"):
        read_dockerfile(f"{HEAD}COPY app/ /app/one/\nCOPY app/ /app/two/\n", large)
    assert len(read_dockerfile(f"{HEAD}COPY app/ /app/\n", large).files) == 1


def test_a_benchmark_of_files_that_are_nothing_but_holes_is_refused(tmp_path):
    for number in range(4):
        folder = tmp_path / f"python/exercises/practice/slug-{number}"
        (folder / ".meta").mkdir(parents=True)
        (folder / ".docs").mkdir()
        (folder / ".docs/instructions.md").write_text("do it")
        tests = [f"t{n}.py" for n in range(20)]
        named = {"solution": ["s.py"], "test": tests, "example": [".meta/x.py"]}
        (folder / ".meta/config.json").write_text(json.dumps({"files": named}))
        for name in ("s.py", ".meta/x.py", *tests):
            with (folder / name).open("wb") as file:
                file.truncate(1024 * 1024)

    with pytest.raises(BadSettings, match="too large"):
        read_polyglot(tmp_path)


def test_suites_whose_files_are_nothing_but_holes_are_refused(tmp_path, monkeypatch):
    (tmp_path / "suites").mkdir()
    monkeypatch.setattr(cli, "MOST_BYTES", 1_000)
    for name, size in (("a", 600), ("b", 600)):
        (tmp_path / "suites" / name).write_bytes(bytes(size))

    with pytest.raises(BadSettings, match="too large"):
        cli._suites_of(tmp_path)


def test_the_name_of_a_benchmark_is_no_setting():
    tasks = [Imported(name, {}, 60) for name in ("a", "b")]
    files = suite_files("x", tasks, graded="apart", source='\nrepeats = 100\n[x]\n#\x1b"\u2028', seed=0)
    found = tomllib.loads(files["x.toml"][0].decode())

    assert (found["repeats"], found["graded"], "x" in found) == (1, "apart", False)
