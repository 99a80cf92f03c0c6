"""Every attack of the corpus is refused with its exit code, its kind and its reason; what was attacked was good."""

import json

import pytest
from typer.testing import CliRunner

from agent.cli.app import app
from tests.attacks.corpus import CORPUS, TABLE

NAMES = [attack.name for attack in CORPUS]


def audited(world, place, options=()):
    done = CliRunner().invoke(app, ["audit", str(place), "--root", world.root.fingerprint, "--json", *options])
    return done.exit_code, json.loads(done.stdout)


@pytest.mark.parametrize("attack", CORPUS, ids=NAMES)
def test_an_attack_is_refused_with_its_reason(attack, world):
    options = attack.options(world)
    place = attack.build(world) or world.folder
    code, report = audited(world, place, options)
    found = [(finding["slug"], finding["reason"]) for finding in report["findings"]]

    assert code == attack.exit_code
    assert [one for one in found if one[0] == attack.slug and attack.reason in one[1]], found


def test_what_is_attacked_is_good_and_stays_good_with_what_the_auditor_remembers(world):
    for options in {id(attack.options): attack.options for attack in CORPUS}.values():
        assert audited(world, world.folder, options(world))[0] == 0


def test_there_are_sixty_attacks_and_each_has_a_name_of_its_own():
    assert len(CORPUS) >= 60
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("row", TABLE)
def test_what_the_design_promises_to_stop_is_in_the_corpus(row):
    assert TABLE[row]
    assert set(TABLE[row]) <= set(NAMES)
