"""The page of measures keeps the lines of those that were not taken anew."""

from bench.__main__ import merged
from bench.measure import Measure

ONE, OTHER = (Measure(name, 1, "s", "", "nothing", 3) for name in ("a.one", "b.other"))


def test_a_bench_that_is_run_alone_changes_its_own_lines_only():
    page = merged("", [ONE, OTHER], whole=True)
    again = merged(page, [Measure("a.one", 2, "s", "", "nothing", 3)], whole=False)

    assert "| a.one | 2 s |" in again
    assert "| a.one | 1 s |" not in again
    assert "| b.other | 1 s |" in again
    assert again.count("| measure |") == 1


def test_when_all_are_run_nothing_old_stays():
    assert "b.other" not in merged(merged("", [ONE, OTHER], whole=True), [ONE], whole=True)
