"""What the outside may rely on, whatever a candidate changes: the two commands, their lines, and what they never do."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HANG = 100  # seconds; a guard against a hang, no measure of speed

# Runs the scaffold as `python -m scaffold` does and ends with status 97 when it touches what is not its business.
GUARDED = """
import os, runpy, sys
home = os.path.realpath(os.getcwd())
def guard(event, args):
    talks = event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "ctypes."))
    writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    changes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate")
    inside = isinstance(args[0], str) and os.path.realpath(args[0]).startswith(home + os.sep) if args else False
    if talks or ((writes or changes) and not inside):
        os.write(2, f"guard: {event} {args!r:.200}".encode())
        os._exit(97)
sys.argv[0] = "scaffold"
sys.addaudithook(guard)
runpy.run_module("scaffold", run_name="__main__", alter_sys=True)
"""

CORPUS = {
    "zoo/lion.py": "class Lion:\n    def roar(self, loudness):\n        return loudness\n",
    "zoo/zebra.py": "def count_stripes(zebra):\n    return zebra.stripes\n",
    "tools/hammer.py": "def hit(nail):\n    return nail\n",
    "tools/box.py": "import hammer\n\nnail = lion = hammer.hit\n",
    "broken.py": "def (((\n",
    "latin.py": "name = 'café'\n",
    "empty.py": "",
}


def run(command: Sequence[str], stdin: bytes, cwd: Path, **environment: str) -> bytes:
    """Return what `python COMMAND` wrote; fail when it ends with another status than 0."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, *command],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        timeout=HANG,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2_000:]
    return done.stdout


def lines(requests: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(request) + "\n" for request in requests).encode()


def answers(stdout: bytes) -> dict[str, dict[str, Any]]:
    """Return the answers by ID; fail when one is given twice."""
    parsed = [json.loads(line) for line in stdout.splitlines()]
    by_id = {answer["id"]: answer for answer in parsed}
    assert len(by_id) == len(parsed)
    return by_id


def edit(content: str, *blocks: tuple[str, str], path: str = "a.py") -> dict[str, Any]:
    text = "".join(f"<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n" for old, new in blocks)
    return {"id": "1", "path": path, "content": content, "edit": text}


def edited(request: dict[str, Any], cwd: Path) -> dict[str, Any]:
    (answer,) = answers(run(["-m", "scaffold", "edit"], lines([request]), cwd)).values()
    return answer


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for path, text in CORPUS.items():
        (tmp_path / "corpus" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "corpus" / path).write_text(text, encoding="latin-1")
    return tmp_path / "corpus"


# rank


def test_the_file_with_all_the_words_comes_first(corpus: Path) -> None:
    requests = [{"id": "lion", "query": "lion roar loudness"}, {"id": "zebra", "query": "count stripes of a zebra"}]
    found = answers(run(["-m", "scaffold", "rank", "--corpus", str(corpus)], lines(requests), corpus.parent))

    assert found["lion"]["ranking"][0] == "zoo/lion.py"
    assert found["lion"]["ranking"][1] == "tools/box.py"
    assert found["zebra"]["ranking"][0] == "zoo/zebra.py"


def test_a_ranking_names_files_of_the_corpus_each_once_and_no_more_than_asked_for(corpus: Path) -> None:
    requests = [{"id": str(number), "query": query} for number, query in enumerate(["return", "zoo", "", "?", "é"])]
    command = ["-m", "scaffold", "rank", "--corpus", str(corpus), "--limit", "2"]
    found = answers(run(command, lines(requests), corpus.parent))

    assert set(found) == {"0", "1", "2", "3", "4"}
    for answer in found.values():
        assert set(answer) == {"id", "ranking"}
        assert set(answer["ranking"]) <= set(CORPUS)
        assert len(set(answer["ranking"])) == len(answer["ranking"]) <= 2


def test_twenty_paths_are_given_when_no_limit_is(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"m{number}.py").write_text("zebra = 1\n")
    found = answers(run(["-m", "scaffold", "rank", "--corpus", "."], lines([{"id": "1", "query": "zebra"}]), tmp_path))

    assert len(found["1"]["ranking"]) == 20


# edit


def test_an_edit_changes_what_it_quotes_and_not_a_byte_more(tmp_path: Path) -> None:
    content = "a = 1  \r\n\tb = 2\n\n\nc = 3\nd = 'é \u2028 \x0c'\nlast = 5"
    answer = edited(edit(content, ("c = 3\n", "c = 4\ne = 5\n"), path="notes.txt"), tmp_path)

    assert answer == {"id": "1", "content": content.replace("c = 3\n", "c = 4\ne = 5\n")}


def test_all_blocks_are_applied(tmp_path: Path) -> None:
    answer = edited(edit("a = 1\nb = 2\nc = 3\n", ("c = 3\n", ""), ("a = 1\n", "a = 9\n")), tmp_path)

    assert answer == {"id": "1", "content": "a = 9\nb = 2\n"}


@pytest.mark.parametrize(
    "request_",
    [
        edit("a = 1\nb = 2\na = 1\n", ("a = 1\n", "a = 2\n")),
        edit("a = 1\n", ("while zebra.stripes():\n    lion.roar()\n", "pass\n")),
        edit("a = 1\n", ("a = 1\n", "a = 2\n"), ("while zebra.stripes():\n    lion.roar()\n", "pass\n")),
        {**edit("a = 1\n"), "edit": "<<<<<<< SEARCH\na = 1\n=======\na = 2\n"},
        {**edit("a = 1\n"), "edit": "Replace a = 1 by a = 2, please."},
        {**edit("a = 1\n"), "edit": ""},
    ],
    ids=["two places", "no place", "one of two blocks has no place", "cut off", "talk", "nothing"],
)
def test_what_has_no_one_answer_is_refused(request_: dict[str, Any], tmp_path: Path) -> None:
    answer = edited(request_, tmp_path)

    assert set(answer) == {"id", "refused"}
    assert isinstance(answer["refused"], str)
    assert 0 < len(answer["refused"]) < 2_000


# both


def test_every_id_is_answered_although_other_lines_are_broken(corpus: Path) -> None:
    broken = b'not json\n{"id": "a"}\n[]\n\n{"id": 7}\n\xff\xfe\n' + b"[" * 50_000 + b"\n"
    good = {**edit("a = 1\n", ("a = 1\n", "a = 2\n")), "query": "lion", "unknown": {"field": [1]}}
    for command in (["edit"], ["rank", "--corpus", str(corpus)]):
        stdout = run(["-m", "scaffold", *command], broken + lines([good]), corpus.parent)
        parsed = [json.loads(line) for line in stdout.splitlines()]

        assert {answer["id"] for answer in parsed} == {"a", "1", None}
        assert all("refused" in answer for answer in parsed if answer["id"] != "1")
        assert "refused" not in next(answer for answer in parsed if answer["id"] == "1")


def test_nothing_in_means_nothing_out(corpus: Path) -> None:
    assert run(["-m", "scaffold", "edit"], b"", corpus.parent) == b""
    assert run(["-m", "scaffold", "rank", "--corpus", str(corpus)], b"", corpus.parent) == b""


def test_the_same_input_gives_the_same_bytes(corpus: Path) -> None:
    queries = lines([{"id": str(n), "query": q} for n, q in enumerate(["return name", "zebra lion nail", "def"])])
    edits = lines([edit("a\nb\n", ("b\n", "c\n")), {**edit("a\na\n", ("a\n", "b\n")), "id": "2"}])
    for command, stdin in ((["rank", "--corpus", str(corpus)], queries), (["edit"], edits)):
        outputs = {run(["-m", "scaffold", *command], stdin, corpus.parent, PYTHONHASHSEED=seed) for seed in ("0", "7")}

        assert len(outputs) == 1


def test_nothing_is_written_elsewhere_and_nobody_is_talked_to(corpus: Path) -> None:
    for command in (["edit"], ["rank", "--corpus", str(corpus)]):
        stdin = lines([{**edit("a = 1\n", ("a = 1\n", "a = 2\n")), "query": "lion"}])
        guarded = run(["-c", GUARDED, *command], stdin, corpus.parent)

        assert guarded == run(["-m", "scaffold", *command], stdin, corpus.parent)


def test_a_long_file_and_a_large_repository_come_to_an_end(tmp_path: Path) -> None:
    content = "".join(f"def f{n}():\n    return {n}\n\n\n" for n in range(3_000))
    wanted = ("def f2999():\n    return 2999\n", "def f2999():\n    return 0\n")
    requests = [{**edit(content, wanted), "id": str(n)} for n in range(5)]
    requests.append({**edit(content, ("\n\nzebra\n" * 50, "lion\n")), "id": "none"})
    found = answers(run(["-m", "scaffold", "edit"], lines(requests), tmp_path))
    assert [set(found[str(n)]) for n in range(5)] == [{"id", "content"}] * 5
    assert set(found["none"]) == {"id", "refused"}

    for number in range(40):
        (tmp_path / f"m{number}.py").write_text(content.replace("f1", f"g{number}"))
    queries = [{"id": str(n), "query": f"return the value of g{n} and f{n}"} for n in range(200)]
    assert len(answers(run(["-m", "scaffold", "rank", "--corpus", "."], lines(queries), tmp_path))) == 200
