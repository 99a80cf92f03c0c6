"""What is read and refused, readings in turns, and a module without state."""

import ast

READ = """
from ini import IniError, read
result = []
for lines in given:
    try:
        result.append(read(lines))
    except IniError as error:
        result.append(str(error))
"""
GOOD = [
    "top = 1", "# note", "[a]", "x = one", "  two", "\tthree  ", "", "y=@a.x", "[b]", "x = @.top", "z =", " [c]", "[a]", "q = a = b",
]  # fmt: skip
SETTINGS = {
    "": {"top": "1"},
    "a": {"x": "one\ntwo\nthree", "y": "one\ntwo\nthree", "q": "a = b"},
    "b": {"x": "1", "z": "\n[c]"},
}


def test_what_is_read(check, sources):
    check(
        READ,
        [GOOD, [], ["# nothing"], ["k = @k.l"], ["k = v "]],
        [SETTINGS, {}, {}, "line 1: there is no k.l above", {"": {"k": "v"}}],
        files=sources,
    )


def test_what_is_refused(check, sources):
    texts = [["x"], ["[a"], ["[ ]"], ["a = 1", "a = 2"], [" x"], ["[s]", " x = 1"], ["a = 1", "", " b"], ["= 4"], ["[s]", "a = @s.b", "b = 1"],
             ["a = 1", "[s]", "a = 1", "[t]", "[s]", "a = 3"], ["a = 1", "# c", " more"]]  # fmt: skip
    check(READ, texts, [
        "line 1: this is neither a section nor a value", "line 1: a section is [name]", "line 1: a section is [name]",
        "line 2: a stands twice", "line 1: this goes on where nothing began", "line 2: this goes on where nothing began",
        "line 3: this goes on where nothing began", "line 1: this is neither a section nor a value", "line 3: there is no s.b above",
        "line 6: a stands twice", "line 3: this goes on where nothing began",
    ], files=sources)  # fmt: skip


def test_a_failure_leaves_nothing_behind(check, sources):
    texts = [["[s]", "a = 1", "b = @x"], ["a = @s.a"], ["[s]", "a = 1", "oops"], ["a = 2"], [" x"], ["c = 1"]]
    check(READ, texts, [
        "line 3: there is no x above", "line 1: there is no s.a above", "line 3: this is neither a section nor a value",
        {"": {"a": "2"}}, "line 1: this goes on where nothing began", {"": {"c": "1"}},
    ], files=sources)  # fmt: skip


def test_readings_in_turns(check, sources):
    code = """
import ini
one, two = ini.events(["[a]", "x = 1", " more", "y = @a.x", "z = 3"]), ini.events(["x = 9", "[b]", "x = @.x", "q = 4"])
dropped = ini.events(["[zzz]", "k = 1", "l = 2"])
result = [next(one), next(dropped), next(two), next(two), next(one), ini.read(["r = 1", "s = @.r"]), next(two), next(one)]
del dropped
result += [list(one), list(two), ini.read(["a = 1"])]
"""
    check(code, None, [
        ["a", "x", "1\nmore"], ["zzz", "k", "1"], ["", "x", "9"], ["b", "x", "9"], ["a", "y", "1\nmore"],
        {"": {"r": "1", "s": "1"}}, ["b", "q", "4"], ["a", "z", "3"], [], [], {"": {"a": "1"}},
    ], files=sources)  # fmt: skip


def test_lines_are_taken_one_by_one(check, sources):
    code = """
import ini
taken = []
def lines():
    for line in given:
        taken.append(line)
        yield line
events = ini.events(lines())
result = [list(taken)]
for event in events:
    result.append([event[1], len(taken)])
"""
    check(code, ["a = 1", "", "b = 2", " x", "# c", "[s]", "c = 3"], [[], ["a", 2], ["b", 5], ["c", 7]], files=sources)


def test_an_error_comes_after_what_was_whole_before_it(check, sources):
    code = """
import ini
events = ini.events(["a = 1", "oops"])
result = [next(events)]
try:
    next(events)
except ini.IniError as error:
    result.append([str(error), isinstance(error, ValueError)])
"""
    check(code, None, [["", "a", "1"], ["line 2: this is neither a section nor a value", True]], files=sources)


def test_the_module_has_no_state(check, sources):
    tree = ast.parse(sources["ini.py"])
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    written = [node for node in ast.walk(tree) if isinstance(node, ast.Global)]

    assert names >= {"read", "events"}
    assert "last_error" not in names
    assert not written
    code = """
import ini
def state():
    return {name: repr(value) for name, value in vars(ini).items() if not name.startswith("__")}
before = state()
half = ini.events(["[a]", "x = 1", "y = 2"])
next(half)
result = [state() == before]
try:
    ini.read(["x"])
except ini.IniError:
    pass
result.append(state() == before)
"""
    check(code, None, [True, True], files=sources)
