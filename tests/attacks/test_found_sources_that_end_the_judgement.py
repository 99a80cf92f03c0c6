"""Python of a candidate at which collecting the facts ended in a traceback, or took a gigabyte."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from agent.edits.tree import File, Tree
from agent.gate.code_facts import code_facts
from agent.gate.source import Sources
from agent.gate.weakening import changes_to_tests

ROOT = Path(__file__).parents[2]
LONG = "0x" + "f" * 20_000
NUMBERS = {
    "a call that starts a process": ("scaffold/x.py", f"import os\nos.system({LONG})\n"),
    "a condition": ("scaffold/x.py", f"if {LONG}:\n    pass\n"),
    "an assertion": ("tests/scaffold/test_x.py", f"def test_x():\n    assert f() == {LONG}\n"),
    "a case": ("tests/scaffold/test_x.py", f"@p.parametrize('x', [{LONG}])\ndef test_x(x):\n    assert x\n"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_cannot_be_written_in_decimal(name):
    path, source = NUMBERS[name]
    before, after = Sources(Tree({})), Sources(Tree({path: File(source.encode())}))

    changes_to_tests(before, after)
    assert [seen.what for seen in code_facts(before, after).unparsable] == ["it holds a number too long to be judged"]


def test_assertions_below_long_conditions_take_little_memory():
    """Each assertion was kept with the text of every condition around it."""
    program = """
import sys
from agent.edits.tree import File, Tree
from agent.gate.source import Sources
from agent.gate.weakening import changes_to_tests
nested = "".join(" " * n + "if a == " + "b" * 2_000 + ":\\n" for n in range(1, 46))
source = "def test_x():\\n" + nested + (" " * 47 + "assert a\\n") * 10_000
changes_to_tests(Sources(Tree({})), Sources(Tree({"tests/test_x.py": File(source.encode())})))
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20)),
    )

    assert done.stdout == b"done\n", done.stderr.decode()[-300:]
