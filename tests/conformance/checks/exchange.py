"""Bytes go in and come out whole."""

import secrets

from sandbox.contract import MIB, Ending
from tests.conformance.registry import check
from tests.conformance.walls import text


@check
def five_megabytes_are_echoed(wall):
    content = secrets.token_bytes(5 * MIB)
    outcome = wall.run("cat", stdin=content)
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 0)
    assert outcome.stdout == content


@check
def input_that_nobody_reads_blocks_nothing(wall):
    outcome = wall.run("echo", "done", stdin=bytes(5 * MIB))
    assert (outcome.ending, outcome.stdout) == (Ending.EXITED, b"done\n")
    outcome = wall.python("import os, time; os.close(0); time.sleep(0.5); print('done')", stdin=bytes(5 * MIB))
    assert (outcome.ending, outcome.stdout) == (Ending.EXITED, b"done\n")


@check
def input_ends(wall):
    assert text(wall.python("import sys; print(len(sys.stdin.buffer.read()))")) == "0"
    assert text(wall.python("import sys; print(len(sys.stdin.buffer.read()))", stdin=b"abc")) == "3"


@check
def outputs_are_kept_apart_and_whole(wall):
    code = "import sys; b = bytes(range(256)) * 4096; sys.stdout.buffer.write(b); sys.stderr.buffer.write(b[::-1])"
    outcome = wall.python(code)
    assert outcome.stdout == bytes(range(256)) * 4096
    assert outcome.stderr == (bytes(range(256)) * 4096)[::-1]
