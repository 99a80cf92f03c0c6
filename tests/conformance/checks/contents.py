"""What a sandbox holds is what the runtime says, and it works."""

from sandbox.contract import Ending, Limits
from tests.conformance.registry import check, staged
from tests.conformance.walls import text


@check
def there_is_no_repository(wall):
    assert text(wall.run("find", "/", "-path", "/proc", "-prune", "-o", "-name", ".git*", "-print")) == ""


@check
def the_interpreter_is_the_runtimes(wall):
    code = "import sys, sysconfig; print(sys.version.split()[0], sysconfig.get_path('stdlib'))"
    version, stdlib = text(wall.python(code)).split()
    assert version == wall.runtime.python_version
    assert str(wall.runtime.stripped_stdlib).endswith(stdlib)
    assert text(wall.run("python3", "-c", "import sys; print(sys.version.split()[0])")) == version


@check
def the_standard_library_has_no_docstrings(wall):
    code = """
import argparse, json.decoder, textwrap, tarfile, ast, collections, email.message, asyncio.locks, unittest.case
for thing in (argparse.ArgumentParser, json.decoder.JSONDecoder.decode, textwrap, textwrap.wrap, tarfile.TarFile.add,
              ast.literal_eval, email.message.Message, asyncio.locks.Lock, unittest.case.TestCase.assertRaises):
    if thing.__doc__ is not None:
        print("documented", thing)
"""
    assert text(wall.python(code)) == ""


@check
def sentences_of_docstrings_are_nowhere_to_be_read(wall):
    sentences = (
        "Wrap a single paragraph of text, returning a list of wrapped lines",
        "Object for parsing command line strings into Python objects",
        "Evaluate an expression node or a string containing only a Python",
        "Fail unless an exception of class expected_exception is raised",
    )
    for sentence in sentences:
        whole = any(sentence.encode() in path.read_bytes() for path in wall.runtime.stdlib.rglob("*.py"))
        assert whole, f"{sentence!r} is no longer in the original, choose another"
    pattern = "\\|".join(sentences)
    found = wall.run("grep", "-rls", pattern, "/usr", "/opt", "/etc", "/cand", "/work", deadline=60)
    assert (found.ending, found.stdout) == (Ending.EXITED, b"")
    # The same search does find what is there, so that an empty answer means something.
    assert b"textwrap.py" in wall.run("grep", "-rl", "class TextWrapper", "/usr").stdout


@check
def the_bytecode_is_ready(wall):
    code = "import json.decoder, sys; print(json.decoder.__cached__, sys.dont_write_bytecode)"
    cached, _ = text(wall.python(code)).split()
    shown = wall.runtime.stripped_stdlib / cached.partition(f"{wall.runtime.stripped_stdlib.name}/")[2]
    assert shown.is_file()
    verbose = wall.run("python", "-v", "-c", "import argparse, json, unittest, pytest, libcst")
    read = [line for line in verbose.stderr.split(b"\n") if line.startswith(b"# code object from")]
    assert len(read) > 100
    assert [line for line in read if not line.endswith(b".pyc'")] == []


@check
def the_dependencies_are_inside(wall):
    assert text(wall.python("import pytest, libcst; print(pytest.__file__, libcst.parse_module('x = 1').code)")) == (
        "/opt/successor/site/pytest/__init__.py x = 1"
    )


@check
def pytest_runs(wall):
    mount = staged(wall, {"test_it.py": b"def test_it(tmp_path):\n    assert tmp_path.exists()\n"}, "/cand")
    outcome = wall.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "/cand", mounts=(mount,))
    assert (outcome.exit_code, b"1 passed" in outcome.stdout) == (0, True)


@check
def localhost_has_an_address(wall):
    code = """
import socket
server = socket.create_server(("localhost", 0))
socket.create_connection(("localhost", server.getsockname()[1]), 5).sendall(b"x")
print(server.accept()[0].recv(1))
"""
    assert text(wall.python(code)) == "b'x'"


@check
def common_modules_work(wall):
    code = """
import asyncio, concurrent.futures, ctypes, decimal, hashlib, multiprocessing, sqlite3, ssl, subprocess, zlib, lzma, bz2
import uuid, curses, email, http.server, xml.etree.ElementTree, zoneinfo, logging.config, tomllib, venv, doctest
with concurrent.futures.ProcessPoolExecutor(2) as pool:
    print(sum(pool.map(abs, [-1, 2])), subprocess.run("echo $((1+1)) | sed s/2/3/", shell=True, capture_output=True).stdout)
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(abs, range(4))), sqlite3.connect(":memory:").execute("select 1").fetchone())
"""
    assert text(wall.python(code, limits=Limits())) == "3 b'3\\n'\n6 (1,)"
