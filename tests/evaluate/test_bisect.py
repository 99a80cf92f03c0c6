"""A probe that began to fail somewhere is found where it began, in few questions, behind the real wall."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edits.tree import File, Tree
from agent.errors import Refused
from agent.evaluate.bisect import Asked, bisect, prober
from agent.evaluate.staging import Staging
from sandbox.choose import choose
from sandbox.contract import Limits
from sandbox.errors import BackendUnavailable


@given(st.integers(2, 400).flatmap(lambda length: st.tuples(st.just(length), st.integers(1, length - 1))))
def test_the_first_failing_generation_is_found_in_few_questions(case):
    length, first = case
    found, asked = bisect(length, lambda place: Asked(place, place < first, ""))

    assert found == first
    assert len({one.place for one in asked}) == len(asked) <= 2 + math.ceil(math.log2(length))
    assert {first, first - 1} <= {one.place for one in asked}


def test_a_probe_that_never_fails_or_never_held_says_so():
    with pytest.raises(Refused, match="does not fail on the newest"):
        bisect(3, lambda place: Asked(place, True, ""))
    with pytest.raises(Refused, match="fails on the first generation already: no such name"):
        bisect(3, lambda place: Asked(place, False, "no such name"))


@pytest.mark.bubblewrap
def test_a_probe_runs_in_the_sandbox_beside_each_generation(cache):
    try:
        backend = choose("bubblewrap", cache)
        backend.prepare()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    trees = [Tree({"scaffold/__init__.py": File(b"LIMIT = %d\n" % number)}) for number in (1, 2, 3, 40, 50)]
    probe = (
        b"import os, scaffold\nassert not os.path.exists('/root/.ssh')\nassert scaffold.LIMIT < 10, scaffold.LIMIT\n"
    )
    staging = Staging()
    try:
        ask = prober(backend, staging, Limits(), [lambda t=tree: t for tree in trees], probe, 20)
        first, asked = bisect(len(trees), ask)
    finally:
        staging.close()
        backend.close()

    assert first == 3
    assert [one.said for one in asked if one.place == 3] == ["AssertionError: 40"]
    assert all(one.said == "exited" for one in asked if one.well)
