"""Only what is ours and abandoned is ever removed."""

from dataclasses import replace

import pytest

from sandbox.ownership import Owner, abandoned, labels, this_process

OWNER = Owner(pid=100, started=5000, boot="boot-1", namespace="pid:[1]")
ME = replace(OWNER, pid=200)
NOW = 1000.0


def starts(table):
    return table.get


def test_a_container_of_a_living_owner_is_left_alone():
    assert not abandoned(labels(OWNER, "run", 2000), NOW, ME, starts({100: 5000}))


def test_a_container_whose_owner_is_gone_is_abandoned():
    assert abandoned(labels(OWNER, "run", 2000), NOW, ME, starts({}))


def test_another_process_with_the_owners_number_is_not_the_owner():
    assert abandoned(labels(OWNER, "run", 2000), NOW, ME, starts({100: 9999}))


def test_an_expired_container_is_abandoned_even_if_its_owner_lives():
    assert abandoned(labels(OWNER, "run", 999), NOW, ME, starts({100: 5000}))


@pytest.mark.parametrize("elsewhere", [{"boot": "boot-2"}, {"namespace": "pid:[2]"}])
def test_an_owner_that_cannot_be_seen_from_here_counts_as_alive_until_the_expiry(elsewhere):
    owner = replace(OWNER, **elsewhere)
    assert not abandoned(labels(owner, "run", 2000), NOW, ME, starts({}))
    assert abandoned(labels(owner, "run", 999), NOW, ME, starts({}))


@pytest.mark.parametrize("missing", sorted(set(labels(OWNER, "run", 1)) - {"successor.run"}))
def test_a_container_without_all_our_labels_is_never_ours(missing):
    given = labels(OWNER, "run", 1)
    del given[missing]
    assert not abandoned(given, NOW, ME, starts({}))


@pytest.mark.parametrize("label", ["successor.owner.pid", "successor.owner.started", "successor.expires"])
def test_labels_that_are_no_numbers_are_not_ours(label):
    assert not abandoned(labels(OWNER, "run", 1) | {label: "x"}, NOW, ME, starts({}))


def test_another_programs_label_of_the_same_name_is_not_ours():
    assert not abandoned(labels(OWNER, "run", 1) | {"successor.app": "other"}, NOW, ME, starts({}))


def test_this_process_is_alive_by_its_own_account():
    assert not abandoned(labels(this_process(), "run", 2000), NOW, this_process())
