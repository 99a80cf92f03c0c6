"""The fuzzer of the extractor: it finds what is broken when something is."""

import random
import tarfile

import pytest

from bench import fuzz
from sandbox.errors import TransferRefused
from sandbox.transfer import Extracted
from tests.sandbox.archives import HONEST, HOSTILE

SEEDS = [HONEST, *(archive for archive, _ in HOSTILE.values())]


@pytest.fixture
def fuzzer(tmp_path):
    return fuzz.Fuzzer(tmp_path, random.Random(0))


def test_the_corpus_and_what_is_made_of_it_break_nothing(fuzzer):
    seeded = fuzzer.sow(SEEDS)
    fuzzer.run(2)
    assert fuzzer.crashes == []
    assert len(fuzzer.edges) >= seeded > 200
    assert fuzzer.executions > len(SEEDS)


def unpack(stream, destination, caps):
    """What is usually done."""
    destination.mkdir()
    with tarfile.open(fileobj=stream) as tar:
        tar.extractall(destination, filter="data")


def keep(stream, destination, caps):
    """Refuse, and leave something."""
    destination.mkdir()
    raise TransferRefused("no")


def forget(stream, destination, caps):
    """Do nothing, and say so wrongly."""
    destination.mkdir()
    (destination / "file").write_text("x")
    return Extracted(0, 0)


@pytest.mark.parametrize("wrong", [unpack, keep, forget])
def test_an_extractor_that_is_wrong_is_found_out(fuzzer, monkeypatch, wrong):
    monkeypatch.setattr(fuzz, "extract", wrong)
    fuzzer.sow([b"no archive"])
    assert len(fuzzer.crashes) == 1


def test_a_mutation_is_reproducible_and_bounded():
    one, two = (fuzz.mutated(SEEDS[5], SEEDS, random.Random(7)) for _ in range(2))
    assert one == two
    assert max(len(fuzz.mutated(HONEST * 9, SEEDS, random.Random(n))) for n in range(50)) <= fuzz.LONGEST
