"""What may be parsed in this process: nothing that crashes the parser, hangs it, or comes back altered."""

import inspect
import json
import random
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from agent.edits.nesting import too_deep
from agent.edits.source import parse_source
from agent.errors import EditConflict

MANY = 20_000
# Each of these kills the process or keeps it busy for longer than a person waits when libcst is given it.
DEADLY = {
    "parentheses": "x = " + "(" * MANY + "1" + ")" * MANY + "\n",
    "open parentheses": "x = " + "(" * MANY + "\n",
    "lists": "x = " + "[" * MANY + "]" * MANY + "\n",
    "subscripts": "x = " + "a[" * MANY + "1" + "]" * MANY + "\n",
    "lambdas": "x = " + "lambda: " * MANY + "1\n",
    "lambdas with commas": "x = " + "lambda a, b: " * MANY + "1\n",
    "loops with commas": "x = [1" + " for a, b in c" * MANY + "]\n",
    "ands": "x = " + "1 and " * MANY + "1\n",
    "nots": "x = " + "not " * MANY + "1\n",
    "sums": "x = " + "1+" * MANY + "1\n",
    "attributes": "x = a" + ".b" * MANY + "\n",
    "calls": "x = a" + "()" * MANY + "\n",
    "elifs": "if x:\n  pass\n" + "elif x:\n  pass\n" * MANY,
    "joined strings": "x = (" + "'a'\n" * MANY + ")\n",
    "format strings": "x = f'{" + "(" * MANY + ")" * MANY + "}'\n",
    "nested formats": "x = f'{a:" + "{a:" * MANY + "}" * MANY + "}'\n",
    "case patterns": "match x:\n case " + "{1:" * 30 + "a" + "}" * 30 + ":\n  pass\n",
    "case groups": "match x:\n case " + "[" * 30 + "]" * 30 + ":\n  pass\n",
    "deleted tuples": "del " + "(" * 31 + "a" + ",)" * 31 + "\n",
}
# Ways to make a scanner believe that code is a string.
DISGUISED = {
    "closers in strings": "x = " + "(')'," * MANY + "\n",
    "a prefix that is a name": "x = éf'{' + " + "(" * MANY + "'}'\n",
    "a prefix that is a number": "x = 1f'{' if " + "(" * MANY + "'}'\n",
    "a string in its own kind of quotes": 'x = f"{\'}\' + " " + ' + "(" * MANY + '}"\n',
    "an escaped brace": "x = f'\\{" + "(" * MANY + "}'\n",
    "an unended string": "x = '\n" + "(" * MANY + "\n",
    "a comment with a quote": "# '\nx = " + "(" * MANY + " # '\n",
    "a continued line": "x = 1 # \\\nx = " + "(" * MANY + "\n",
    "a triple quote in a string": 'x = \'"""\'; y = ' + "(" * MANY + ' # """\n',
    "a named character": "x = f'\\N{" + "(" * MANY + "}'\n",
    "a format with a lambda": "x = f'{lambda x: " + "lambda y: " * MANY + "1}'\n",
}


def test_a_source_that_would_kill_the_parser_is_not_given_to_it():
    """In a process of its own: without the guard it dies of a signal or never ends, and the last name says of what."""
    code = (
        "import json, sys; from agent.edits.source import parse_source; from agent.errors import EditConflict\n"
        "for name, source in json.load(sys.stdin).items():\n"
        "    print(name, flush=True)\n"
        "    try: parse_source(source.encode())\n"
        "    except EditConflict: continue\n"
        "    sys.exit(3)\n"
    )
    command = [sys.executable, "-c", code]
    sources = {**DEADLY, **DISGUISED}
    done = subprocess.run(command, input=json.dumps(sources), capture_output=True, check=False, timeout=60, text=True)

    assert (done.returncode, done.stdout.splitlines()) == (0, list(sources))


@pytest.mark.parametrize("name", [*DEADLY, *(name for name in DISGUISED if "unended" not in name)])
def test_the_scanner_itself_says_no(name):
    assert too_deep({**DEADLY, **DISGUISED}[name].encode())


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (b"def (\n", "syntax error in line 1"),
        (b"x = 1\n  y = 2\n", "syntax error"),
        ("x = 'ü'\n".encode("utf-16"), "encoding"),
        ("x = 'ü'\n".encode("latin-1"), "encoding"),
        (b"# coding: no-such-thing\n", "encoding"),
        (b"# coding: shift_jis\nx = 1\n", "not among those we read"),
        (b"# coding: utf-7\nx = 1\n", "not among those we read"),
        (b"# coding: unicode_escape\nx = 1\\ny = 2\n", "encoding"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "encoding"),
        (b"x = 1\ry = 2\r", "lone carriage returns"),
        (b"x = '\r'\n", "lone carriage returns"),
        (b"try:\n  pass\nexcept X :\n  pass\n", "byte for byte"),
        (b"x = 1\n\x0cy = 2\n", "byte for byte"),
        (b"x = 1\x00\n", "cannot be read"),
        (b"x = 'a\n", "does not end"),
        (b"x = (]\n", "do not match"),
        (b"#" * (1 << 19) + b"\n", "longer than"),
    ],
)
def test_what_cannot_be_read_exactly_is_refused_with_the_reason(source, why):
    with pytest.raises(EditConflict, match="cannot be read as Python") as refused:
        parse_source(source)

    assert why in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"\n\n",
        b"x = 1",
        b"x = 1\r\ny = (\r\n  2)\r\n",
        b"\xef\xbb\xbfx = 1\n",
        b"# coding: latin-1\nx = '\xfc'\n",
        "é = 'ü'\n".encode(),
        b"if x :\n\tpass\n",
        b"x = 1; y = 2;\n",
        b"class A[T]: pass\ntype B = int\n",
        b"match x:\n  case {'a': [b, c]}: pass\n",
        b"x = rb'\\\\' + Rb\"\\\"\" + u'' + f'' + rf'\\{x}' + f'\\N{DASH}' + f\"{x['a']:{w}.{p}f}{{}}\"\n",
        b'x = f"""{\n  a["b"]  \n}"""\n',
        b"x = t'{a!r}'\n",
        b"def f(a, /, b, *, c): return lambda d, e: (d, e)\n",
    ],
)
def test_what_can_be_read_comes_back_byte_for_byte(source):
    assert parse_source(source).bytes == source


def test_a_source_that_is_too_deep_for_the_stack_that_is_left_is_refused():
    def below(frames):
        return below(frames - 1) if frames else parse_source(b"x = " + b"not " * 250 + b"y\n")

    room = sys.getrecursionlimit() - len(inspect.stack(0))
    with pytest.raises(EditConflict, match="RecursionError"):
        below(room - 100)


def test_the_scanner_lets_the_standard_library_through():
    """Too strict a scanner would turn honest files into text; four files of the library's tests are known to be extreme."""
    paths = sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"))
    sample = random.Random(2).sample([p for p in paths if "site-packages" not in p.parts], 250)
    refused = {p.name: too_deep(p.read_bytes()) for p in sample if len(p.read_bytes()) < 1 << 18}
    # Grammar of Python 3.12 that the scanner refuses by name: such a file is edited as text.
    quotes = [name for name, why in refused.items() if why == "a format string holds its own kind of quotes"]

    assert len(quotes) <= 3
    assert {name for name, why in refused.items() if why} - set(quotes) <= {
        "test_fstring.py",
        "test_patma.py",
        "test_grammar.py",
        "test_syntax.py",
    }
