"""Suites come from the parent's files; a file that is not valid says where and why."""

import pytest

from agent.edits.diff import diff
from agent.edits.tree import File, Tree
from agent.edits.unified import unified_diff
from agent.errors import BadSettings, EditConflict, Refused, SandboxDown
from agent.evaluate.catalogue import load_suites, parse_suite
from agent.evaluate.identity import check_same
from agent.evaluate.skill_edit import EditSettings
from agent.evaluate.skill_search import SearchSettings
from agent.workspace import SuiteSettings
from sandbox.contract import Ending
from tests.evaluate.harbor import small
from tests.evaluate.world import EDIT, SEARCH, answering, broken, said, tiny_tree


def with_search(content):
    return tiny_tree({"suites/search.toml": content})


def test_the_kind_decides_the_suite(base):
    assert isinstance(parse_suite(base, "search"), SearchSettings)
    assert isinstance(parse_suite(base, "edit"), EditSettings)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "suites/search.toml is missing"),
        (b"\xff", "not UTF-8"),
        (b"schema = [", "not valid TOML"),
        (b"", "kind"),
        (SEARCH.replace(b"skill-search", b"harbour"), "kind"),
        (SEARCH + b"answers = 1\n", "answers"),
        (SEARCH.replace(b"dev_tasks = 60", b"dev_tasks = 0"), "dev_tasks"),
        (SEARCH.replace(b"dev_tasks = 60", b'dev_tasks = "60"'), "dev_tasks"),
        (SEARCH.replace(b"schema = 1", b"schema = 2"), "schema"),
        (EDIT.replace(b"seed = 3\n", b""), "seed"),
    ],
)
def test_a_file_that_is_not_valid_says_where(content, message):
    with pytest.raises(BadSettings, match=message):
        parse_suite(with_search(content), "search")


def load(base, settings, library, cache, script):
    return load_suites(base, settings, library, cache, lambda _: None, backend=answering(script))


def test_suites_are_loaded_in_the_order_of_the_settings(base, settings, library, tmp_path):
    suites, _ = load(base, settings, library, tmp_path, lambda mounts, command: said(b"[]"))

    assert [(suite.name, suite.objective) for suite in suites] == [("search", True), ("edit", False)]
    assert {task.family for task in suites[0].tasks("dev")}.isdisjoint(t.family for t in suites[1].tasks("heldout"))


IMAGES = b'schema = 1\nkind = "harbor"\ntasks = "suites/small"\nenvironment = "image"\n'


@pytest.mark.parametrize("optional", [True, False])
def test_a_suite_none_of_whose_tasks_can_be_run_here_is_left_out_and_says_so(settings, library, tmp_path, optional):
    entry = SuiteSettings(name="words", optional=optional)
    asked = settings.model_copy(update={"suites": (*settings.suites, entry)})
    base = Tree({**tiny_tree({"suites/words.toml": IMAGES}), **small.tree()})

    def loaded():
        return load(base, asked, library, tmp_path, lambda mounts, command: said(b"[]"))

    if not optional:
        with pytest.raises(Refused, match="words cannot be measured here"):
            loaded()
        return
    suites, left_out = loaded()
    assert "words" not in [suite.name for suite in suites]
    assert [(one.suite, one.task) for one in left_out] == [("words", "")]
    assert "double" in left_out[0].why


@pytest.mark.parametrize(
    "script",
    [
        broken,
        lambda mounts, command: said(b"not json"),
        lambda mounts, command: said(b"[1e9]"),
        lambda mounts, command: said(b"[]", code=1),
        lambda mounts, command: said(b"[]", ending=Ending.TIMED_OUT),
    ],
    ids=["broken", "talk", "out of range", "crashed", "late"],
)
def test_an_inside_that_cannot_be_asked_gives_no_suite(base, settings, library, tmp_path, script):
    with pytest.raises(SandboxDown):
        load(base, settings, library, tmp_path, script)


def test_what_is_measured_is_what_patch_and_diff_say(base):
    tree = base.with_file("scaffold/new.py", File(b"x = 1\n"))
    other = base.with_file("scaffold/new.py", File(b"x = 2\n"))
    check_same(base, tree, diff(base, tree), unified_diff(base, tree))

    with pytest.raises(EditConflict, match="patch"):
        check_same(base, tree, diff(base, other), unified_diff(base, tree))
    with pytest.raises(EditConflict, match="canonical"):
        check_same(base, tree, diff(base, tree), unified_diff(base, other))
    with pytest.raises(EditConflict, match="canonical"):
        check_same(base, tree, diff(base, tree), unified_diff(base, tree) + b"\n")
