"""A suite of one small task, a scaffold of a few lines that does what its model says, and a desk with a scripted model."""

import contextlib

from agent.edits.tree import File, Tree
from agent.evaluate.harbor.settings import HarborSettings
from agent.evaluate.harbor.suite import open_harbor_suite
from sandbox.broker.desk import Desk
from sandbox.contract import CANDIDATE_ROOT, MIB, Limits, Mount
from sandbox.transfer import stage
from tests.broker.conftest import MODEL, world
from tests.broker.scripted import Say, text

LIMITS = Limits(memory=512 * MIB, tmp=32 * MIB, work=64 * MIB, processes=64)

TASK = b"""
schema_version = "1.4"
future_key = "ignored"
[task]
name = "successor/double"
[metadata]
split = "dev"
family = "numbers"
[agent]
timeout_sec = 30
[verifier]
timeout_sec = 20
environment_mode = "separate"
[environment]
network_mode = "no-network"
"""
DOCKERFILE = b"FROM python:3.11-slim\nRUN pip install pytest==9.2.0\nWORKDIR /app\nCOPY app/ /app/\nENV COLOUR=blue\n"
TEST_SH = b"""#!/bin/bash
if python -m pytest -q -p no:cacheprovider /tests/test_outputs.py; then
    echo 1 > /logs/verifier/reward.txt
else
    echo 0 > /logs/verifier/reward.txt
fi
"""
CONFTEST = b"""
import pytest

@pytest.fixture
def solver(request):
    return request.config.solver
"""
APART = b"""
def test_doubled(solver):
    ran = solver.run(["python", "-c", "import number; print(number.double(21))"])
    assert (ran.code, ran.stdout) == (0, b"42\\n")
"""
TOGETHER = b"""
import number

def test_doubled():
    assert number.double(21) == 42
"""
FILES = {
    "task.toml": TASK,
    "instruction.md": b"Make number.double double its argument.\n",
    "environment/Dockerfile": DOCKERFILE,
    "environment/app/number.py": b"def double(n):\n    return n\n",
    "tests/test.sh": TEST_SH,
    "tests/conftest.py": CONFTEST,
    "tests/test_outputs.py": APART,
    "solution/solve.sh": b"echo 'def double(n): return 2 * n' > /app/number.py\n",
    "tampering/solve.sh": b"echo 'import os; os._exit(0)' > /app/number.py\n",
}

SCAFFOLD = b'''"""Asks its model, and runs the Python that it answers."""
import http.client, json, os, socket, sys

messages = [{"role": "user", "content": json.load(sys.stdin)["instruction"]}]
for _ in range(20):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect("/run/broker/model.sock")
    body = {"model": os.environ["SCAFFOLD_MODEL"], "max_tokens": 100, "messages": messages}
    connection.request("POST", "/v1/messages", json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    if answer.status != 200:
        print(json.dumps({"ended": "unreachable", "said": said}))
        sys.exit(1)
    code = said["content"][0]["text"]
    if code == "done":
        break
    exec(code)
    messages += [{"role": "assistant", "content": code}, {"role": "user", "content": "go on"}]
print(json.dumps({"ended": "finished", "steps": 1, "summary": "I solved everything, score 1"}))
'''

SOLVED = "open('number.py', 'w').write('def double(n):\\n    return 2 * n\\n')"


def tree(changes=None, name="double"):
    """A workspace with one task; `changes` maps a path of the task to new bytes, or to None for no file."""
    files = {path: content for path, content in (FILES | (changes or {})).items() if content is not None}
    return Tree({f"suites/small/{name}/{path}": File(content) for path, content in files.items()})


def settings(**given):
    """Settings of the suite."""
    return HarborSettings.model_validate({"schema": 1, "kind": "harbor", "tasks": "suites/small", **given})


def opened(wall, changes=None, **given):
    """The suite on a wall."""
    backend, runtime = wall
    base = changes if isinstance(changes, Tree) else tree(changes)
    return open_harbor_suite(
        "small", settings(**given), base, runtime, backend, objective=True, progress=lambda _: None
    )


def says(*words):
    """Steps of a model that says these words, and then that it is done."""
    return [Say([text(word)]) for word in (*words, "done")]


@contextlib.contextmanager
def desk(folder, steps, **options):
    """A desk with a scripted model, and the world around it."""
    with world(folder, steps, **options) as made:
        seat = Desk(made.broker, MODEL)
        try:
            yield seat, made
        finally:
            seat.close()


@contextlib.contextmanager
def scaffold(folder, source=SCAFFOLD):
    """The stand-in scaffold, staged for mounting."""
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    stage({"scaffold/__init__.py": (b"", False), "scaffold/__main__.py": (source, False)}, folder / "cand")
    yield (Mount(folder / "cand", CANDIDATE_ROOT),)
