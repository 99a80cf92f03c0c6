"""The tools: what each does in the folder, and what the model is told of it."""

from pathlib import Path

import pytest

from scaffold.ended import Ended
from scaffold.folder import Folder
from scaffold.tools import MOST_LINES, MOST_SHOWN, Tools

ADD = "def add(a, b):\n    return a - b\n"
TEST = "from m import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "m.py").write_text(ADD)
    (tmp_path / "test_m.py").write_text(TEST)
    return tmp_path


@pytest.fixture
def tools(folder: Path) -> Tools:
    return Tools(Folder(folder))


def done(tools: Tools, name: str, /, **given: object) -> str:
    text, wrong = tools.use(name, given)
    assert not wrong, text
    return text


def refused(tools: Tools, name: str, /, **given: object) -> str:
    text, wrong = tools.use(name, given)
    assert wrong, text
    return text


def test_a_file_is_read_with_line_numbers_whole_or_in_part(tools: Tools) -> None:
    assert done(tools, "read", path="m.py") == "    1  def add(a, b):\n    2      return a - b\n    3  "
    assert done(tools, "read", path="m.py", first=2, last=2) == "    2      return a - b\n... up to line 3"
    assert done(tools, "read", path="m.py", first=9) == "m.py has 3 lines."


def test_long_files_and_long_lines_are_shown_in_part(tools: Tools, folder: Path) -> None:
    (folder / "long.txt").write_text("x\n" * 5_000)
    (folder / "wide.txt").write_text("x" * 100_000)

    assert done(tools, "read", path="long.txt").endswith(f"{MOST_LINES}  x\n... up to line 5001")
    assert len(done(tools, "read", path="wide.txt")) <= MOST_SHOWN


def test_files_are_found_by_what_they_are_about_and_lines_by_their_text(tools: Tools) -> None:
    found = done(tools, "search", text="add numbers")
    # Which of them comes first is what generations get better at.
    assert set(found.partition("\n\n")[0].splitlines()) == {"m.py", "test_m.py"}
    assert "## m.py\ndef add(a, b)" in found
    assert done(tools, "search", text="a - b", exact=True) == "m.py:2: return a - b"
    assert done(tools, "search", text="zebra") == "No file is about this."
    assert done(tools, "search", text="zebra", exact=True) == "No file holds this text."


def test_text_is_edited_exactly_or_not_at_all(tools: Tools, folder: Path) -> None:
    block = "<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n"
    done(tools, "edit_text", path="m.py", blocks=block)
    assert (folder / "m.py").read_text() == ADD.replace("-", "+")

    assert "SEARCH is not in the file" in refused(tools, "edit_text", path="m.py", blocks=block)
    assert (folder / "m.py").read_text() == ADD.replace("-", "+")


def test_definitions_are_edited_by_name(tools: Tools, folder: Path) -> None:
    done(tools, "edit_symbol", path="m.py", name="add", action="replace", code="def add(a, b):\n    return a + b")
    assert (folder / "m.py").read_text() == ADD.replace("-", "+")

    assert "`code` is missing" in refused(tools, "edit_symbol", path="m.py", name="add", action="replace")
    assert "defined are: add" in refused(tools, "edit_symbol", path="m.py", name="sub", action="delete")


def test_files_are_written_with_their_folders_and_python_only_when_it_is_valid(tools: Tools, folder: Path) -> None:
    assert done(tools, "write", path="new/a.txt", content="a\nb\n") == "new/a.txt was written: 2 lines."
    assert (folder / "new" / "a.txt").read_text() == "a\nb\n"
    assert "not valid Python" in refused(tools, "write", path="m.py", content="def (")
    assert (folder / "m.py").read_text() == ADD


def test_text_that_cannot_be_stored_is_refused(tools: Tools) -> None:
    assert "surrogates" in refused(tools, "write", path="a.txt", content="\ud800")
    assert "null byte" in refused(tools, "read", path="a\0b")
    assert "is not a file in the folder" in refused(tools, "write", path="new/..", content="")


@pytest.mark.slow
def test_failing_tests_are_told_with_their_reason_and_passing_ones_briefly(tools: Tools, folder: Path) -> None:
    told = done(tools, "run_tests")
    assert told.startswith("1 failed\n")
    assert "assert -1 == 3" in told
    assert str(folder) not in told

    done(tools, "write", path="m.py", content=ADD.replace("-", "+"))
    assert done(tools, "run_tests", paths=["test_m.py::test_add"]) == "All passed: 1 passed"


@pytest.mark.slow
def test_the_same_run_of_tests_is_told_in_the_same_words(tools: Tools) -> None:
    assert done(tools, "run_tests") == done(tools, "run_tests")


@pytest.mark.slow
def test_many_failures_are_listed_although_their_output_is_cut(tools: Tools, folder: Path) -> None:
    many = "".join(f"def test_{n}():\n    assert {n} == -1, '{'z' * 500}'\n" for n in range(30))
    (folder / "test_m.py").write_text(many)
    told = done(tools, "run_tests")

    assert "test_m.py::test_7: AssertionError" in told
    assert len(told) <= MOST_SHOWN


@pytest.mark.slow
def test_no_tests_and_tests_that_cannot_be_run_are_told_as_such(tools: Tools, folder: Path) -> None:
    (folder / "test_m.py").write_text("import nothing_of_that_name\n")
    assert "No module named 'nothing_of_that_name'" in done(tools, "run_tests")
    (folder / "test_m.py").unlink()
    assert "no tests ran" in done(tools, "run_tests")
    (folder / "test_m.py").write_text("import os\nos._exit(0)\n")
    assert done(tools, "run_tests").startswith("pytest came to no result")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["../x.py", "--basetemp=/x/y", "/etc/test_x.py"])
def test_paths_of_tests_are_paths_in_the_folder(path: str, tools: Tools) -> None:
    text, wrong = tools.use("run_tests", {"paths": [path]})

    assert wrong or "./--basetemp" in text


def test_commands_tell_their_status_and_output(tools: Tools) -> None:
    assert done(tools, "run_command", command="echo $((1 + 1)); exit 4") == "exit status 4\n2\n"
    assert len(done(tools, "run_command", command="yes | head -c 1000000")) <= MOST_SHOWN


@pytest.mark.slow
def test_tests_import_what_is_in_the_folder_and_not_the_agent_itself(tools: Tools, folder: Path) -> None:
    (folder / "scaffold").mkdir()
    (folder / "scaffold" / "__init__.py").write_text("COPY = True\n")
    (folder / "test_m.py").write_text("import scaffold\n\n\ndef test_copy():\n    assert scaffold.COPY\n")

    assert done(tools, "run_tests") == "All passed: 1 passed"


def test_finishing_ends_it(tools: Tools) -> None:
    with pytest.raises(Ended, match="all is well") as ended:
        tools.use("finish", {"summary": "all is well"})

    assert ended.value.how == "finished"


@pytest.mark.slow
def test_finishing_runs_the_tests_again_that_failed_last(tools: Tools, folder: Path) -> None:
    done(tools, "run_tests", paths=["test_m.py"])
    assert "still fail" in refused(tools, "finish", summary="")
    (folder / "m.py").write_text(ADD.replace("-", "+"))
    with pytest.raises(Ended):
        tools.use("finish", {"summary": ""})


@pytest.mark.slow
def test_finishing_is_refused_a_few_times_only(tools: Tools) -> None:
    done(tools, "run_tests")
    for _ in range(3):
        refused(tools, "finish", summary="")
    with pytest.raises(Ended):
        tools.use("finish", {"summary": ""})


def test_a_tool_that_there_is_not_is_no_method_by_accident(tools: Tools) -> None:
    for name in ("use", "__init__", "_tested", "definitions", "", "Read"):
        assert "There is no tool" in refused(tools, name)
