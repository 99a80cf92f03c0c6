"""What the outside may rely on, whatever a candidate changes: the two commands, their lines, and what they never do."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

Files = Mapping[str, bytes]

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
FILES = {f"corpus/{path}": text.encode("latin-1") for path, text in CORPUS.items()}


class Scaffold:
    """The scaffold as these tests see it: a program that is given bytes and files, and gives bytes back."""

    def __init__(self, solver: Any) -> None:
        self._solver = solver

    def run(self, command: Sequence[str], stdin: bytes, files: Files | None = None, **environment: str) -> bytes:
        """Return what `python COMMAND` wrote; fail when it ends with another status than 0."""
        ran = self._solver.run(["python", *command], stdin, files or {}, environment)
        assert ran.code == 0, ran.stderr.decode(errors="replace")[-2_000:]
        return bytes(ran.stdout)

    def edited(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one request for an edit."""
        (answer,) = answers(self.run(["-m", "scaffold", "edit"], lines([request]))).values()
        return answer


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


@pytest.fixture
def scaffold(solver: Any) -> Scaffold:
    return Scaffold(solver)


# rank


def test_the_file_with_all_the_words_comes_first(scaffold: Scaffold) -> None:
    requests = [{"id": "lion", "query": "lion roar loudness"}, {"id": "zebra", "query": "count stripes of a zebra"}]
    found = answers(scaffold.run(["-m", "scaffold", "rank", "--corpus", "corpus"], lines(requests), FILES))

    assert found["lion"]["ranking"][0] == "zoo/lion.py"
    assert found["lion"]["ranking"][1] == "tools/box.py"
    assert found["zebra"]["ranking"][0] == "zoo/zebra.py"


def test_a_ranking_names_files_of_the_corpus_each_once_and_no_more_than_asked_for(scaffold: Scaffold) -> None:
    requests = [{"id": str(number), "query": query} for number, query in enumerate(["return", "zoo", "", "?", "é"])]
    command = ["-m", "scaffold", "rank", "--corpus", "corpus", "--limit", "2"]
    found = answers(scaffold.run(command, lines(requests), FILES))

    assert set(found) == {"0", "1", "2", "3", "4"}
    for answer in found.values():
        assert set(answer) == {"id", "ranking"}
        assert set(answer["ranking"]) <= set(CORPUS)
        assert len(set(answer["ranking"])) == len(answer["ranking"]) <= 2


def test_twenty_paths_are_given_when_no_limit_is(scaffold: Scaffold) -> None:
    files = {f"m{number}.py": b"zebra = 1\n" for number in range(30)}
    command = ["-m", "scaffold", "rank", "--corpus", "."]
    found = answers(scaffold.run(command, lines([{"id": "1", "query": "zebra"}]), files))

    assert len(found["1"]["ranking"]) == 20


# edit


def test_an_edit_changes_what_it_quotes_and_not_a_byte_more(scaffold: Scaffold) -> None:
    content = "a = 1  \r\n\tb = 2\n\n\nc = 3\nd = 'é \u2028 \x0c'\nlast = 5"
    answer = scaffold.edited(edit(content, ("c = 3\n", "c = 4\ne = 5\n"), path="notes.txt"))

    assert answer == {"id": "1", "content": content.replace("c = 3\n", "c = 4\ne = 5\n")}


def test_all_blocks_are_applied(scaffold: Scaffold) -> None:
    answer = scaffold.edited(edit("a = 1\nb = 2\nc = 3\n", ("c = 3\n", ""), ("a = 1\n", "a = 9\n")))

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
def test_what_has_no_one_answer_is_refused(request_: dict[str, Any], scaffold: Scaffold) -> None:
    answer = scaffold.edited(request_)

    assert set(answer) == {"id", "refused"}
    assert isinstance(answer["refused"], str)
    assert 0 < len(answer["refused"]) < 2_000


# both


def test_every_id_is_answered_although_other_lines_are_broken(scaffold: Scaffold) -> None:
    broken = b'not json\n{"id": "a"}\n[]\n\n{"id": 7}\n\xff\xfe\n' + b"[" * 50_000 + b"\n"
    good = {**edit("a = 1\n", ("a = 1\n", "a = 2\n")), "query": "lion", "unknown": {"field": [1]}}
    for command in (["edit"], ["rank", "--corpus", "corpus"]):
        stdout = scaffold.run(["-m", "scaffold", *command], broken + lines([good]), FILES)
        parsed = [json.loads(line) for line in stdout.splitlines()]

        assert {answer["id"] for answer in parsed} == {"a", "1", None}
        assert all("refused" in answer for answer in parsed if answer["id"] != "1")
        assert "refused" not in next(answer for answer in parsed if answer["id"] == "1")


def test_nothing_in_means_nothing_out(scaffold: Scaffold) -> None:
    assert scaffold.run(["-m", "scaffold", "edit"], b"", FILES) == b""
    assert scaffold.run(["-m", "scaffold", "rank", "--corpus", "corpus"], b"", FILES) == b""


def test_the_same_input_gives_the_same_bytes(scaffold: Scaffold) -> None:
    queries = lines([{"id": str(n), "query": q} for n, q in enumerate(["return name", "zebra lion nail", "def"])])
    edits = lines([edit("a\nb\n", ("b\n", "c\n")), {**edit("a\na\n", ("a\n", "b\n")), "id": "2"}])
    for command, stdin in ((["rank", "--corpus", "corpus"], queries), (["edit"], edits)):
        outputs = {scaffold.run(["-m", "scaffold", *command], stdin, FILES, PYTHONHASHSEED=seed) for seed in ("0", "7")}

        assert len(outputs) == 1


def test_nothing_is_written_elsewhere_and_nobody_is_talked_to(scaffold: Scaffold) -> None:
    for command in (["edit"], ["rank", "--corpus", "corpus"]):
        stdin = lines([{**edit("a = 1\n", ("a = 1\n", "a = 2\n")), "query": "lion"}])
        guarded = scaffold.run(["-c", GUARDED, *command], stdin, FILES)

        assert guarded == scaffold.run(["-m", "scaffold", *command], stdin, FILES)


def test_a_long_file_and_a_large_repository_come_to_an_end(scaffold: Scaffold) -> None:
    content = "".join(f"def f{n}():\n    return {n}\n\n\n" for n in range(3_000))
    wanted = ("def f2999():\n    return 2999\n", "def f2999():\n    return 0\n")
    requests = [{**edit(content, wanted), "id": str(n)} for n in range(5)]
    requests.append({**edit(content, ("\n\nzebra\n" * 50, "lion\n")), "id": "none"})
    found = answers(scaffold.run(["-m", "scaffold", "edit"], lines(requests)))
    assert [set(found[str(n)]) for n in range(5)] == [{"id", "content"}] * 5
    assert set(found["none"]) == {"id", "refused"}

    files = {f"m{number}.py": content.replace("f1", f"g{number}").encode() for number in range(40)}
    queries = [{"id": str(n), "query": f"return the value of g{n} and f{n}"} for n in range(200)]
    ranked = scaffold.run(["-m", "scaffold", "rank", "--corpus", "."], lines(queries), files)
    assert len(answers(ranked)) == 200
