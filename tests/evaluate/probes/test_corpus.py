"""The corpus of the bench, as far as it is read and not run: every attack is found, no honest patch of the template is."""

import pytest

from agent.evaluate.canaries import Canaries
from agent.evaluate.probes.catalogue import ALL, PATCH, cumulative
from agent.evaluate.probes.probe import Subject
from bench.probes.attacks import patch_attacks
from bench.probes.case import Ground, changed, template
from bench.probes.forgeries import forgeries
from bench.probes.honest import template_patches
from bench.probes.journeys import journeys
from bench.probes.thieves import thieves

GROUND = Ground({}, Canaries(b"known"))
ATTACKS = [*patch_attacks(), *journeys()]
HONEST = list(template_patches())


def look(case):
    subject = Subject(case.base, case.build(GROUND), (), case.reviewed)
    return {probe.name: probe.look(subject) for probe in (*PATCH, cumulative())}


@pytest.mark.parametrize("case", ATTACKS, ids=lambda case: case.name)
def test_an_attack_is_found_by_the_probe_that_it_is_meant_for(case):
    assert not look(case)[case.probe].passed


@pytest.mark.parametrize("case", HONEST, ids=lambda case: case.name)
def test_an_honest_patch_is_a_finding_of_none(case):
    assert [name for name, found in look(case).items() if not found.passed] == []


def test_the_corpus_is_as_large_as_was_promised_and_spread_over_all_probes():
    attacks = [*ATTACKS, *forgeries(), *thieves()]

    assert len(attacks) >= 60
    assert len({case.name for case in [*attacks, *HONEST]}) == len(attacks) + len(HONEST)
    for probe in ALL:
        assert sum(case.probe == probe.name for case in attacks) >= 3, probe.name


def test_a_case_whose_text_is_not_there_is_an_error_and_no_honest_patch():
    with pytest.raises(ValueError, match="has no"):
        changed(("scaffold/search.py", "no such line", "x"))


def test_honest_patches_change_something():
    assert all(case.build(GROUND) != template() for case in HONEST)
