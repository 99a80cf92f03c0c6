"""The command line: one answer per line, whatever the line holds."""

import io
import json
import sys
from pathlib import Path

import pytest

from scaffold.__main__ import edited, main, ranking, serve
from scaffold.agent import Result
from scaffold.refused import Refused


def answers(lines: list[bytes]) -> list[dict[str, object]]:
    out = io.BytesIO()
    serve(lines, out, edited)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_edit_is_answered_with_the_new_content() -> None:
    edit = "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE"
    request = {"id": "1", "path": "x.txt", "content": "a\n", "edit": edit, "unknown": [1]}

    assert answers([json.dumps(request).encode()]) == [{"id": "1", "content": "b\n"}]


@pytest.mark.parametrize(
    "line",
    [b"not json", b"[]", b'"x"', b"{}", b'{"id": 1}', b"\xff\xfe", b"[" * 100_000],
    ids=["talk", "list", "string", "no id", "number id", "bytes", "deep"],
)
def test_a_line_without_an_id_is_answered_without_one(line: bytes) -> None:
    (answer,) = answers([line])

    assert answer["id"] is None
    assert answer["refused"]


def test_a_request_that_lacks_a_field_is_refused_by_name() -> None:
    (answer,) = answers([b'{"id": "7", "path": "a.py", "content": "x"}'])

    assert answer["id"] == "7"
    assert "'edit'" in str(answer["refused"])


def test_a_bad_line_does_not_stop_the_next_and_blank_lines_are_skipped() -> None:
    assert [answer["id"] for answer in answers([b"?\n", b"\n", b'{"id": "2"}\n'])] == [None, "2"]


def test_a_query_is_answered_with_paths(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def zebra():\n    pass\n")
    (tmp_path / "b.py").write_text("zebra = lion = 1\n")
    answer = ranking(tmp_path, 1)

    assert answer({"query": "lion"}) == {"ranking": ["b.py"]}
    assert len(answer({"query": "zebra"})["ranking"]) == 1
    with pytest.raises(Refused, match="'query'"):
        answer({"query": 3})


def test_a_corpus_that_is_no_folder_is_misuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["rank", "--corpus", str(tmp_path / "nothing")])

    assert stopped.value.code == 2
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize(("command", "key"), [(["edit"], "content"), (["rank", "--corpus", "."], "ranking")])
def test_a_command_answers_standard_input_and_ends_well(
    command: list[str], key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    edit = "<<<<<<< SEARCH\n=======\nb\n>>>>>>> REPLACE"
    request = json.dumps({"id": "1", "path": "x.txt", "content": "", "edit": edit, "query": "lion"}).encode()
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(request)))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))

    assert main(command) == 0
    assert json.loads(out.getvalue()).keys() == {"id", key}


@pytest.mark.parametrize("stdin", [b"", b"[]", b"{}", b'{"instruction": 7}', b"\xff", b"[" * 100_000])
def test_a_task_that_is_none_is_misuse(stdin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCAFFOLD_MODEL", "m")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))

    assert main(["solve"]) == 2


def test_a_task_without_a_model_is_misuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCAFFOLD_MODEL", raising=False)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"instruction": "x"}')))

    assert main(["solve"]) == 2


# The HTTP library leaves the socket open that it could not connect.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_model_that_is_not_there_is_said_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCAFFOLD_MODEL", "m")
    monkeypatch.setenv("SCAFFOLD_SOCKET", "nobody.sock")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"instruction": "x", "unknown": 1}')))

    assert main(["solve"]) == 1
    assert json.loads(capsys.readouterr().out)["ended"] == "unreachable"


@pytest.mark.parametrize(("told", "most"), [("4000", 4000), ("1000000", 8000), ("", 8000), ("0", 8000), ("-1", 8000)])
def test_no_more_is_asked_for_at_once_than_is_granted(told: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def solved(*given: object) -> tuple[Result, bool]:
        asked.append(given[-1])
        return Result("finished", 1, ""), True

    monkeypatch.setenv("SCAFFOLD_MODEL", "m")
    monkeypatch.setenv("SCAFFOLD_ANSWER_TOKENS", told)
    monkeypatch.setattr("scaffold.task.solve", solved)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"instruction": "x"}')))

    assert main(["solve"]) == 0
    assert [limits.answer for limits in asked] == [most]
