"""A candidate whose answer brings files of its own choosing, for a kept test that lays out what it was sent.

`for path, content in ran.files.items(): (folder / path).write_bytes(content)` writes wherever the name leads: with an
absolute one, anywhere in the sandbox of the judge.
"""

import base64
import json

import pytest

from agent.evaluate.apart import Solver, run_apart
from sandbox.contract import GUEST, Command, Limits
from tests.evaluate.world import answering, said

QUESTION = {"argv": ["x"], "stdin": "", "files": {}, "env": {}, "keep": ["out/a"], "seconds": 1}
CONTENT = base64.b64encode(b"import os; os._exit(0)").decode()


def answer_to(question, files):
    """What a judge hears that asks `question`, when the solver answers with `files`."""
    heard = []

    def act(mounts, command):
        command.wire.setblocking(True)
        with command.wire.makefile("rwb", buffering=0) as file:
            if command.argv[-1] != f"{GUEST}/solve.py":
                file.write(json.dumps({"ask": question}).encode() + b"\n")
                heard.append(json.loads(file.readline()))
            else:
                asked = json.loads(file.readline())
                answer = {"id": asked["id"], "code": 0, "stdout": "", "stderr": "", "files": files}
                file.write(json.dumps(answer).encode() + b"\n")
        return said()

    run_apart(answering(act), Limits(), (), Command(("grade",), 5), Solver(()))
    return heard[0]


@pytest.mark.parametrize("path", ["/work/conftest.py", "../conftest.py", "out/b", "out/a/", "", "out/\ud800"])
@pytest.mark.parametrize("besides", [{}, {"out/a": ""}])
def test_a_file_that_was_not_asked_for_does_not_reach_the_judge(path, besides):
    assert "broken" in answer_to(QUESTION, {**besides, path: CONTENT})


@pytest.mark.parametrize("keep", [None, "out/a", {"out/a": 1}, [["out/a"]], 7])
def test_a_question_that_asks_for_files_out_of_form_gets_none(keep):
    assert "broken" in answer_to({**QUESTION, "keep": keep}, {"out/a": CONTENT})


@pytest.mark.parametrize("files", [{}, {"out/a": CONTENT}])
def test_a_file_that_was_asked_for_arrives_if_there_is_one(files):
    assert answer_to(QUESTION, files)["files"] == files
