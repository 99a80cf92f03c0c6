"""The fuzzer of the record's parsers: any bytes are read or refused, in one form; and it finds what is broken."""

import random

import pytest

from agent.errors import SignatureRefused
from agent.lineage.audit_git import Clone
from bench import fuzz_record, pack_parser
from bench.record_parsers import Parser, parsers

PARSERS = parsers(fuzz_record.law())
STEPS = {"yaml": 40, "bundle.yaml": 6, "text.yaml": 6, "diff": 120}
SLOW = 250


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_real_documents_are_read_and_what_is_made_of_them_breaks_nothing(parser):
    for seed in parser.seeds:
        parser.check(seed)
    fuzzer = fuzz_record.fuzzer(parser, random.Random(1))
    fuzzer.step(STEPS.get(parser.name, SLOW))

    assert fuzzer.crashes == []
    assert fuzzer.executions > len(parser.seeds)
    assert fuzzer.edges


def test_every_parser_of_the_record_has_its_promise():
    assert {parser.name for parser in PARSERS} >= {
        "entry", "root", "envelope", "bundle", "review", "request", "revocation", "waiver", "trust change", "ssh signature",
        "checkpoint", "commit", "tree", "diff", "bundle.yaml", "pack",
    }  # fmt: skip


def falls(data):
    raise KeyError(data[:1])


@pytest.mark.parametrize(
    ("read", "found"),
    [(falls, "KeyError"), (lambda data: data.strip(), "BrokenPromise"), (lambda data: b"", "BrokenPromise")],
)
def test_a_parser_that_is_wrong_is_found_out(read, found):
    fuzzer = fuzz_record.fuzzer(Parser("wrong", (b"seed\n",), read), random.Random(0))

    assert [found in crash for crash, _ in fuzzer.crashes] == [True]


def test_a_parser_that_refuses_keeps_its_promise():
    def refuses(data):
        raise SignatureRefused("no")

    fuzzer = fuzz_record.fuzzer(Parser("strict", (b"seed",), refuses), random.Random(0))
    fuzzer.step(20)
    assert fuzzer.crashes == []


def test_a_mutation_is_reproducible_bounded_and_reaches_into_envelopes():
    seed = next(parser for parser in PARSERS if parser.name == "envelope").seeds[0]
    one, two = (fuzz_record.mutated(seed, [seed], random.Random(7)) for _ in range(2))
    many = [fuzz_record.mutated(seed, [seed], random.Random(number)) for number in range(80)]

    assert one == two
    assert max(map(len, many)) <= fuzz_record.LONGEST
    assert any(fuzz_record.wrapped(made) not in (None, fuzz_record.wrapped(seed)) for made in many)


def test_what_a_pack_holds_is_read_and_a_reader_that_does_not_look_at_names_is_found_out(monkeypatch):
    seed = pack_parser.seed()
    asked = []
    honest = Clone.read
    monkeypatch.setattr(Clone, "read", lambda *args: asked.append(honest(*args)) or asked[-1])
    pack_parser.reader(seed)(seed)
    assert len(asked) == len(pack_parser.names(seed)) == 3

    monkeypatch.setattr(Clone, "read", lambda *_: b"whatever")
    with pytest.raises(ValueError, match="another object was read"):
        pack_parser.reader(seed)(seed)
