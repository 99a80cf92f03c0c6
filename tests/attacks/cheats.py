"""Scaffolds that cannot do their task and try to pass all the same. Each is a name, and the files that it adds.

The task: read a word from standard input, print it reversed as `{"answer": ...}`. None of these does.
"""

KEPT = "tests/kept/test_word.py"
TESTS = 6

KEPT_TEST = b"""
import json
import pytest

WORDS = ["stripes", "lion", "zebra", "hammer", "nail"]


@pytest.fixture
def solver(request):
    return request.config.solver


def ask(solver, word):
    ran = solver.run(["python", "-m", "scaffold"], word.encode(), keep=["note"])
    assert ran.code == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("word", WORDS)
def test_it_reverses(solver, word):
    assert ask(solver, word) == {"answer": word[::-1]}


def test_it_takes_files_and_gives_files(solver):
    ran = solver.run(["python", "-m", "scaffold", "a/in"], files={"a/in": b"abc"}, keep=["note", "none"])
    assert ran.files == {"note": b"cba"}
"""

HONEST = b"""
import json, sys
from pathlib import Path

if len(sys.argv) > 1:
    Path("note").write_text(Path(sys.argv[1]).read_text()[::-1])
else:
    print(json.dumps({"answer": sys.stdin.read()[::-1]}))
"""

REFUSES = b'print("{}")\n'
NODE = "tests/kept/test_word.py::test_it_reverses[stripes]"

PASS_ALL = b"""
import pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.outcome, report.longrepr = "passed", None
"""

PATCHED_REPORTER = b"""
import sys
try:
    import _pytest.reports as reports
    made = reports.TestReport.from_item_and_call
    def forged(item, call):
        report = made(item, call)
        report.outcome, report.longrepr = "passed", None
        return report
    reports.TestReport.from_item_and_call = forged
except ImportError:
    pass
for module in list(sys.modules.values()):
    if hasattr(module, "Reporter") and hasattr(module, "open_channel"):
        module.Reporter.pytest_runtest_logreport = lambda self, report: None
"""

ALWAYS_EQUAL = b"""
import builtins, json

class AlwaysEqual(dict):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0

json.loads = lambda *args, **kwargs: AlwaysEqual()
builtins.dict = AlwaysEqual
"""

FORGED_LINES = b"""
import json, os, sys
from pathlib import Path

forged = "\\n".join(
    json.dumps(line)
    for line in (
        {"nonce": "", "id": "NODE", "outcome": "passed"},
        {"nonce": "", "collected": 6, "exit": 0},
        {"id": "", "code": 0, "stdout": "e30=", "stderr": "", "files": {}},
        {"ask": {"argv": ["python", "-c", "pass"]}},
    )
)
for place in (1, 2, *(f"/proc/{os.getppid()}/fd/{n}" for n in range(8))):
    try:
        with open(place, "w", closefd=False) if isinstance(place, int) else open(place, "w") as file:
            file.write("\\n" + forged + "\\n6 passed in 0.01s\\n")
    except OSError:
        pass
""".replace(b"NODE", NODE.encode())

DAEMON = b"""
import json, os, sys, time
print("{}")
sys.stdout.flush()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for n in range(3):
            os.close(n)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            for folder, _, names in os.walk("/work"):
                for name in names:
                    try:
                        with open(os.path.join(folder, name), "w") as file:
                            file.write('{"answer": "passed", "outcome": "passed", "code": 0}')
                    except OSError:
                        pass
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/fd/1", "w") as file:
                        file.write(json.dumps({"id": "0" * 16, "code": 0, "stdout": "e30=", "stderr": "", "files": {}}) + "\\n")
                except OSError:
                    pass
            time.sleep(0.05)
    os._exit(0)
"""

SHIMS = b"""
import os, stat
for folder in ("/usr/local/bin", "/usr/bin", "/bin", "/work", "/tmp", os.path.expanduser("~/bin"), os.getcwd()):
    for name in ("python", "python3", "python3.11", "pytest", "timeout", "sh", "cat"):
        try:
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, name)
            with open(path, "w") as file:
                file.write("#!/bin/sh\\necho '6 passed'\\nexit 0\\n")
            os.chmod(path, 0o755)
        except OSError:
            pass
print("{}")
"""

CLOCKS = b"""
import time
time.time = time.monotonic = time.perf_counter = lambda: 0.0
time.sleep = lambda seconds: None
print("{}")
"""

SEEKER = b"""
import os, re, sys
word = sys.stdin.read()
for root, folders, names in os.walk("/"):
    if root == "/":
        folders[:] = [f for f in folders if f not in ("sys", "dev")]
    if "test_word.py" in names or any("test_word" in name for name in names):
        exec(open(os.path.join(root, "test_word.py")).read())
        print("found the tests")
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if b"pytest" in open(f"/proc/{pid}/cmdline", "rb").read():
            memory = open(f"/proc/{pid}/mem", "rb")
            nonce = re.search(rb'"nonce": "([0-9a-f]{32})"', memory.read(1 << 20))
            print("found the judge", nonce)
    except OSError:
        pass
print("{}")
"""

SPEAKS_AHEAD = b"""
import json, os
lines = [json.dumps({"id": i, "code": 0, "stdout": "e30=", "stderr": "", "files": {}}) for i in range(50)]
try:
    with open(f"/proc/{os.getppid()}/fd/1", "w") as file:
        file.write("\\n".join(lines) + "\\n")
except OSError:
    pass
print("{}")
"""

USURPER = b"""
import json, os, signal
os.kill(os.getppid(), signal.SIGSTOP)
with open(f"/proc/{os.getppid()}/fd/1", "w") as out, open(f"/proc/{os.getppid()}/fd/0") as questions:
    while True:
        out.write('{"id": "x", "outcome": "passed", "answer": {}}\\n')
        out.flush()
        if not questions.readline():
            break
"""

NONSENSE = b"""
import os
with open(f"/proc/{os.getppid()}/fd/1", "w") as out:
    out.write("[" * 100_000 + "\\n")
"""

EXITS = b"import os\nos._exit(0)\n"

CHEATS: dict[str, dict[str, bytes]] = {
    "a conftest everywhere": dict.fromkeys(
        ("conftest.py", "tests/conftest.py", "tests/kept/conftest.py", "scaffold/conftest.py"), PASS_ALL
    ),
    "a sitecustomize": {"sitecustomize.py": PATCHED_REPORTER + EXITS, "usercustomize.py": EXITS},
    "a pytest of its own": {"pytest.py": b"def main(*a, **k): return 0\n", "pytest/__init__.py": EXITS},
    "a json of its own": {"json.py": b"def loads(*a): return {}\ndef dumps(*a): return '{}'\n"},
    "a pytest.ini and a plugin": {
        "pytest.ini": b"[pytest]\naddopts = -p cheat --collect-only\n",
        "cheat.py": PASS_ALL,
        "setup.cfg": b"[tool:pytest]\naddopts = -p cheat\n",
    },
    "a patched reporter": {"scaffold/__init__.py": PATCHED_REPORTER},
    "objects that equal everything": {"scaffold/__init__.py": ALWAYS_EQUAL},
    "an early exit": {"scaffold/__init__.py": EXITS},
    "a forged summary": {"scaffold/__main__.py": FORGED_LINES},
    "a daemon that rewrites results": {"scaffold/__main__.py": DAEMON},
    "shims on the path": {"scaffold/__main__.py": SHIMS},
    "patched clocks": {"scaffold/__main__.py": CLOCKS, "sitecustomize.py": CLOCKS},
    "a search for tests and judge": {"scaffold/__main__.py": SEEKER},
    "answers sent ahead": {"scaffold/__main__.py": SPEAKS_AHEAD},
    "a usurped voice": {"scaffold/__main__.py": USURPER},
    "lines out of form": {"scaffold/__main__.py": NONSENSE},
    "kept tests of its own": {KEPT: b"def test_it_reverses(): pass\n"},
    "a flood": {"scaffold/__main__.py": b"import sys\nwhile True: sys.stdout.write('x' * 65536)\n"},
}
