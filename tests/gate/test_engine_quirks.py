"""Where engines of rules are known to differ or to err: no such rule ever holds, whatever either engine makes of it."""

import pytest

from agent.errors import PolicyDenied
from agent.gate.engines import Activation, compile_both
from agent.gate.rules import RULE_VARIABLES
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


def test_a_rule_that_takes_a_million_steps_denies_because_one_engine_stops():
    nested = f"{list(range(10))}.all(a, " * 6 + "true" + ")" * 6

    assert outcome(nested) == "undecided"
