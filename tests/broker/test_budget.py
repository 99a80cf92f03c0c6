"""What a candidate may spend: asked before a call is sent, told as an error of the API, known to whoever runs it."""

import threading
from dataclasses import replace

import anthropic
import pytest

from sandbox.broker.ledger import Budget, Budgets, Exhausted, MemoryJournal
from tests.broker.conftest import CONFIG, MODEL
from tests.broker.scripted import CutAfter, Hang, Say, text

ASK = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
SAY = Say([text("hello yourself")])
CACHED = {
    "input_tokens": 3,
    "output_tokens": 5,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 2_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
}


def stream(world):
    with world.client().messages.stream(**ASK) as events:
        return events.get_final_message()


@pytest.mark.parametrize("scope", ["call", "candidate", "run", "day"])
def test_the_call_that_could_pass_the_budget_is_not_sent(given, scope):
    world = given(budgets=Budgets(**{scope: Budget(micro_usd=1_000)}))

    with pytest.raises(anthropic.PaymentRequiredError) as told:
        world.client(max_retries=3).messages.create(**ASK)

    assert (told.value.type, told.value.error_code) == ("billing_error", "budget_exhausted")
    assert told.value.body["error"]["details"]["scope"] == scope
    assert world.script.requests == []
    assert world.ledger.stopped == (Exhausted(scope, "c1") if scope in ("run", "day") else None)
    assert world.traffic().refusals == {"budget_exhausted": 1}
    assert world.door.exhausted == scope


def test_what_is_left_is_not_told_to_the_candidate(given):
    world = given(budgets=Budgets(run=Budget(micro_usd=1_234)))

    with pytest.raises(anthropic.PaymentRequiredError) as told:
        world.client().messages.create(**ASK)
    assert not any(character.isdigit() for character in told.value.body["error"]["message"])


def test_when_the_bound_does_not_fit_the_upstream_is_asked_how_long_the_request_is(given):
    """100 output tokens cost 2,000; an input of 42 at most 336; the bound by size alone would be 33,000 and more."""
    world = given(SAY, budgets=Budgets(run=Budget(micro_usd=2_400)), counted=42)

    world.client().messages.create(**ASK)

    assert [sorted(body) for body in world.script.counts] == [["messages", "model"]]
    assert world.door.spent.micro_usd == 140
    assert (world.ledger.stopped, world.door.exhausted) == (None, None)  # the bound was not the last word


def test_each_kind_of_token_is_booked_at_its_price_streamed_or_not(given):
    world = given(Say([text("x")], usage=CACHED), Say([text("x")], usage=CACHED))
    world.client().messages.create(**ASK)
    once = world.door.spent
    stream(world)
    twice = world.door.spent

    assert once.micro_usd == 3 * 4 + 5 * 20 + 100 * 5 + 200 * 8 + 400
    assert (once.usage.write_5m, once.usage.write_1h, once.usage.read) == (100, 200, 2_000)
    assert (twice.micro_usd, twice.usage.total) == (2 * once.micro_usd, 2 * once.usage.total)


def test_the_budget_runs_out_in_the_middle_of_a_run_and_holds(given):
    world = given(*[SAY] * 3, budgets=Budgets(candidate=Budget(tokens=150)), counted=10)
    client = world.client()
    for _ in range(3):
        client.messages.create(**ASK)

    with pytest.raises(anthropic.PaymentRequiredError):
        client.messages.create(**ASK)
    assert world.door.spent.usage.total == 45


def test_a_model_without_a_price_cannot_be_used(given):
    config = replace(CONFIG, policy=replace(CONFIG.policy, models=frozenset({MODEL, "free-lunch"})))
    world = given(config=config)

    with pytest.raises(anthropic.PermissionDeniedError, match="no price"):
        world.client().messages.create(**{**ASK, "model": "free-lunch"})


def test_counting_costs_nothing(given):
    world = given(budgets=Budgets(run=Budget(micro_usd=0, tokens=0)))

    assert world.client().messages.count_tokens(model=MODEL, messages=ASK["messages"]).input_tokens == 7
    assert world.ledger.run.calls == 0


def test_two_calls_at_once_cannot_both_have_the_last_of_the_budget(given):
    """The second waits for what the first may not need, and has it when the first has turned out cheap."""
    config = replace(CONFIG, patience=replace(CONFIG.patience, budget_held=10))
    world = given(
        Say([text("slow")] * 5, pause=0.02), SAY, budgets=Budgets(run=Budget(micro_usd=60_000)), config=config
    )
    ended = []

    def first():
        stream(world)
        ended.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    while not world.script.requests:
        pass
    world.client().messages.create(**ASK)
    ended.append("second")
    thread.join()

    assert ended == ["first", "second"]
    assert world.ledger.stopped is None


def test_a_call_that_waits_too_long_for_others_is_told_to_ask_again(given):
    world = given(Say([text("slow")] * 4, pause=0.05), budgets=Budgets(run=Budget(micro_usd=60_000)))
    thread = threading.Thread(target=stream, args=(world,))
    thread.start()
    while not world.script.requests:
        pass

    with pytest.raises(anthropic.RateLimitError) as told:
        world.client().messages.create(**ASK)
    assert told.value.error_code == "budget_held"
    assert world.ledger.stopped == Exhausted("run", "c1")  # whoever was refused was measured without a model
    thread.join()


def test_leaving_before_the_answer_does_not_make_it_free(given):
    world = given(Hang(1))

    with pytest.raises(anthropic.APITimeoutError):
        world.client(timeout=0.1).messages.create(**ASK)

    (kept,) = world.exchanges()
    assert (kept["ending"], kept["charge"]["estimated"]) == ("left", True)
    assert world.door.spent.usage.output == ASK["max_tokens"]


def test_leaving_in_the_middle_of_a_stream_ends_it_upstream_and_is_booked(given):
    world = given(Say([text("x" * 1_000)] * 50, pause=0.02))
    with world.client().messages.stream(**ASK) as events:
        next(iter(events.text_stream))

    (kept,) = world.exchanges()
    assert kept["ending"] == "left"
    assert world.script.closed_early.wait(10)
    assert world.door.spent.usage.output == ASK["max_tokens"]  # 500 bytes may be that many tokens


def test_a_journal_that_cannot_be_written_stops_the_service_and_not_the_budget(given):
    class Full(MemoryJournal):
        def write(self, entry):
            raise OSError(28, "No space left on device")

    world = given(journal=Full())
    for raised in (anthropic.APIConnectionError, anthropic.InternalServerError):
        with pytest.raises(raised):
            world.client().messages.create(**ASK)
    assert "journal" in world.door.lost
    assert world.script.requests == []


def test_every_candidate_has_an_account_of_its_own(given, tmp_path):
    world = given(SAY, SAY, SAY)
    world.client().messages.create(**ASK)
    with world.broker.serve(tmp_path / "other", "c2") as other:
        for _ in range(2):
            world.client(http_client=world.transport(other.path)).messages.create(**ASK)
        assert (other.spent.calls, world.door.spent.calls, world.ledger.run.calls) == (2, 1, 3)


def test_a_cut_stream_is_settled_once(given):
    journal = MemoryJournal()
    world = given(CutAfter(SAY, 3, "reset"), journal=journal)
    with pytest.raises(anthropic.APIStatusError):
        stream(world)

    assert [entry.settled for entry in journal.entries] == [False, True]
