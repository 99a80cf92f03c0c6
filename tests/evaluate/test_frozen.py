"""The frozen regression set: read strictly, bound by digests, and compared on trials that were run anyway."""

import pytest

from agent.candidate import LeftOut
from agent.edits.tree import File, Tree
from agent.errors import BadSettings
from agent.evaluate.frozen import FROZEN_FILE, FrozenSet, freeze, held_to, read_frozen, written
from agent.evaluate.pairs import Unit
from agent.workspace import parse_settings
from tests.evaluate.world import SETTINGS
from tests.gate.test_facts import TEMPLATE
from tests.loop.nulls import Population

FULL = 1_000_000
SUITE = Population()
DEV = [task.id for task in SUITE.tasks("dev")]
ONCE = {task: FULL if index < 20 else 400_000 for index, task in enumerate(DEV)}
TWICE = ONCE | {DEV[0]: 0}


def tree(content):
    return Tree({FROZEN_FILE: File(content)})


@pytest.fixture
def frozen():
    return freeze([(SUITE, [ONCE, TWICE])])


def measured(candidate, split="dev", parent=None):
    unit = Unit(SUITE, split)
    unit.stored.scores = unit.replayed.scores = {task: [score] for task, score in (parent or ONCE).items()}
    unit.candidate.scores = {task: [score] for task, score in candidate.items()}
    return unit.measured(0)


def test_what_was_done_in_full_each_time_is_frozen_and_is_the_same_when_it_is_read(frozen):
    assert frozen.suites[0].tasks == sorted(DEV[1:20])
    assert read_frozen(tree(written(frozen, "generation 0"))) == frozen
    assert read_frozen(Tree({})) is None


def test_a_generation_that_does_nothing_in_full_freezes_nothing():
    nothing = freeze([(SUITE, [dict.fromkeys(DEV, 0)])])

    assert nothing.suites == []
    assert read_frozen(tree(written(nothing, "generation 0"))) == nothing


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f'    "{DEV[3]}",\n', ""),
        (f'"{DEV[3]}"', '"another"'),
        (f'"{DEV[3]}"', f'"{DEV[4]}"'),
        ('suite_digest = "sha256:7', 'suite_digest = "sha256:8'),
        ("schema = 1\n", "schema = 1\nmore = 1\n"),
        ('kind = "frozen"', 'kind = "skill-edit"'),
        ("schema = 1", "schema = 2"),
        ("tasks = [", "tasks = ["[:-1]),
    ],
)
def test_a_file_that_was_altered_by_hand_is_none(frozen, old, new):
    text = written(frozen, "generation 0").decode()
    assert old in text

    with pytest.raises(BadSettings, match="frozen"):
        read_frozen(tree(text.replace(old, new, 1).encode()))


def test_a_file_that_is_no_text_is_refused():
    with pytest.raises(BadSettings, match="cannot be read"):
        read_frozen(tree(b"\xff"))


def test_a_suite_that_is_frozen_twice_is_refused(frozen):
    with pytest.raises(ValueError, match="frozen twice"):
        FrozenSet(schema=1, kind="frozen", digest=frozen.digest, suites=[*frozen.suites, *frozen.suites])


def test_a_candidate_that_keeps_all_of_it_has_lost_nothing_whatever_else_it_does(frozen):
    (found,) = held_to(frozen, [measured(ONCE | dict.fromkeys(DEV[20:], 0))], [], [SUITE], 0)

    assert (found.status, found.tasks, found.candidate_ppm, found.lost) == ("measured", 19, FULL, ())
    assert found.gain_low_ppm == 0


def test_a_task_that_is_lost_is_named_and_a_mean_that_rose_does_not_hide_it(frozen):
    (found,) = held_to(frozen, [measured(dict.fromkeys(DEV, FULL) | {DEV[5]: 0})], [], [SUITE], 0)

    assert found.lost == (DEV[5],)
    assert found.gain_low_ppm < -10_000


def test_a_candidate_without_answers_has_lost_all_of_it(frozen):
    unit = measured(dict.fromkeys(DEV, 0))
    object.__setattr__(unit, "candidate", {})
    (found,) = held_to(frozen, [unit], [], [SUITE], 0)

    assert len(found.lost) == 19
    assert found.candidate_ppm == 0


def test_a_set_that_was_frozen_on_another_state_of_the_suite_says_so(frozen):
    other = frozen.suites[0].model_copy(update={"suite_digest": "sha256:" + "8" * 64})
    stale = frozen.model_copy(update={"suites": [other]})

    assert [one.status for one in held_to(stale, [measured(ONCE)], [], [SUITE], 0)] == ["stale"]
    assert [one.status for one in held_to(frozen, [], [], [SUITE], 0)] == ["stale"]


def test_a_suite_may_be_frozen_in_several_states_and_is_held_to_the_one_it_is_in(frozen):
    other = frozen.suites[0].model_copy(update={"suite_digest": "sha256:" + "0" * 64, "tasks": ["gone"]})
    both = freeze([(SUITE, [ONCE])], frozen.model_copy(update={"suites": [other, *frozen.suites]}))

    assert [len(one.tasks) for one in both.suites] == [1, 20]  # the other state stays; this one is frozen anew
    assert read_frozen(tree(written(both, "generation 1"))) == both
    (found,) = held_to(both, [measured(ONCE)], [], [SUITE], 0)
    assert (found.status, found.tasks) == ("measured", 20)


def test_a_suite_that_was_left_out_by_name_is_left_out_here_too(frozen):
    left_out = [LeftOut(suite="search", task="", why="no model")]

    assert [one.status for one in held_to(frozen, [], left_out, [], 0)] == ["left_out"]
    assert [one.status for one in held_to(frozen, [], [LeftOut(suite="search", task="t", why="")], [], 0)] == ["stale"]


def test_the_template_ships_a_set_that_is_whole_and_no_suite_may_have_its_name():
    shipped = read_frozen(Tree({FROZEN_FILE: File((TEMPLATE / FROZEN_FILE).read_bytes())}))

    assert {one.name for one in shipped.suites} == {"edit"}
    assert all(len(one.tasks) >= 40 for one in shipped.suites)
    with pytest.raises(BadSettings, match="frozen set"):
        parse_settings(SETTINGS.replace(b'name = "edit"', b'name = "frozen"'))
