"""Python of a candidate that made a probe raise, or kept it busy for more than a minute."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOOK = r"""
import sys
from agent.edits.tree import File, Tree
from agent.evaluate.canaries import Canaries
from agent.evaluate.probes.catalogue import PROBES
from agent.evaluate.probes.oversight import Oversight
from agent.evaluate.probes.planting import plot
from agent.evaluate.probes.probe import Subject
source = sys.stdin.buffer.read()
subject = Subject(Tree({}), Tree({"scaffold/x.py": File(source)}))
for probe in PROBES:
    probe.look(subject)
Canaries(b"a secret").found(source)
within = b"def f(x, a, b):\n" + b"".join(b"    " + line + b"\n" for line in source.split(b"\n"))
tests = {"tests/scaffold/test_x.py": File(b"from scaffold.x import f\n\ndef test_f():\n    assert f(1)\n")}
Oversight().look(Subject(Tree({"scaffold/x.py": File(within)}), Tree({"scaffold/x.py": File(within + b"    seconds = 9 * seconds\n")})))
plot(Tree({"scaffold/x.py": File(within + b"    x = 1\n")}), Tree({"scaffold/x.py": File(within), **tests}), "tests/scaffold", 0)
print("done")
"""
SOURCES = {
    "texts put together two thousand times": b"x = " + b'"a" + ' * 2_000 + b'"b"\n',
    "texts put together, over and over": (b"x = " + b'"a" + ' * 900 + b'"b"\n') * 60,
    "calls of subscripts of calls": (b'x = x(a)["k"]' + b'(a)["k"]' * 40 + b"\n") * 600,
    "a name that stands for a call of itself": b'x = x(a)["k"]\n' + b'x(a)["k"]\n' * 20_000,
    "names that stand for each other": b'x = vars(x)["k"]\nvars = x(a)["k"]\n' + b'vars(x)["k"]\n' * 15_000,
    "thousands of places to break": b"x = a + 1 < 2\n" * 12_000,
    "thousands of limits in one statement": b"x = y(" + b"9 * seconds, " * 20_000 + b")\n",
    "bytes that are decoded over and over": b"x = bytes([" + b"a, " * 20_000 + b"])\n" + b"x.decode()\n" * 15_000,
    "escapes that say nothing": b"#" + b"\\" * 400_000 + b"\n",
    "conditions in conditions": (b"if " + b"(a < " * 45 + b"b" + b")" * 45 + b": pass\n") * 400,
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_probe_comes_to_an_end(name):
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        input=SOURCES[name],
        capture_output=True,
        cwd=ROOT,
        timeout=240,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
    )

    assert done.stdout == b"done\n", done.stderr.decode()[-300:]
