"""Budgets hold: in every scope, from many threads, over a crash, and never twice for one call."""

import resource
import threading

import pytest

from sandbox.broker.journal import FileJournal
from sandbox.broker.ledger import Budget, Budgets, Exhausted, Held, Ledger, MemoryJournal, Reservation, lowered
from sandbox.broker.usage import Usage

SCOPES = ["candidate", "run", "day"]


@pytest.mark.parametrize("scope", ["call", *SCOPES])
@pytest.mark.parametrize("kind", ["tokens", "micro_usd"])
def test_the_call_that_would_pass_a_budget_is_refused(scope, kind):
    ledger = Ledger(Budgets(**{scope: Budget(**{kind: 100})}))

    assert isinstance(ledger.reserve("c", 100, 100), Reservation)
    refused = Ledger(Budgets(**{scope: Budget(**{kind: 100})})).reserve("c", 101, 101)

    assert refused == Exhausted(scope, "c")


@pytest.mark.parametrize("scope", SCOPES)
def test_what_was_spent_leaves_less(scope):
    ledger = Ledger(Budgets(**{scope: Budget(micro_usd=100)}))
    ledger.settle(ledger.reserve("c", 1, 90), Usage(input=1), 60)

    assert isinstance(ledger.reserve("c", 1, 41), Exhausted)
    assert isinstance(ledger.reserve("c", 1, 40), Reservation)


@pytest.mark.parametrize("scope", SCOPES)
def test_what_is_set_aside_is_held_until_it_is_settled(scope):
    ledger = Ledger(Budgets(**{scope: Budget(micro_usd=100)}))
    first = ledger.reserve("c", 1, 80)

    with pytest.raises(Held):
        ledger.reserve("c", 1, 30)
    ledger.settle(first, Usage(), 10)

    assert isinstance(ledger.reserve("c", 1, 90), Reservation)


def test_a_candidate_that_is_done_does_not_end_the_run_but_the_run_does():
    ledger = Ledger(Budgets(candidate=Budget(tokens=10), run=Budget(tokens=20)))

    assert ledger.reserve("a", 11, 0) == Exhausted("candidate", "a")
    assert ledger.stopped is None
    ledger.settle(ledger.reserve("a", 10, 0), Usage(input=10), 0)
    ledger.settle(ledger.reserve("b", 10, 0), Usage(input=10), 0)
    assert ledger.reserve("c", 1, 0) == Exhausted("run", "c")
    assert ledger.stopped == Exhausted("run", "c")


def test_a_call_is_settled_once():
    ledger = Ledger(Budgets())
    made = ledger.reserve("c", 1, 1)
    ledger.settle(made, Usage(input=3), 2)

    with pytest.raises(ValueError, match="settled already"):
        ledger.settle(made, Usage(input=3), 2)
    assert (ledger.spent("c").calls, ledger.spent("c").micro_usd, ledger.run.usage.input) == (1, 2, 3)


def test_a_new_day_has_a_budget_of_its_own_and_the_old_one_is_charged_for_its_calls():
    days = ["2026-11-23"]
    ledger = Ledger(Budgets(day=Budget(micro_usd=100)), today=lambda: days[-1])
    late = ledger.reserve("c", 1, 100)
    days.append("2026-11-24")

    assert isinstance(ledger.reserve("c", 1, 100), Reservation)
    ledger.settle(late, Usage(), 100)
    assert ledger.today().micro_usd == 0
    assert ledger.run.micro_usd == 100


def test_many_threads_never_pass_the_budget_together():
    ledger = Ledger(Budgets(run=Budget(micro_usd=1_000)))

    def work(name):
        for _ in range(200):
            try:
                made = ledger.reserve(name, 1, 7)
            except Held:
                continue
            if isinstance(made, Reservation):
                ledger.settle(made, Usage(input=1), 7)

    threads = [threading.Thread(target=work, args=(f"c{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ledger.run.micro_usd == 994
    assert sum(ledger.spent(f"c{n}").micro_usd for n in range(8)) == 994


@pytest.fixture(params=["memory", "file"])
def journal(request, tmp_path):
    kept = MemoryJournal()
    return (lambda: kept) if request.param == "memory" else (lambda: FileJournal(tmp_path / "spent.jsonl"))


def test_the_day_goes_on_in_the_next_run(journal):
    first = Ledger(Budgets(), journal(), today=lambda: "d")
    first.settle(first.reserve("c", 5, 60), Usage(input=5), 60)
    second = Ledger(Budgets(day=Budget(micro_usd=100)), journal(), today=lambda: "d")

    assert second.today().micro_usd == 60
    assert second.reserve("c", 1, 41) == Exhausted("day", "c")
    assert second.run.micro_usd == 0


def test_a_call_under_way_when_the_process_died_counts_as_all_that_was_set_aside(journal):
    Ledger(Budgets(), journal(), today=lambda: "d").reserve("c", 50, 80)
    after = Ledger(Budgets(), journal(), today=lambda: "d")

    assert (after.today().micro_usd, after.today().usage.total) == (80, 50)
    after.settle(after.reserve("c", 1, 1), Usage(), 1)  # under a number of its own
    assert Ledger(Budgets(), journal(), today=lambda: "d").today().micro_usd == 81


def test_a_line_that_was_cut_by_a_crash_is_left_out(tmp_path):
    path = tmp_path / "spent.jsonl"
    ledger = Ledger(Budgets(), FileJournal(path), today=lambda: "d")
    ledger.settle(ledger.reserve("c", 5, 60), Usage(input=5), 60)
    path.write_bytes(path.read_bytes() + b'{"number": 9, "candi')

    again = Ledger(Budgets(), FileJournal(path), today=lambda: "d")
    again.settle(again.reserve("c", 1, 1), Usage(), 1)

    assert Ledger(Budgets(), FileJournal(path), today=lambda: "d").today().micro_usd == 61


def test_a_line_that_a_full_disk_cut_is_taken_back(tmp_path):
    path = tmp_path / "spent.jsonl"
    ledger = Ledger(Budgets(), FileJournal(path), today=lambda: "d")
    ledger.settle(ledger.reserve("c", 5, 60), Usage(input=5), 60)
    before = path.read_bytes()

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        with pytest.raises(OSError, match="did not fit"):
            ledger.reserve("c", 7, 8)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == before
    ledger.settle(ledger.reserve("c", 1, 1), Usage(), 1)
    assert Ledger(Budgets(), FileJournal(path), today=lambda: "d").today().micro_usd == 61


def test_a_journal_with_a_slip_in_the_middle_is_not_believed(tmp_path):
    path = tmp_path / "spent.jsonl"
    path.write_bytes(b'{"number": 1}\n')

    with pytest.raises(ValueError, match="line 1"):
        FileJournal(path)


def test_a_journal_that_cannot_be_written_stops_the_call(tmp_path):
    class Full(MemoryJournal):
        def write(self, entry):
            raise OSError(28, "No space left on device")

    ledger = Ledger(Budgets(), Full())
    with pytest.raises(OSError, match="No space"):
        ledger.reserve("c", 1, 1)


def test_a_person_can_only_lower_a_budget():
    assert lowered(Budget(micro_usd=100), micro_usd=50) == Budget(micro_usd=50)
    assert lowered(Budget(micro_usd=100), micro_usd=500) == Budget(micro_usd=100)
    assert lowered(Budget(tokens=1), micro_usd=5) == Budget(tokens=1, micro_usd=5)
