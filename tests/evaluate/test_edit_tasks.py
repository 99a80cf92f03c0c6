"""Edits as models write them: made from a seed, each with one right result or none."""

import ast
import json
from collections import Counter

import pytest

from agent.evaluate.dice import Dice
from agent.evaluate.edit_noise import SOLVABLE, Spot
from agent.evaluate.edit_tasks import SCHEDULE, exact_places, make_tasks
from agent.evaluate.modules import list_modules
from agent.evaluate.skill_edit import EditSettings, open_edit_suite, score
from tests.evaluate.world import json_lines

IMPOSSIBLE = {"ambiguous", "missing", "contradiction", "half_missing", "cut_off"}


@pytest.fixture(scope="module")
def modules(library):
    return list_modules(library.stripped_stdlib, ())


@pytest.fixture(scope="module")
def tasks(modules):
    return make_tasks(modules, 160, 7)


@pytest.fixture(scope="module")
def suite(library):
    settings = {"schema": 1, "kind": "skill-edit", "seed": 3, "dev_tasks": 48, "heldout_tasks": 48}
    return open_edit_suite(
        "edit", EditSettings.model_validate({**settings, "deadline_seconds": 9}), library, objective=False
    )


def of(tasks, kind):
    return [task for task in tasks if task.kind == kind]


def sides(task):
    """SEARCH and REPLACE lines of a task with one block."""
    lines = task.edit.split("\n")
    middle, end = lines.index("======="), len(lines) - (lines[-1] == ">>>>>>> REPLACE")
    return lines[1:middle], lines[middle + 1 : end]


def test_the_same_seed_makes_the_same_tasks_and_another_seed_others(modules, tasks):
    assert make_tasks(modules, 160, 7) == tasks
    assert not {task.id for task in make_tasks(modules, 160, 8)} & {task.id for task in tasks}


def test_every_kind_is_made_in_the_share_of_the_schedule(tasks):
    assert len(tasks) == 160
    assert Counter(task.kind for task in tasks) == {kind: 10 * SCHEDULE.count(kind) for kind in SCHEDULE}


def test_only_solvable_tasks_have_a_right_result_and_it_is_valid_python_and_a_change(tasks):
    for task in tasks:
        assert (task.expected is None) == (task.kind in IMPOSSIBLE)
        if task.expected is not None:
            ast.parse(task.expected)
            assert task.expected != task.content


def test_a_clean_edit_is_the_plain_replacement(tasks):
    for task in of(tasks, "clean"):
        search, replace = sides(task)
        lines = task.content.split("\n")
        (start,) = exact_places(lines, search)
        assert [*lines[:start], *replace, *lines[start + len(search) :]] == task.expected.split("\n")


def test_noise_in_white_space_changes_nothing_but_white_space(tasks):
    for kind in ("trailing_space", "blank_edges", "lost_indentation", "added_indentation"):
        for task in of(tasks, kind):
            search, _ = sides(task)
            wanted = [line.strip() for line in search if line.strip()]
            bare = [line.strip() for line in task.content.split("\n") if line.strip()]
            assert len(exact_places(bare, wanted)) == 1, task


def test_an_elided_edit_leaves_out_lines_that_the_result_keeps(tasks):
    for task in of(tasks, "elided"):
        search, replace = sides(task)
        marks = [line for line in search if "..." in line]
        assert len(marks) == 1
        assert marks == [line for line in replace if "..." in line]
        head, tail = search[: search.index(marks[0])], search[search.index(marks[0]) + 1 :]
        lines = task.content.split("\n")
        middle = lines[exact_places(lines, head)[0] + len(head) : exact_places(lines, tail)[0]]
        assert len(middle) >= 2
        assert exact_places(task.expected.split("\n"), middle)


def test_a_stale_edit_misremembers_one_line_and_the_result_has_the_true_one(tasks):
    for task in of(tasks, "stale_context"):
        search, replace = sides(task)
        lines = task.content.split("\n")
        wrong = [line for line in search if line not in lines]
        assert len(wrong) == 1
        assert wrong[0] in replace
        assert wrong[0] not in task.expected.split("\n")


def test_an_ambiguous_edit_fits_two_places(tasks):
    for task in of(tasks, "ambiguous"):
        assert len(exact_places(task.content.split("\n"), sides(task)[0])) > 1


def test_a_missing_edit_is_about_lines_of_another_file(tasks):
    for task in of(tasks, "missing"):
        here = {line.strip() for line in task.content.split("\n")}
        search, _ = sides(task)
        assert 4 * sum(line.strip() in here for line in search) <= len(search)


def test_a_contradiction_is_in_the_very_line_that_changes(tasks):
    for task in of(tasks, "contradiction"):
        search, replace = sides(task)
        changed = [(a, b) for a, b in zip(search, replace, strict=True) if a != b]
        lines = task.content.split("\n")
        assert len(changed) == 1
        assert changed[0][0] not in lines
        assert all(line in lines for line in search if line != changed[0][0])


def test_half_an_edit_and_an_edit_cut_off_are_not_edits(tasks):
    assert all(task.edit.count("<<<<<<< SEARCH") == 2 for task in of(tasks, "half_missing"))
    assert not any(">>>>>>> REPLACE" in task.edit for task in of(tasks, "cut_off"))


def test_an_elision_near_either_end_keeps_the_middle_out_of_both_sides():
    before = tuple("abcdefg")
    for at in (0, 1, 5, 6):
        for instead in ((), ("X",), ("X", "Y")):
            spot = Spot(0, before, at, instead)
            search, replace = SOLVABLE["elided"](spot, Dice(1))
            assert search[:2] == ("a", "b")
            assert search[-2:] == ("f", "g")
            assert len(search) == 5
            mark = replace.index(search[2])
            assert (*replace[:mark], *"cde", *replace[mark + 1 :]) == spot.after


def test_ids_and_lines_do_not_tell_the_kind(suite):
    ids = [task.id for task in suite.tasks("dev")]
    sent = [json.loads(line) for line in suite.job("dev", ids).command.stdin.splitlines()]

    assert [set(line) for line in sent] == [{"id", "path", "content", "edit"}] * len(ids)
    assert ids == sorted(ids)
    assert all(len(task) == 17 for task in ids)


def test_no_file_serves_both_splits(suite):
    paths = [{task.path for task in suite._tasks[split].values()} for split in ("dev", "heldout")]

    assert paths[0]
    assert paths[1]
    assert not paths[0] & paths[1]


def test_impossible_tasks_are_the_ones_without_a_result(suite):
    kinds = suite.kinds("dev")

    assert {kinds[task] for task in suite.impossible("dev")} == IMPOSSIBLE


RIGHT = {"can": "new text", "cannot": None}


@pytest.mark.parametrize(
    ("answer", "can", "cannot"),
    [
        ({"content": "new text"}, 1_000_000, 0),
        ({"content": "new text\n"}, 0, 0),
        ({"content": None}, 0, 0),
        ({"content": ["new text"]}, 0, 0),
        ({"refused": "does not fit"}, 250_000, 1_000_000),
        ({"refused": ""}, 250_000, 1_000_000),
        ({"refused": True}, 0, 0),
        ({"refused": "x" * 3_000}, 0, 0),
        ({"content": "new text", "refused": "both"}, 0, 0),
        ({}, 0, 0),
    ],
    ids=lambda value: str(value)[:30],
)
def test_exact_beats_refusal_beats_wrong(answer, can, cannot):
    out = json_lines({"id": "can", **answer}, {"id": "cannot", **answer})

    assert score(out, RIGHT) == {"can": can, "cannot": cannot}


def test_an_edit_without_an_answer_scores_nothing():
    assert score(json_lines({"id": "can", "refused": "no"}), RIGHT) == {"can": 250_000, "cannot": 0}
    assert score(b"", RIGHT) is None


def test_the_summary_tells_refusals_from_mistakes(suite):
    dev = suite.impossible("dev")
    solvable = [task.id for task in suite.tasks("dev") if task.id not in dev]
    scores = dict.fromkeys(dev, 1_000_000) | dict(zip(solvable, [1_000_000, 250_000, 0, 0], strict=False))
    summary = suite.summary(scores)

    assert (summary["exact"], summary["refused"], summary["wrong"]) == (250_000, 250_000, 500_000)
    assert summary["impossible_refused"] == 1_000_000
