"""Rules, order, what is stale, plans, and what comes of them."""

import random

PLAN = """
from order import CycleError
from plan import plan
from rules import RuleError
from stale import MissingError
result = []
for text, wanted, times in given:
    try:
        result.append(plan(text, wanted, times))
    except (CycleError, MissingError, RuleError) as error:
        result.append([type(error).__name__, getattr(error, "path", None)])
"""
ORDER = """
from order import CycleError, order
from rules import Rule
result = []
for needs, wanted in given:
    try:
        result.append(order({name: Rule(name, list(those)) for name, those in needs.items()}, wanted))
    except CycleError as error:
        result.append([error.path, str(error)])
"""
STALE = """
from order import order
from rules import Rule
from stale import MissingError, stale
result = []
for needs, phony, wanted, times in given:
    rules = {name: Rule(name, list(those)) for name, those in needs.items()}
    try:
        result.append(stale(rules, set(phony), order(rules, wanted), times))
    except MissingError:
        result.append("missing")
"""
CARRY = "from plan import carry_out\nresult = [carry_out(*one) for one in given]"
PROGRAM = """
app: a.o b.o
    link $^ -o $@
a.o: a.c all.h
    cc $< -o $@
b.o: b.c all.h b.h
    cc $< -o $@
b.h: b.in
    make-header
docs: b.h
    write docs
"""


def ordered(needs, wanted):
    """Return the order, or the first circle that is met."""
    done, found = [], []

    def visit(name, path):
        if found or name in done:
            return
        if name in path:
            found.append([*path[path.index(name) :], name])
            return
        for need in needs.get(name, []):
            visit(need, [*path, name])
        if not found:
            done.append(name)

    for name in wanted:
        visit(name, [])
    return [found[0], " -> ".join(found[0])] if found else done


def out_of_date(needs, phony, wanted, times):
    made = []
    for name in ordered(needs, wanted):
        if name not in needs:
            if name not in times and name not in phony:
                return "missing"
        elif name in phony or name not in times or any(n in made or times.get(n, 0) > times[name] for n in needs[name]):
            made.append(name)
    return made


def test_order(check):
    cases = [
        [{"a": ["b", "c"], "b": ["d"], "c": ["d"]}, ["a"]], [{"a": ["b"]}, ["a", "a", "b", "x"]], [{"a": ["b", "b"]}, ["b", "a"]],
        [{"a": ["b"], "b": ["c"], "c": ["d", "b"]}, ["a"]], [{"a": ["a"]}, ["a"]], [{"z": ["x"], "a": ["x", "c"], "c": ["a"]}, ["z", "a"]],
        [{}, []],
    ]  # fmt: skip
    check(ORDER, cases, [
        ["d", "b", "c", "a"], ["b", "a", "x"], ["b", "a"], [["b", "c", "b"], "b -> c -> b"], [["a", "a"], "a -> a"],
        [["a", "c", "a"], "a -> c -> a"], [],
    ])  # fmt: skip


def some_needs(dice, circles):
    names = "abcdefgh"
    return {
        name: dice.sample(
            names if circles else names[place + 1 :] + "xy", min(dice.randint(0, 3), len(names) - place - 1)
        )
        for place, name in enumerate(names[:6])
    }


def test_many_orders(check):
    dice = random.Random(71)
    cases = [[some_needs(dice, circles=dice.random() < 0.3), dice.sample("abcdefghx", 3)] for _ in range(150)]
    check(ORDER, cases, [ordered(*case) for case in cases])


def test_what_is_stale(check):
    program = {"app": ["a.o", "b.o"], "a.o": ["a.c", "h"], "b.o": ["b.c", "h"], "h": ["in"], "all": ["app"]}
    fresh = {"in": 1, "h": 1, "a.c": 1, "b.c": 1, "a.o": 2, "b.o": 2, "app": 2}
    check(STALE, [
        [program, [], ["app"], fresh], [program, [], ["app"], {**fresh, "in": 2}], [program, [], ["app"], {**fresh, "b.c": 3}],
        [program, [], ["app"], {name: time for name, time in fresh.items() if name != "h"}],
        [program, [], ["app"], {name: time for name, time in fresh.items() if name != "a.c"}],
        [program, ["all"], ["all"], {**fresh, "all": 9}], [program, ["a.o"], ["app"], fresh], [program, ["in"], ["h"], {"h": 5}],
        [{"a": ["b"], "b": []}, [], ["a"], {"a": 0, "b": 0}], [{"a": ["b"], "b": []}, [], ["a"], {"a": -3, "b": -2}],
    ], [
        [], ["h", "a.o", "b.o", "app"], ["b.o", "app"], ["h", "a.o", "b.o", "app"], "missing", ["all"], ["a.o", "app"], [],
        [], ["a"],
    ])  # fmt: skip


def test_many_states(check):
    dice, cases = random.Random(72), []
    for _ in range(200):
        needs = some_needs(dice, circles=False)
        times = {name: dice.randint(1, 5) for name in "abcdefghxy" if dice.random() < 0.9}
        cases.append([needs, [name for name in "abg" if dice.random() < 0.2], dice.sample("abcdef", 2), times])
    check(STALE, cases, [out_of_date(*case) for case in cases])


def test_plans(check):
    times = {"a.c": 1, "b.c": 1, "all.h": 1, "b.in": 1, "a.o": 2, "b.o": 2, "b.h": 2, "app": 2}
    link, cc_b, head = ["app", ["link a.o b.o -o app"]], ["b.o", ["cc b.c -o b.o"]], ["b.h", ["make-header"]]
    check(PLAN, [
        [PROGRAM, [], times], [PROGRAM, [], {**times, "b.in": 3}], [PROGRAM, ["docs", "app"], {**times, "b.c": 5}],
        [PROGRAM, ["nothing"], times], ["a: b\n\tx\nb: a\n\ty\n", [], {}], ["", [], {}],
        [".PHONY: all clean\nall: x\nclean:\n  rm x\nx:\n  make x\n", ["all", "clean"], {"x": 1, "clean": 9}],
        [".PHONY: all\nall: x\n  done\nx: y\ny: z\n  make y\n", [], {"x": 5, "z": 1}],
    ], [
        [], [head, cc_b, link], [["docs", ["write docs"]], cc_b, link], ["MissingError", None], ["CycleError", ["a", "b", "a"]], [],
        [["clean", ["rm x"]]], [["y", ["make y"]], ["all", ["done"]]],
    ])  # fmt: skip


def test_what_is_put_into_commands(check):
    text = """
OPTIONS = -O2 $(MORE)   # what we like
$(OUT): $(IN) second \\
   third $(IN)
    cc $(OPTIONS) $^ > $@ # $< stays
    echo "$$HOME $$(OUT) $(NONE)" a=b: $$@
MORE = -g
OUT = old
OUT = new
IN = $(OUT).c
"""
    again = "N = $$@ $@\nt: a b\n  $(N) $<\nt: b c\nempty:\n  [$<] [$^]\nurl = http://x\nw: v\n  get $(url)\n"
    check(PLAN, [[text, ["new"], {"new.c": 1, "second": 1, "third": 1}], [again, ["t", "empty", "w"], {"a": 1, "b": 1, "c": 1, "v": 1}]], [
        [["new", ["cc -O2 -g new.c second third > new # new.c stays", 'echo "$HOME $(OUT) " a=b: $@']]],
        [["t", ["$@ t a"]], ["empty", ["[] []"]], ["w", ["get http://x"]]],
    ])  # fmt: skip


def test_what_is_no_rule(check):
    texts = [
        "  command\n",
        "words\n",
        "a:\n  x\na: b\n  y\n",
        "A = $(B)\nB = x$(A)\nt: $(A)\n  x\n",
        "A = 1\n  x\n",
        "A = $(A)\nt:\n  $(A)\n",
    ]
    check(PLAN, [[text, [], {"b": 1}] for text in texts], [["RuleError", None]] * len(texts))
    code = """
from rules import RuleError, parse
result = []
for text in given:
    try:
        parse(text)
    except RuleError as error:
        result.append(str(error).partition(":")[0])
"""
    check(code, ["a: b \\\n c\n\nwords", "# x\n\twords"], ["line 4", "line 2"])


def test_what_comes_of_a_plan(check):
    times = {"a.c": 1, "b.c": 1, "all.h": 1, "b.in": 1}
    through = "top: mid\n  t\nmid: low other\nlow:\n  l\nother:\n  o\nalone: other\n  a\n"
    check(CARRY, [
        [PROGRAM, ["app", "docs"], times, []], [PROGRAM, ["app", "docs"], times, ["b.h"]], [PROGRAM, ["docs", "app"], times, ["b.o"]],
        [PROGRAM, [], {**times, "a.o": 2, "b.o": 2, "b.h": 2}, ["a.o", "app"]], [through, ["top", "alone"], {}, ["low"]],
        [through, ["top", "alone"], {}, ["mid"]],
    ], [
        {"built": ["a.o", "b.h", "b.o", "app", "docs"], "failed": [], "skipped": []},
        {"built": ["a.o"], "failed": ["b.h"], "skipped": ["b.o", "app", "docs"]},
        {"built": ["b.h", "docs", "a.o"], "failed": ["b.o"], "skipped": ["app"]},
        {"built": [], "failed": ["app"], "skipped": []},
        {"built": ["other", "alone"], "failed": ["low"], "skipped": ["top"]},
        {"built": ["low", "other", "top", "alone"], "failed": [], "skipped": []},
    ])  # fmt: skip
