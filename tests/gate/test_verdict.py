"""The verdict: all rules, both engines, exactly true; everything else is no, with a reason."""

import copy
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.digest import canonical_json, sha256
from agent.errors import PolicyDenied
from agent.gate.engines import Activation, Answer, Failed, compile_both
from agent.gate.examples import facts_for
from agent.gate.references import pruned, unknown_references
from agent.gate.rules import DENY_VARIABLES, RULE_VARIABLES, Example, load_bundle
from agent.gate.verdict import RuleResult, Verdict, judge, judge_document, outcome_of
from agent.gate.wording import share, worded

ROOT = Path(__file__).parents[2]
LAW = load_bundle({path.name: path.read_bytes() for path in (ROOT / "policies").iterdir()})
GOOD = json.loads(canonical_json(LAW.good))


def law_of(*sources, deny='"no"'):
    """A bundle of the given rules and nothing else."""
    like = LAW.rules[0]
    rules = tuple(
        replace(
            like,
            text=like.text.model_copy(update={"id": f"rule-{number}", "rule": source, "deny": deny}),
            rule=compile_both(source, RULE_VARIABLES),
            deny=compile_both(deny, DENY_VARIABLES),
        )
        for number, source in enumerate(sources)
    )
    return replace(LAW, rules=rules)


def only(*sources, facts=LAW.good, deny='"no"'):
    verdict = judge(law_of(*sources, deny=deny), facts)
    assert verdict.allowed == all(result.holds for result in verdict.results)
    return verdict.results[0]


def test_a_rule_that_is_true_holds():
    assert only("f.complete").model_dump() == {
        "id": "rule-0",
        "title": LAW.rules[0].text.title,
        "holds": True,
        "outcome": "holds",
        "reason": "",
        "mend": "",
    }


def test_a_rule_that_is_false_denies_with_its_sentence():
    result = only("!f.complete", deny='"only " + say.f.patch.edits + " of " + string(f.patch.edits)')

    assert (result.holds, result.outcome, result.reason) == (False, "does_not_hold", "only 3 of 3")
    assert result.mend


@pytest.mark.parametrize(
    "source",
    [
        "f.patch.edits",
        '"true"',
        "f.patch.files",
        "null",
        "f.patch.edits / 0 == 1",
        "f.patch.files[7].added == 1",
        "f.patch.files.all(x, x.nothing)",
        "f.patch.edits > 'x'",
        "f.patch.edits + 9223372036854775807 > 0",
        "!f.patch.edits",
        "f.complete ? 1 : 2",
        "f.patch.files.exists(x, x.zone)",
    ],
)
def test_an_error_or_anything_but_a_boolean_is_not_a_yes(source):
    result = only(source)

    assert (result.holds, result.outcome) == (False, "undecided")
    assert "could not be decided" in result.reason


def test_engines_that_disagree_decide_nothing():
    """A real case: the C++ engine counts the characters of a text, the Rust engine its bytes."""
    accented = facts_for(
        LAW.good, Example.model_validate({"set": {"evidence.sandbox.backend": "\u00e9"}, "expect": "allow"})
    )

    for source in ("f.evidence.sandbox.backend.size() == 1", "f.evidence.sandbox.backend.size() == 2"):
        result = only(source, facts=accented)
        assert (result.holds, result.outcome) == (False, "undecided")
        assert "said true" in result.reason
        assert "said false" in result.reason


@pytest.mark.parametrize(
    ("google", "rust", "outcome"),
    [
        (True, True, "holds"),
        (False, False, "does_not_hold"),
        (True, False, "undecided"),
        (False, True, "undecided"),
        (True, 1, "undecided"),
        (1, True, "undecided"),
        (1, 1, "undecided"),
        ("true", "true", "undecided"),
        (True, Failed("x"), "undecided"),
        (Failed("x"), True, "undecided"),
        (Failed("x"), Failed("x"), "undecided"),
        (False, 0, "undecided"),
    ],
)
def test_only_true_from_both_engines_holds(google, rust, outcome):
    assert outcome_of(Answer(google, rust)) == outcome


def test_the_verdict_is_the_and_of_all_rules():
    assert judge(law_of("f.complete", "f.complete"), LAW.good).allowed
    verdict = judge(law_of("f.complete", "!f.complete", "f.complete", "f.patch.edits"), LAW.good)

    assert not verdict.allowed
    assert [result.id for result in verdict.denials] == ["rule-1", "rule-3"]
    assert len(verdict.results) == 4


def test_a_bundle_without_rules_denies():
    verdict = judge(replace(LAW, rules=()), LAW.good)

    assert not verdict.allowed
    assert verdict.results == ()


@pytest.mark.parametrize(
    "deny", ["f.patch.edits", '"x" + f.patch.edits', "string(1 / 0)", '""', "f.patch.files[9].path"]
)
def test_a_sentence_that_cannot_be_built_does_not_change_the_denial(deny):
    result = only("!f.complete", deny=deny)

    assert (result.holds, result.outcome) == (False, "does_not_hold")
    assert result.reason.startswith("it is not so that: ")


def test_a_verdict_is_the_same_bytes_every_time_and_in_another_process():
    code = (
        "import pathlib, sys; from agent.digest import canonical_json, sha256; from agent.gate.rules import load_bundle;"
        "from agent.gate.verdict import judge;"
        "law = load_bundle({p.name: p.read_bytes() for p in pathlib.Path('policies').iterdir()});"
        "sys.stdout.write(sha256(canonical_json(judge(law, law.good))))"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True).stdout

    assert said == sha256(canonical_json(judge(LAW, LAW.good)))


def test_a_verdict_names_what_it_judged_and_survives_storage():
    verdict = judge(LAW, LAW.good)

    assert verdict.facts == sha256(canonical_json(LAW.good))
    assert (verdict.bundle, verdict.version) == (LAW.digest, LAW.version)
    assert Verdict.model_validate_json(canonical_json(verdict)) == verdict
    assert judge_document(LAW, canonical_json(LAW.good)) == verdict


def test_a_stored_verdict_cannot_claim_more_than_its_rules():
    stored = json.loads(canonical_json(judge(law_of("!f.complete"), LAW.good)))
    forged = [{**stored, "allowed": True}, {**stored, "allowed": True, "results": []}]
    forged.append({**stored, "allowed": True, "results": [{**stored["results"][0], "holds": True}]})

    for document in forged:
        with pytest.raises(ValueError, match="exactly when"):
            Verdict.model_validate_json(canonical_json(document))
    with pytest.raises(ValueError, match="exactly when"):
        RuleResult(id="x", title="x", holds=True, outcome="undecided", reason="", mend="")


def test_facts_that_were_changed_behind_the_validators_back_are_denied():
    forged = LAW.good.model_copy(update={"complete": False})
    assert not judge(LAW, forged).allowed

    touched = LAW.good.patch.model_copy(update={"odd_paths": ("x",) * 2000})
    verdict = judge(LAW, LAW.good.model_copy(update={"patch": touched}))
    assert [result.id for result in verdict.results] == ["schema"]


def test_the_names_a_candidate_chose_cannot_play_with_the_terminal():
    path = "scaffold/\u202e\x1b[2Kfine.py"
    evil = facts_for(LAW.good, Example.model_validate({"set": {"patch.odd_paths": [path]}, "expect": "deny"}))
    (result,) = judge(LAW, evil).denials

    assert result.reason.isascii()
    assert result.reason.isprintable()
    assert r"\u202e\x1b[2Kfine.py" in result.reason


# The corpus that other shapes of policy let through -----------------------------------------------------------------


def without(*path):
    def change(document):
        for part in path[:-1]:
            document = document[part]
        del document[path[-1]]

    return change


def setting(value, *path):
    def change(document):
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = value

    return change


CORPUS = {
    "a protected file": setting("kept", "patch", "files", 0, "zone"),
    "1200 lines": setting(1200, "patch", "files", 0, "added"),
    "a bridge network": setting("bridge", "evidence", "sandbox", "network"),
    "a held-out score below the parent's": setting(-200_000, "evidence", "comparisons", 1, "gain_low_ppm"),
    "evidence of another head": setting(False, "evidence", "of_this_tree"),
    "a canary hit": setting(False, "evidence", "probes", 0, "passed"),
    "a hidden character": setting([{"path": "a", "line": 1, "character": "U+202E"}], "patch", "hidden"),
    "no runs": setting([], "evidence", "comparisons"),
    "no evidence": without("evidence"),
    "no probes": without("evidence", "probes"),
    "no line count": without("patch", "files", 0, "added"),
    "a line count as text": setting("9999", "patch", "files", 0, "added"),
    "a negative line count": setting(-5, "patch", "files", 0, "added"),
    "a sandbox without a network": without("evidence", "sandbox", "network"),
    "a null score": setting(None, "evidence", "comparisons", 1, "gain_low_ppm"),
    "a score as a float": setting(0.5, "evidence", "comparisons", 1, "gain_low_ppm"),
    "a score of true": setting(True, "evidence", "comparisons", 1, "gain_low_ppm"),
    "a sandbox level of text": setting("3", "evidence", "sandbox", "level"),
    "a sandbox level of 9": setting(9, "evidence", "sandbox", "level"),
    "an integer beyond 64 bits": setting(2**70, "evidence", "trials"),
    "a list where a map belongs": setting([], "patch"),
    "a text where a list belongs": setting("", "patch", "hidden"),
    "an unknown zone": setting("free", "patch", "files", 0, "zone"),
}


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("derived", ["as it was", "left out"])
def test_a_bad_document_of_the_corpus_is_denied(name, derived):
    document = copy.deepcopy(GOOD)
    CORPUS[name](document)
    if derived == "left out":
        del document["derived"]
    content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    verdict = judge_document(LAW, content)

    assert not verdict.allowed
    assert verdict.facts == sha256(content)
    assert all(result.reason for result in verdict.denials)


# Engines, references, wording ---------------------------------------------------------------------------------------


def test_variables_that_engines_cannot_hold_are_refused():
    with pytest.raises(PolicyDenied, match="cannot be given"):
        Activation({"f": object(), "p": {}})


@pytest.mark.parametrize(
    ("source", "unknown"),
    [
        ("f.patch.edits > 0", ()),
        ("f.patch.files.all(x, x.anything == 1 && f.complete)", ()),
        ("p.a.all(n, f.evidence.probes.exists(q, q.name == n))", ()),
        ("f.patch.files.size() > 0 && size(f.patch.files) > 0", ()),
        ("f . patch . edits > 0", ()),
        ("'f.nothing' == \"p.nothing\" || true", ()),
        ("f.nothing", ("f.nothing",)),
        ("f.patch.nothing.size()", ("f.patch.nothing",)),
        ("true || f.patch . nothing", ("f.patch.nothing",)),
        ("f.patch.edits.x", ("f.patch.edits.x",)),
        ("p.b", ("p.b",)),
        ("p", ("p",)),
        ("f", ("f",)),
        ("f['patch']", ("f",)),
        ("x.y", ("x.y",)),
        ("f.patch.files.all(p, p.x)", ("p",)),
        ("'\\'' + f.nothing + '\\''", ("f.nothing",)),
    ],
)
def test_references_to_what_does_not_exist_are_found(source, unknown):
    assert unknown_references(source, {"a": []}, RULE_VARIABLES) == unknown


def test_engines_are_given_what_rules_ask_for_and_no_more():
    document = {"f": {"a": {"b": 1, "c": 2}, "d": [1], "e": 5}, "p": {"x": 1, "y": 2}}

    assert pruned(document, {("f", "a", "b"), ("f", "d"), ("p", "y")}) == {
        "f": {"a": {"b": 1}, "d": [1]},
        "p": {"y": 2},
    }
    assert pruned(document, {("f", "a", "b"), ("f", "a")}) == {"f": {"a": {"b": 1, "c": 2}}}
    assert pruned(document, {("f", "nothing"), ("f", "e", "x", "y"), ("q",)}).get("q") is None
    assert document["f"]["a"] == {"b": 1, "c": 2}


@pytest.mark.parametrize(
    ("ppm", "text"),
    [
        (0, "+0.0000"),
        (52_300, "+0.0523"),
        (-1, "-0.0000"),
        (-10_001, "-0.0100"),
        (1_000_000, "+1.0000"),
        (-1_500_000, "-1.5000"),
    ],
)
def test_shares_are_written_with_sign_and_four_decimals(ppm, text):
    assert share(ppm) == text


def test_facts_are_worded_for_people():
    said = worded(
        {"n": 3, "ok": True, "a_ppm": 1000, "l": ["x", "y"], "many": list("abcdefg"), "no": [], "t": "\u043e" * 300}
    )

    assert said["n"] == "3"
    assert said["ok"] == "yes"
    assert said["a_ppm"] == "+0.0010"
    assert said["l"] == "x, y"
    assert said["many"] == "a, b, c, d, e and 2 more"
    assert said["no"] == "none"
    assert len(said["t"]) <= 160
    assert said["t"].isascii()
    assert worded([{"a": 1}]) == [{"a": "1"}]
