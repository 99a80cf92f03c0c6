"""The shipped law: every example of every rule, and that no rule can be lost, turned round or loosened unnoticed."""

import copy
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.digest import canonical_json
from agent.errors import PolicyDenied
from agent.gate.engines import compile_both
from agent.gate.examples import check_bundle, facts_for, judge_example
from agent.gate.rules import RULE_VARIABLES, Rule, facts_of, load_bundle, with_parameter
from agent.gate.verdict import judge, judge_document

POLICIES = Path(__file__).parents[2] / "policies"
FILES = {path.name: path.read_bytes() for path in POLICIES.iterdir()}
LAW = load_bundle(FILES)
RULES = {rule.id: rule for rule in LAW.rules}
EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.id}-{number}-{example.expect}")
    for rule in LAW.rules
    for number, example in enumerate(rule.text.examples, start=1)
]
GOOD = json.loads(canonical_json(LAW.good))


def changed(rule: Rule, source: str) -> Rule:
    return replace(rule, rule=compile_both(source, RULE_VARIABLES))


def broken_examples(rule: Rule) -> list[int]:
    """Numbers of the examples of a (mutated) rule that no longer come out as they say."""
    law = replace(LAW, rules=(rule,))
    return [
        number
        for number, example in enumerate(rule.text.examples, start=1)
        if judge_example(law, example).allowed != (example.expect == "allow")
    ]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_an_example_comes_out_as_it_says(rule, example):
    result = next(r for r in judge_example(LAW, example).results if r.id == rule.id)

    assert result.holds == (example.expect == "allow")
    assert result.outcome != "undecided"
    assert bool(result.reason) == bool(result.mend) == (not result.holds)


def test_the_shipped_law_has_no_findings():
    assert check_bundle(LAW) == ()


def test_the_good_document_is_allowed_and_says_nothing():
    verdict = judge(LAW, LAW.good)

    assert verdict.allowed
    assert {result.reason for result in verdict.results} == {""}
    assert len(verdict.results) == len(LAW.rules) >= 30


@pytest.mark.parametrize("rule", LAW.rules, ids=lambda rule: rule.id)
def test_removing_a_rule_lets_an_example_through(rule):
    without = replace(LAW, rules=tuple(other for other in LAW.rules if other.id != rule.id))
    denied = [example for example in rule.text.examples if example.expect == "deny"]

    assert any(judge_example(without, example).allowed for example in denied)


@pytest.mark.parametrize("rule", LAW.rules, ids=lambda rule: rule.id)
def test_turning_a_rule_round_breaks_an_example_and_denies_the_good_document(rule):
    negated = changed(rule, f"!({rule.text.rule})")

    assert broken_examples(negated)
    assert not judge(replace(LAW, rules=(negated,)), LAW.good).allowed


@pytest.mark.parametrize("rule", LAW.rules, ids=lambda rule: rule.id)
@pytest.mark.parametrize("constant", ["true", "false"])
def test_a_rule_that_always_says_the_same_breaks_an_example_or_denies_the_good_document(rule, constant):
    fixed = changed(rule, constant)

    assert broken_examples(fixed) or not judge(replace(LAW, rules=(fixed,)), LAW.good).allowed


def mutants(source: str) -> list[str]:
    """Loosened forms of a rule: each conjunct dropped, each bound moved by one, each `&&` weakened."""
    conjuncts = [part for part in re.split(r"&&(?![^()]*\))", source) if part.strip()]
    found = ["&&".join(conjuncts[:i] + conjuncts[i + 1 :]) for i in range(len(conjuncts))] if len(conjuncts) > 1 else []
    for pattern, others in {
        r"<=": ["<", ">="],
        r">=": [">", "<="],
        r"(?<![<>!=])>(?!=)": [">=", "<"],
        r"(?<![<>!=])<(?!=)": ["<=", ">"],
        r"==": ["!="],
        r"&&": ["||"],
    }.items():
        for match in re.finditer(pattern, source):
            found += [source[: match.start()] + other + source[match.end() :] for other in others]
    return found


MUTANTS = [
    pytest.param(rule, mutant, id=f"{rule.id}-{number}")
    for rule in LAW.rules
    for number, mutant in enumerate(mutants(" ".join(rule.text.rule.split())), start=1)
]


@pytest.mark.parametrize(("rule", "mutant"), MUTANTS)
def test_loosening_a_rule_breaks_an_example(rule, mutant):
    assert (
        broken_examples(changed(rule, mutant))
        or not judge(replace(LAW, rules=(changed(rule, mutant),)), LAW.good).allowed
    ), mutant


# Omission -----------------------------------------------------------------------------------------------------------


def places(value, path=()):
    """Every key and every list entry of a document, at every depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


PLACES = list(places(GOOD))
FIELDS = [place for place in PLACES if isinstance(place[-1], str)]
MEASURED = [place for place in FIELDS if place[0] not in ("derived", "schema")]


def holder(document, place):
    for part in place[:-1]:
        document = document[part]
    return document


@pytest.mark.parametrize("place", FIELDS, ids=lambda place: ".".join(map(str, place)))
def test_deleting_any_field_of_the_good_document_denies(place):
    document = copy.deepcopy(GOOD)
    del holder(document, place)[place[-1]]

    assert not judge_document(LAW, canonical_json(document)).allowed


@pytest.mark.parametrize("place", MEASURED, ids=lambda place: ".".join(map(str, place)))
def test_deleting_a_field_and_computing_the_rest_anew_denies_too(place):
    """The forger also repairs the derived block; what then remains is still no facts document."""
    document = copy.deepcopy(GOOD)
    del holder(document, place)[place[-1]]
    document.pop("derived")
    document.pop("schema")

    with pytest.raises(PolicyDenied):
        facts_of(document, "forged")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
@pytest.mark.parametrize("wrong", [None, "9999", {}, 0.5, [None]], ids=repr)
def test_a_value_of_another_type_denies(place, wrong):
    document = copy.deepcopy(GOOD)
    old = holder(document, place)[place[-1]]
    if type(old) is type(wrong):
        wrong = old + "x" if place[-1] in ("zone", "mode", "split", "schema", "change") else [old]
    holder(document, place)[place[-1]] = wrong

    assert not judge_document(LAW, json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).allowed


@given(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=4, unique=True))
@settings(max_examples=200, deadline=None)
def test_deleting_any_fields_together_never_allows(chosen):
    document = copy.deepcopy(GOOD)
    for place in sorted(chosen, key=lambda place: [str(part) for part in place], reverse=True):
        try:
            del holder(document, place)[place[-1]]
        except (KeyError, IndexError):
            continue  # gone with what held it

    assert not judge_document(LAW, canonical_json(document)).allowed


# The files ----------------------------------------------------------------------------------------------------------


def test_every_rule_explains_itself_to_a_tired_reviewer():
    for rule in LAW.rules:
        assert not rule.text.title.endswith("."), rule.id
        assert rule.text.why.endswith("."), rule.id
        assert rule.text.mend.endswith("."), rule.id


def test_every_sentence_of_denial_is_built_by_its_rule():
    for rule in LAW.rules:
        for example in rule.text.examples:
            for result in judge_example(LAW, example).denials:
                assert not result.reason.startswith("it is not so that"), (rule.id, result)


def test_a_workspace_without_an_engine_says_reduced_in_its_own_policy():
    """What `demo` does on a machine without Docker: one number in the file, one more digest, nothing else."""
    reduced = load_bundle(with_parameter(FILES, "sandbox_level", 1))
    low = facts_for(LAW.good, RULES["sandbox-level"].text.examples[0])

    assert not judge(LAW, low).allowed
    assert judge(reduced, low).allowed
    assert reduced.digest != LAW.digest
    assert reduced.parameters == {**LAW.parameters, "sandbox_level": 1}


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_shipped_law_has_no_findings_in_a_workspace_of_any_level(level):
    """`successor policy test` holds whatever the workspace demands of its wall."""
    assert check_bundle(load_bundle(with_parameter(FILES, "sandbox_level", level))) == ()


@pytest.mark.parametrize(("demanded", "had", "allowed"), [(3, 2, False), (3, 3, True), (2, 3, True), (2, 1, False)])
def test_a_workspace_can_demand_any_level_of_its_wall(demanded, had, allowed):
    law = load_bundle(with_parameter(FILES, "sandbox_level", demanded))
    example = (
        RULES["sandbox-level"]
        .text.examples[0]
        .model_copy(update={"set_": {"evidence.sandbox.level": had}, "parameters": {}})
    )

    assert judge(law, facts_for(law.good, example)).allowed == allowed


@pytest.mark.parametrize("name", ["no_such_parameter", "required_probes", "schema"])
def test_a_parameter_that_is_no_number_of_the_bundle_cannot_be_set(name):
    with pytest.raises(PolicyDenied):
        with_parameter(FILES, name, 1)
