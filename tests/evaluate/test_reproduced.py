"""Evidence beside the same measured again: each part is named, and what chance or another machine did is no difference."""

import pytest

from agent.candidate import Comparison, Evidence, ProbeResult, TestReport
from agent.evaluate.monitor import Monitor
from agent.evaluate.probes.canary_tokens import with_taken
from agent.evaluate.reproduced import compare_measured, never_repeated, not_measured, same_or_not
from tests.lineage.world import evidence_of, generation_zero

TREE = generation_zero()
TESTS = TestReport(which="kept", apart=True, expected=2, passed=2, failed=(), missing=(), unexpected=(), ended="exited")


def comparison(**changes) -> Comparison:
    about = {
        "suite": "search", "suite_digest": "sha256:" + "0" * 64, "split": "dev", "tasks": 9, "families": 9, "repeats": 1,
        "parent_ppm": 1, "candidate_ppm": 2, "gain_ppm": 1, "gain_low_ppm": 0, "gain_high_ppm": 2, "p_value_ppm": 5,
        "noise_ppm": 0, "infrastructure_failures": 0, "moved": 1,
    }  # fmt: skip
    return Comparison.model_validate({**about, **changes})


def probe(name: str, *findings: str) -> ProbeResult:
    return ProbeResult(name=name, passed=not findings, blocking=True, findings=findings)


def evidence(**changes) -> Evidence:
    parts = {"tests": (TESTS,), "comparisons": (comparison(),), "probes": (probe("canary_tokens"), probe("oversight"))}
    return evidence_of("1" * 40, TREE, TREE).model_copy(update={**parts, **changes})


def outcomes(then: Evidence, now: Evidence) -> dict[str, str]:
    return {part.name: part.outcome for part in compare_measured(then, now)}


def test_the_same_evidence_is_the_same_in_every_part():
    assert outcomes(evidence(), evidence()) == dict.fromkeys(
        ["conditions", "tests kept", "comparison search dev", "probe canary_tokens", "probe oversight"], "same"
    )


@pytest.mark.parametrize(
    ("changes", "part", "why"),
    [
        ({"comparisons": (comparison(gain_ppm=7),)}, "comparison search dev", "gain_ppm 1 then, 7 now"),
        ({"tests": (TESTS.model_copy(update={"passed": 1}),)}, "tests kept", "passed 2 then, 1 now"),
        ({"tests": ()}, "tests kept", "it is not there now"),
        ({"probes": (probe("canary_tokens"),)}, "probe oversight", "it is not there now"),
        (
            {"probes": (probe("canary_tokens"), probe("oversight", "a limit"))},
            "probe oversight",
            "passed True then, False now; findings none then, a limit now",
        ),
    ],
)
def test_a_part_that_came_out_otherwise_is_named_and_no_other(changes, part, why):
    found = {one.name: one for one in compare_measured(evidence(), evidence(**changes))}

    assert (found[part].outcome, found[part].why) == ("differs", why)
    assert [one.name for one in found.values() if one.outcome == "differs"] == [part]


def test_a_machine_that_failed_once_more_is_no_difference_and_another_wall_is_said():
    box = evidence().sandbox.model_copy(update={"backend": "docker"})
    again = evidence(comparisons=(comparison(infrastructure_failures=3),), sandbox=box)
    found = {one.name: one for one in compare_measured(evidence(), again)}

    assert found["comparison search dev"].outcome == "same"
    assert found["conditions"].outcome == "not_run"
    assert "backend none then, docker now" in found["conditions"].why


def test_what_a_model_or_the_proposer_did_is_not_repeated_and_not_a_difference():
    probes = with_taken((*evidence().probes, probe(Monitor.name, "odd")), ["policies"])
    then = evidence(probes=probes)

    assert "differs" not in outcomes(then, evidence()).values()
    assert {part.name: part.outcome for part in never_repeated(then)} == {
        f"probe {Monitor.name}": "not_run", "bait that was passed on": "not_run", "search": "not_run",
    }  # fmt: skip


def test_what_cannot_be_measured_is_named_part_by_part():
    found = list(not_measured(evidence(), "suite x needs a model"))

    assert {part.outcome for part in found} == {"not_run"}
    assert {part.why for part in found} == {"suite x needs a model"}
    assert [part.name for part in found] == [
        "tests kept", "comparison search dev", "probe canary_tokens", "probe oversight",
    ]  # fmt: skip


@pytest.mark.parametrize(("then", "now", "outcome"), [(1, 1, "same"), (1, 2, "differs"), ((1,), (1, 2), "differs")])
def test_values_are_compared_as_they_are(then, now, outcome):
    assert same_or_not("x", then, now).outcome == outcome
