"""What the patch lets the code do: found in whatever way it is written, and only when it is new."""

import pytest

from agent.edits.tree import File, Tree
from agent.gate.code_facts import code_facts
from agent.gate.source import Sources

BASE = {
    "scaffold/__init__.py": "",
    "scaffold/tools.py": """\
import subprocess

def run_tests(folder):
    return subprocess.run(["python", "-m", "pytest", folder], timeout=60, check=False)
""",
    "scaffold/search.py": "import math\n\ndef rank(query):\n    return math.log(1 + len(query)) * 1.2\n",
    "tests/scaffold/test_search.py": "import pytest\n\ndef test_rank():\n    assert rank('x') > 0\n",
}


MAIN = "scaffold/__main__.py"


def tree(files):
    return Tree({path: File(content.encode()) for path, content in files.items()})


def facts(**changes):
    """Code facts of a patch that sets files, named with `__` for `/`."""
    changed = {MAIN if name == "main" else name.replace("__", "/") + ".py": text for name, text in changes.items()}
    return code_facts(Sources(tree(BASE)), Sources(tree({**BASE, **changed})))


def added(source, path="scaffold__new"):
    return [(item.kind, item.name) for item in facts(**{path: source}).capabilities]


def kinds(source, path="scaffold__new"):
    return {kind for kind, _ in added(source, path)}


REACHES = {
    "network": [
        "import socket",
        "import socket as s",
        "from socket import create_connection",
        "from urllib.request import urlopen",
        "import urllib.request as r",
        "import requests",
        "def f():\n    import http.client",
        "try:\n    import httpx\nexcept ImportError:\n    pass",
        "import asyncio\nasyncio.open_connection('h', 1)",
        "from asyncio import open_connection as o",
        "from scaffold.tools import socket",
        "from logging import handlers\nhandlers.SocketHandler('h', 1)",
    ],
    "process": [
        "import subprocess",
        "from subprocess import run",
        "import os\nos.system('x')",
        "import os as o\no.system('x')",
        "from os import system",
        "from os import popen as p\np('x')",
        "import os\nf = os.execv",
        "import os\nos.fork()",
        "import os\nrun = [os.spawnl][0]",
        "import os\nclass A:\n    go = staticmethod(os.posix_spawn)",
        "import multiprocessing",
        "def f(self):\n    self.os.system('x')",
        "from scaffold.tools import subprocess",
        "from scaffold import tools\ntools.subprocess.run(['x'])",
        "import concurrent.futures as c\nc.ProcessPoolExecutor()",
        "import pty",
        "breakpoint()",
    ],
    "exit": [
        "import os\nos._exit(0)",
        "from os import _exit",
        "import os\ngetattr(os, 'x')\nos.abort()",
        "import sys\nsys.exit(0)",
        "exit()",
        "quit()",
        "raise SystemExit",
        "def f():\n    raise SystemExit(0)",
        "import signal\nsignal.alarm(1)",
        "import atexit",
        "import sys\nsys.excepthook = print",
    ],
    "dynamic": [
        "eval('1')",
        "exec('x = 1')",
        "compile('1', 'x', 'eval')",
        "x = eval",
        "\uff45val('1')",  # the interpreter folds it to eval
        "__import__('os')",
        "import importlib\nimportlib.import_module('os')",
        "from importlib import import_module",
        "import ctypes",
        "import pickle",
        "from pickle import loads",
        "import marshal",
        "import builtins",
        "__builtins__['eval']",
        "globals()['x'] = 1",
        "().__class__.__subclasses__()",
        "def f(g):\n    return g.__globals__",
        "getattr(f, '__globals__')",
        "import sys\nsys.modules['json'] = None",
        "import sys\nsys._getframe()",
        "import inspect\ninspect.stack()",
        "import yaml\nyaml.load('x')",
        "import types\ntypes.FunctionType(1, {})",
        "import runpy",
    ],
    "files": [
        "open('x', 'w')",
        "open('x', mode='a')",
        "open('x', m)",
        "open(*args)",
        "open('x', **kw)",
        "from pathlib import Path\nPath('x').write_text('y')",
        "def f(p):\n    p.unlink()",
        "def f(p):\n    p.open('wb')",
        "import os\nos.remove('x')",
        "from os import rename",
        "import shutil",
        "import io\nio.open('x', 'w')",
        "import os\nos.open('x', os.O_WRONLY)",
    ],
    "environment": [
        "import os\nos.environ['CI']",
        "import os\nos.getenv('CI')",
        "from os import environ",
        "import platform",
        "import time\ntime.time()",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime\ndatetime.now()",
        "x = '/.dockerenv'",
        "x = 'PYTEST_CURRENT_TEST'",
        "import getpass",
    ],
    "patching": [
        "import sys\nsys.path.insert(0, 'x')",
        "import time\ntime.monotonic = lambda: 0",
        "import pytest\npytest.raises = None",
        "import json as j\nj.loads = eval",
        "import json\ndel json.loads",
        "import json\nsetattr(json, 'loads', None)",
        "from scaffold import search\nsearch.rank = None",
        "class A:\n    def __eq__(self, other):\n        return True",
        "class A:\n    def __eq__(self, other):\n        'Equal.'\n        return True",
        "__name__ = '__main__'",
        "import json\nfor json.loads in []: pass",
        "import json\nwith f() as json.loads: pass",
    ],
    "outside": [
        "x = '/etc/passwd'",
        "x = '/proc/self/environ'",
        "x = f'{y} /root/.ssh'",
        "x = '~/.ssh/id_ed25519'",
        "x = '../other'",
        "x = 'a/../../b'",
        "x = '/tmp/x'",
        "x = ['cat', '/home/me']",
    ],
    "encoded": [
        "import base64",
        "from binascii import unhexlify",
        "import codecs\ncodecs.decode('x', 'rot13')",
        "bytes.fromhex('00')",
        "x = '" + "QUJD" * 40 + "'",
        "x = b'" + "\\x00\\xff" * 60 + "'",
    ],
    "obscure": [
        "from os import *",
        "from tests.scaffold import helper",
        "import tests.scaffold.helper",
        "from scaffold.tools import *",
        "import os\nx = os",
        "import os\ngetattr(os, 'sys' + 'tem')",
        "import os\nvars(os)",
        "from operator import attrgetter\nimport os\nattrgetter('system')(os)",
        "import sys as s\nf(s)",
    ],
}


@pytest.mark.parametrize(("kind", "source"), [(kind, source) for kind, all_ in REACHES.items() for source in all_])
def test_each_way_of_reaching_for_more_is_seen(kind, source):
    assert kind in kinds(source + "\n")


@pytest.mark.parametrize(
    "source",
    [
        "import re\nPATTERN = re.compile('x')",
        "from re import compile\ncompile('x')",
        "import os\nos.path.join('a', 'b')",
        "from os import path",
        "open('x')",
        "open('x', 'rb')",
        "open('x', encoding='utf-8')",
        "from pathlib import Path\nPath('x').read_text()",
        "text.replace('a', 'b')",
        "import sys\nsys.stdout.write('x')\nfor line in sys.stdin: pass",
        "import json\njson.dumps({})",
        "class A:\n    def __init__(self):\n        self.rank = 1",
        "class A:\n    def __eq__(self, other):\n        return self.x == other.x",
        "import time\ntime.monotonic()",
        "x = '/dev/null'",
        "x = 'a/b/c'\ny = '...'\nz = '~='\nw = '/'",
        "'''Reads /etc/passwd? No: this is a docstring about ~/x and ../y.'''",
        "def f():\n    '''See /proc.'''",
        "def getenv(name): return name\ngetenv('x')",
        "class E(Exception): pass\nraise E('x')",
        "import math\nx = math",
        "x: int = 3\nx += 1",
        "__all__ = ['x']",
        "class A:\n    __radd__ = __add__\n    __slots__ = ()",
        "import sys\nif __name__ == '__main__':\n    sys.exit(main())",
        "if __name__ == '__main__':\n    raise SystemExit(main())",
        "with pytest.raises(SystemExit): pass",
        "except_ = 1\ntry:\n    pass\nexcept SystemExit:\n    pass",
    ],
)
def test_ordinary_code_adds_nothing(source):
    assert added(source + "\n") == []


def test_tests_may_import_each_other():
    assert added("from tests.scaffold import helper\n", "tests__scaffold__test_x") == []


def test_a_test_may_hand_a_program_its_input_but_the_mind_may_not_be_patched_so():
    source = "import sys\n\ndef test_x(monkeypatch):\n    monkeypatch.setattr(sys, 'stdin', 1)\n    assert f()\n"

    assert added(source, "tests__scaffold__test_x") == []
    assert kinds(source) == {"obscure"}


def test_a_program_may_end_itself_in_its_main_module_but_only_politely():
    assert kinds("import sys\nsys.exit(main())\n", "main") == set()
    assert kinds("import os\nos._exit(0)\n", "main") == {"exit"}
    assert kinds("import os\nif __name__ == '__main__':\n    os._exit(0)\n") == {"exit"}
    assert kinds("import sys\nif __name__ == '__main__':\n    pass\nelse:\n    sys.exit()\n") == {"exit"}


def test_what_the_base_does_already_is_not_new():
    assert facts(scaffold__tools=BASE["scaffold/tools.py"] + "\n\ndef other():\n    return 1\n").capabilities == ()


def test_a_changed_number_in_a_call_is_not_a_new_call():
    assert facts(scaffold__tools=BASE["scaffold/tools.py"].replace("60", "30")).capabilities == ()


def test_a_changed_command_line_is_a_new_call():
    names = [i.name for i in facts(scaffold__tools=BASE["scaffold/tools.py"].replace('"pytest"', '"pip"')).capabilities]

    assert names == ["subprocess.run"]


def test_a_second_call_of_the_same_kind_is_new():
    again = BASE["scaffold/tools.py"] + "\n\ndef more(x):\n    return subprocess.run(x)\n"
    found = facts(scaffold__tools=again).capabilities

    assert [(item.name, item.path, item.line) for item in found] == [("subprocess.run", "scaffold/tools.py", 8)]


def test_code_that_moves_to_another_file_adds_nothing():
    moved = {"scaffold__tools": "", "scaffold__runner": BASE["scaffold/tools.py"]}

    assert facts(**moved).capabilities == ()


def test_code_that_moves_from_the_tests_into_the_mind_is_new_there():
    base = Sources(tree({**BASE, "tests/scaffold/test_x.py": "import socket\n"}))
    result = Sources(tree({**BASE, "scaffold/net.py": "import socket\n"}))

    assert [item.where for item in code_facts(base, result).capabilities] == ["mind"]


def test_the_place_named_is_the_line_that_the_patch_wrote():
    source = "import os\n\n\ndef f():\n    return os.environ\n"

    assert [(i.path, i.line) for i in facts(scaffold__new=source).capabilities] == [("scaffold/new.py", 5)]


@pytest.mark.parametrize(
    ("path", "taken"),
    [("tests__scaffold__json", "json"), ("tests__scaffold__pytest", "pytest"), ("tests__scaffold__search", None)],
)
def test_a_new_module_that_takes_the_name_of_another(path, taken):
    names = [name for _, name in added("x = 1\n", path)]

    assert names == ([f"takes the name of {taken}"] if taken else [])


def test_a_package_that_takes_the_name_of_another():
    result = Sources(tree({**BASE, "tests/scaffold/_pytest/__init__.py": "x = 1\n"}))

    found = code_facts(Sources(tree(BASE)), result).capabilities
    assert [item.name for item in found] == ["takes the name of _pytest"]


def test_a_module_within_a_package_may_have_any_name():
    assert added("x = 1\n", "scaffold__json") == []


def test_imports_know_what_is_ours_what_is_standard_and_what_is_new():
    source = "import numpy\nimport heapq\nfrom scaffold import search\nfrom .search import rank\nimport pytest\n"

    assert [(item.module, item.origin, item.known) for item in facts(scaffold__new=source).imports] == [
        ("numpy", "third_party", False),
        ("heapq", "stdlib", False),
        ("scaffold", "own", False),
        (".search", "own", False),
        ("pytest", "third_party", False),  # only the tests use it
    ]


def test_a_suppression_is_counted_once_for_each_comment():
    source = "x = 1  # noqa: E501\ny = 2  # type: ignore[attr-defined]\nz = 3  # pragma: no cover\n# fmt: off\n"

    assert [item.what for item in facts(scaffold__new=source).suppressions] == [
        "noqa",
        "type: ignore",
        "pragma: no cover",
        "fmt: off",
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"def f(:\n", "not valid Python"),
        (b"# coding: utf-7\nx = 1\n", "encoding"),
        (b"#!/usr/bin/python\n# -*- coding: latin-1 -*-\n", "encoding"),
        (b"# coding: rot13\n", "encoding"),
        (b"x = '\xff'\n", "not UTF-8"),
        (b"x = 1\0\n", "not UTF-8"),
        (b"x = " + b"-" * 3000 + b"1\n", "nested too deep"),
        (b"x = " + b"+".join([b"1"] * 500) + b"\n", "nested too deep"),
        (b"x = a" + b".b" * 3000 + b"\n", "nested too deep"),
        (b"x = 1\n" * 200_000, "too large"),
    ],
)
def test_python_that_cannot_be_judged_is_named(content, why):
    result = Sources(Tree({**tree(BASE), "scaffold/new.py": File(content)}))
    found = code_facts(Sources(tree(BASE)), result).unparsable

    assert [item.path for item in found] == ["scaffold/new.py"]
    assert why in found[0].what


def test_a_declared_utf_8_and_a_byte_order_mark_are_fine():
    result = Sources(Tree({**tree(BASE), "scaffold/new.py": File(b"\xef\xbb\xbf# coding: utf-8\nx = 1\n")}))

    assert code_facts(Sources(tree(BASE)), result).unparsable == ()


def test_code_without_a_suffix_is_read_when_its_first_line_calls_the_interpreter():
    result = Sources(Tree({**tree(BASE), "scaffold/tool": File(b"#!/usr/bin/env python3\nimport socket\n")}))

    assert [item.kind for item in code_facts(Sources(tree(BASE)), result).capabilities] == ["network"]


def test_an_invalid_escape_in_the_candidates_code_is_not_our_warning():
    assert facts(scaffold__new="x = '\\d'\n").unparsable == ()


def test_the_facts_are_the_same_every_time():
    source = "".join(f"{line}\n" for all_ in REACHES.values() for line in all_ if "\n" not in line)

    assert facts(scaffold__new=source) == facts(scaffold__new=source)


def test_what_was_found_in_a_file_once_is_not_said_of_another_place_or_another_content():
    socket = "import socket\n"
    assert kinds(socket) == {"network"}
    assert kinds("x = 1\n") == set()
    assert kinds(socket) == {"network"}

    # The same bytes in a workspace that has a module of that name, and among the tests.
    own = {**BASE, "scaffold/new.py": "from scaffold import socket\n"}
    mine = {**own, "scaffold/socket.py": "x = 1\n"}
    found = [
        {
            item.kind
            for item in code_facts(Sources(tree(BASE)), Sources(tree(files))).capabilities
            if "import" in item.name
        }
        for files in (own, mine, own)
    ]
    assert found == [{"network"}, set(), {"network"}]
