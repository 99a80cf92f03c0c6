"""Where engines of rules are known to differ or to err: no such rule ever holds, whatever either engine makes of it."""

import pytest

from agent.errors import PolicyDenied
from agent.gate.engines import MAX_LOOPS, NOT_ASKED, Activation, compile_both
from agent.gate.rules import RULE_VARIABLES
from agent.gate.verdict import _undecided as undecided
from agent.gate.verdict import outcome_of

FACTS = {"text": "9999", "word": "é", "number": 3, "big": 2**62, "list": [1, 2], "nothing": {}, "yes": True}


def outcome(source: str) -> str:
    """What a rule over these facts comes to; one that cannot be loaded denies before."""
    try:
        return outcome_of(compile_both(source, RULE_VARIABLES).evaluate(Activation({"f": FACTS, "p": {"most": 400}})))
    except PolicyDenied:
        return "not a rule"


@pytest.mark.parametrize(
    "source",
    [
        "f.text > p.most",  # a number as text: one of three Rego engines let it through
        "f.text <= p.most",
        "f.missing <= p.most",
        "!(f.missing > p.most)",
        "f.nothing.deeper == 1",
        "f.number / 0 == 1",
        "f.number % 0 == 0",
        "f.big * 4 > 0",
        "f.big + f.big + f.big > 0",
        "-f.big * 4 < 0",
        "f.list[5] == 0",
        "f.list['0'] == 1",
        "f.number",
        "f.text",
        "f.list",
        "null",
        "f.yes ? 1 : 2",
        "f.list.all(x, x)",
        "f.list.exists_one(x, x.y)",
        "f.list.map(x, x / 0).size() == 2",
        "f.text.matches('(')",
        "duration(f.text) > duration('1s')",
        "timestamp(f.text) > timestamp('2020-01-01T00:00:00Z')",
        "int(f.word) == 0",
        "type(f.number) == 'int'",
        "f == p",
    ],
)
def test_a_rule_that_errs_or_compares_what_cannot_be_compared_never_holds(source):
    assert outcome(source) in ("undecided", "does_not_hold", "not a rule")


@pytest.mark.parametrize("source", ["f.number <= p.most", "f.list.all(x, x > 0)", "f.text == '9999'", "f.yes"])
def test_a_rule_that_is_true_still_holds(source):
    assert outcome(source) == "holds"


def nested(loops: int, length: int = 10) -> str:
    """So many loops in each other, over a list of that length."""
    return f"{[0] * length}.all(a, " * loops + "true" + ")" * loops


def test_a_rule_that_takes_a_hundred_million_steps_denies_because_one_engine_stops_and_the_other_is_not_asked():
    program = compile_both(nested(MAX_LOOPS, 100), RULE_VARIABLES)
    answer = program.evaluate(Activation({"f": FACTS, "p": {}}))

    assert (outcome_of(answer), answer.rust) == ("undecided", NOT_ASKED)
    assert undecided(answer) == "the rule could not be decided: one engine gave an error, the other was not asked"


@pytest.mark.parametrize(
    "source",
    [
        nested(MAX_LOOPS + 1),
        "[f.list]" + ".map(x, x + x)" * 14 + ".all(x, size(x) > 0)",  # three gigabytes
        "[f.list]" + ". map\n(x, x + x)" * 5 + ".size() > 0",
        "[f.list]" + ".map // why\n (x, x + x)" * 5 + ".size() > 0",
        "f.word == '// \"' && [f.list]" + ".map(x, x + x)" * 5 + ".size() > 0 && f.word == '\"'",
    ],
)
def test_an_expression_that_runs_over_too_many_lists_is_not_a_rule(source):
    with pytest.raises(PolicyDenied, match="runs over too many lists"):
        compile_both(source, RULE_VARIABLES)


def test_as_many_lists_as_may_be_are_run_over():
    assert outcome(nested(MAX_LOOPS, 3)) == "holds"
