"""Nobody reads an edit that does nothing: it is left out before the draft, and each that stays shows its worth."""

import pytest

from agent.edits.diff import diff
from agent.edits.tree import File
from agent.loop import worth as notes
from agent.loop.dev_half import DevHalf
from agent.loop.trim import Trim
from agent.loop.worth import worth
from tests.evaluate.world import MAIN, SCAFFOLD_TEST

PATH = "scaffold/__main__.py"
NEW = "tests/scaffold/test_more.py"
IDLE = MAIN.replace(b"def edit(task):\n", b"def edit(task):\n    task = dict(task)\n")
"""All of the gain, and beside it an edit that carries nothing."""
BASE_TEST = b"from scaffold.__main__ import words\n\ndef test_more():\n    assert words('a b') == {'a', 'b'}\n"
IDLE_TEST = (
    b"import inspect\nfrom scaffold.__main__ import edit\n\n"
    b"def test_it_copies():\n    assert 'dict(task)' in inspect.getsource(edit)\n"
)


@pytest.fixture
def trim(evaluator, settings, base):
    def trim(whole, parent=base, **change):
        said = []
        chosen = settings.model_copy(update=change)
        smaller = Trim(parent, chosen, DevHalf(evaluator, parent), 0, lambda: None, said.append).trimmed(whole)
        return smaller, said

    return trim


def with_main(base, content, **files):
    tree = base.with_file(PATH, File(content))
    for path, text in files.items():
        tree = tree.with_file(path, File(text))
    return tree


def test_an_edit_that_carries_nothing_is_left_out(trim, base):
    tree, said = trim(with_main(base, IDLE))

    assert tree == with_main(base, MAIN)
    assert said == [f"1 of 2 edits carry nothing and are left out: {PATH}::edit changed, +1 -0"]


def test_what_a_kept_edit_calls_stays_with_it(trim, base):
    """Alone, the new function does nothing; without it, the edit that gains does not run."""
    calls = MAIN.replace(b"-len(wanted & files[path])", b"-shared(wanted, files[path])")
    tree = with_main(base, calls.replace(b"def edit(", b"def shared(a, b):\n    return len(a & b)\n\n\ndef edit("))

    assert trim(tree) == (tree, [])


def test_a_gain_on_another_suite_than_the_objective_is_a_gain(trim, base):
    poor = with_main(base, base[PATH].content.replace(b"if match is None or", b"if True or match is None or"))

    assert trim(with_main(base, MAIN), parent=poor) == (with_main(base, MAIN), [])


def test_an_edit_that_only_a_test_wants_stays_and_no_other(trim, base):
    """A test of the base wants the same mark in `rank`, which gains, and in `edit`, which does nothing by it."""
    marks = (
        b"import inspect\nfrom scaffold.__main__ import edit, rank\n\ndef test_marks():\n"
        b"    assert inspect.getsource(edit).count('MARK') == inspect.getsource(rank).count('MARK')\n"
    )
    parent = with_main(base, base[PATH].content, **{NEW: marks})
    marked = MAIN.replace(b"    def answer(task):\n", b"    def answer(task):  # MARK\n").replace(
        b"def edit(task):\n", b"def edit(task):  # MARK\n"
    )
    idle = marked.replace(b"def words(text):\n", b"def words(text):  # and a comment\n")
    tree, said = trim(with_main(parent, idle), parent=parent)

    assert tree == with_main(parent, marked)
    assert "1 of 3 edits" in said[0]


def test_a_test_stays_though_it_has_no_score_and_goes_with_what_it_tests(trim, base):
    whole = with_main(base, IDLE, **{NEW: BASE_TEST, "tests/scaffold/test_copy.py": IDLE_TEST})

    assert trim(whole)[0] == with_main(base, MAIN, **{NEW: BASE_TEST})


def test_a_proposal_that_touches_what_it_may_not_is_not_mended(trim, base):
    whole = with_main(base, IDLE, **{"policies/law.yaml": b"{a: 1}\n"})

    assert trim(whole) == (whole, [])


def test_without_a_budget_it_is_said_that_nothing_was_looked_for(trim, base, settings):
    whole = with_main(base, IDLE)
    poor = settings.budget.model_copy(update={"search_trials": 10})

    assert trim(whole, budget=poor) == (
        whole,
        ["edits that carry nothing were not looked for: the budget does not allow it"],
    )


def test_each_edit_shows_its_worth_with_an_interval(evaluator, settings, base):
    tree = with_main(base, IDLE, **{NEW: BASE_TEST, "tests/scaffold/test_scaffold.py": SCAFFOLD_TEST + b"# more\n"})
    patch = diff(base, tree)
    rows = {one.edit.partition("::")[2].split(" ")[0] or one.note: one for one in worth(
        evaluator, base, tree, patch, settings
    )}  # fmt: skip

    assert [one.edit for one in worth(evaluator, base, tree, patch, settings)] == list(patch.summary())
    assert rows["rank"].gain_low_ppm > 0
    assert rows["rank"].gain_low_ppm < rows["rank"].gain_ppm < rows["rank"].gain_high_ppm
    assert (rows["edit"].gain_ppm, rows["edit"].gain_low_ppm, rows["edit"].gain_high_ppm) == (0, 0, 0)
    assert rows["rank"].tasks == rows["edit"].tasks == len(evaluator.dev_tasks("search"))
    assert (rows[notes.TEST].tasks, rows[notes.TEST].gain_ppm) == (0, 0)


def test_the_worth_of_an_only_edit_is_that_of_the_candidate(evaluator, settings, base):
    tree = with_main(base, MAIN)
    before = evaluator.trials_run
    (one,) = worth(evaluator, base, tree, diff(base, tree), settings)
    mine, theirs = evaluator.score([tree, base], "search", "dev", evaluator.dev_tasks("search"))

    assert one.gain_ppm == pytest.approx((sum(mine.values()) - sum(theirs.values())) / len(mine), abs=2)
    assert evaluator.trials_run - before == 2 * len(mine)


def test_what_was_not_measured_says_why(evaluator, settings, base):
    calls = MAIN.replace(b"-len(wanted & files[path])", b"-shared(wanted, files[path])")
    files = {"policies/law.yaml": b"{a: 1}\n"}
    tree = with_main(
        base, calls.replace(b"def edit(", b"def shared(a, b):\n    return len(a & b)\n\n\ndef edit("), **files
    )
    poor = settings.model_copy(update={"budget": settings.budget.model_copy(update={"search_trials": 120})})
    whole, cut = (
        [one.note for one in worth(evaluator, base, tree, diff(base, tree), each)] for each in (settings, poor)
    )

    assert whole == [notes.UNSEEN, "", notes.DEAD]
    assert cut == [notes.UNSEEN, "", notes.BUDGET]
