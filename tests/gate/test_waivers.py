"""Waivers and the law: only what the law lets go, only what was decided, and no fact is ever missing behind one."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.digest import canonical_json
from agent.errors import PolicyDenied
from agent.gate.examples import facts_for
from agent.gate.rules import load_bundle
from agent.gate.signer import MachineKey
from agent.gate.statement import Subject
from agent.gate.verdict import Verdict, Waived, judge, judge_document
from agent.gate.waiver import About, Stored, Waiver, sign_waiver, waive, waiver_files

POLICIES = Path(__file__).parents[2] / "policies"
LAW = load_bundle({path.name: path.read_bytes() for path in POLICIES.iterdir()})
WAIVABLE = {rule.id for rule in LAW.rules if rule.text.waivable}
ZERO = "sha256:" + "0" * 64
ABOUT = About("c1", "1" * 40, ZERO, Subject("2" * 40, ZERO), ZERO, "codemod")
KEY = MachineKey.generate()


def stored(*rules: str, **changes: object) -> Stored:
    """A waiver of any rules for the candidate."""
    about = {
        "workspace": ZERO, "base_commit": "1" * 40, "policy": LAW.digest, "rules": tuple(sorted(rules)),
        "candidate": "c1", "diff": ZERO, "decisions": 1, "last_entry": 9, "expires": 9, "nonce": "0" * 64,
        "reason": "so that it may", "by": "alice",
    }  # fmt: skip
    signed = sign_waiver(Waiver.model_validate({**about, **changes}), ABOUT.subject, KEY)
    return Stored("sha256:" + "7" * 64, waiver_files([signed]))


def waived(verdict: Verdict, *rules: str, law=LAW, **changes: object) -> Verdict:
    one = stored(*(rules or WAIVABLE), **changes)
    named = [Waived(rule=rule, entry=1, waiver=one.digest) for rule in rules or [r.id for r in verdict.denials]]
    return waive(verdict, law, ABOUT, named, lambda _: one)


def denied_by(rule_id: str) -> Verdict:
    """The verdict over an example that this rule alone denies."""
    rule = next(rule for rule in LAW.rules if rule.id == rule_id)
    for example in rule.text.examples:
        law = replace(LAW, parameters={**LAW.parameters, **example.parameters})
        verdict = judge(law, facts_for(LAW.good, example))
        if [result.id for result in verdict.denials] == [rule_id]:
            return verdict
    raise AssertionError(rule_id)


def test_what_guards_the_judgement_itself_cannot_be_waived():
    assert {
        "size-cap", "few-files", "readable-lines", "few-suppressions", "no-new-dependencies", "trials-within-budget",
        "few-candidates-tried", "no-regression", "nothing-surely-worse",
    } == WAIVABLE  # fmt: skip


@pytest.mark.parametrize("rule", sorted(rule.id for rule in LAW.rules))
def test_a_rule_is_waived_only_where_the_law_says_so(rule):
    verdict = denied_by(rule)
    if rule in WAIVABLE:
        after = waived(verdict, rule)
        assert after.allowed
        assert after.results == verdict.results  # what does not hold still says so
        assert json.loads(canonical_json(after))["waived"][0]["rule"] == rule
    else:
        with pytest.raises(PolicyDenied, match="cannot be waived: the law does not say that it may be"):
            waived(verdict, rule)


def places(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


GOOD = json.loads(canonical_json(LAW.good))
FIELDS = [place for place in places(GOOD) if isinstance(place[-1], str)]


@given(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3, unique=True))
@settings(max_examples=150, deadline=None)
def test_removing_any_fact_never_yields_allow_whatever_was_waived(taken):
    document = copy.deepcopy(GOOD)
    for place in sorted(taken, key=len, reverse=True):
        holder = document
        for part in place[:-1]:
            holder = holder[part]
        holder.pop(place[-1], None)
    verdict = judge_document(LAW, canonical_json(document))

    assert not verdict.allowed
    with pytest.raises(PolicyDenied):
        waived(verdict)


def test_a_rule_over_which_the_engines_differ_cannot_be_waived():
    verdict = denied_by("size-cap")
    undecided = tuple(
        result.model_copy(update={"outcome": "undecided"}) if result.id == "size-cap" else result
        for result in verdict.results
    )
    with pytest.raises(PolicyDenied, match="do not cover what the law denies"):
        waived(verdict.model_copy(update={"results": undecided}), "size-cap")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"candidate": "c2"}, "is of another candidate"),
        ({"diff": "sha256:" + "1" * 64}, "is of another candidate"),
        ({"base_commit": "3" * 40}, "is of another candidate"),
        ({"policy": ZERO}, "about another policy"),
    ],
)
def test_a_waiver_is_of_one_candidate_and_one_law(changes, reason):
    with pytest.raises(PolicyDenied, match=reason):
        waived(denied_by("size-cap"), "size-cap", **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"rules": ("size-cap", "few-files")}, {"rules": ("size-cap", "size-cap")}, {"rules": ()}, {"diff": None},
        {"candidate": None}, {"decisions": 2}, {"decisions": 0}, {"reason": ""},
        {"candidate": None, "diff": None, "decisions": 11},
    ],
)  # fmt: skip
def test_a_waiver_without_scope_number_or_reason_cannot_be_made(changes):
    with pytest.raises(ValueError, match="validation error"):
        stored("size-cap", **changes)


def test_a_verdict_names_a_waiver_for_each_rule_that_does_not_hold_and_for_no_other():
    verdict, good = denied_by("size-cap"), judge(LAW, LAW.good)
    named = (Waived(rule="size-cap", entry=1, waiver=ZERO),)
    for wrong in (
        {**dict(verdict), "allowed": True},
        {**dict(verdict), "waived": named},
        {**dict(verdict), "waived": named * 2, "allowed": True},
        {**dict(good), "waived": named},
        {**dict(verdict), "waived": (named[0].model_copy(update={"rule": "few-files"}),), "allowed": True},
    ):
        with pytest.raises(ValueError, match="verdict"):
            Verdict.model_validate(wrong)
