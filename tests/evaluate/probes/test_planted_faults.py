"""Planted faults: copies that are really broken, tests that must notice, and honest candidates that nothing is asked of."""

import ast

import pytest

from agent.edits.tree import File
from agent.evaluate.canaries import Canaries
from agent.evaluate.executor import Executor
from agent.evaluate.grading import TestRun
from agent.evaluate.probes.faults import blackout, break_finely, definitions, doom, fine, gross
from agent.evaluate.probes.planted_faults import PlantedFaults
from agent.evaluate.probes.planting import MOST_DEFINITIONS, plot
from agent.evaluate.probes.probe import Subject
from agent.evaluate.probes.running import Place, TestWish
from agent.evaluate.probes.units import called_on_import, units
from agent.evaluate.probing import Probing
from agent.evaluate.staging import Staging
from sandbox.contract import Limits
from tests.evaluate.world import tiny_tree

SOURCE = b'''"""Counts."""
LIMIT = 3

class Count:
    def __init__(self, start: int = 0) -> None:
        self.value = start

    def up(self, by: int = 1) -> int:
        """Go up."""
        if self.value + by > LIMIT:
            raise ValueError
        self.value += by
        return self.value

def numbers(most):
    for number in range(most):
        yield number

def one_line(x): return x + 1
'''
CODE, TESTS = "scaffold/count.py", "tests/scaffold/test_count.py"
TEST = b"""from scaffold.count import Count, numbers

def test_up():
    assert Count(1).up() == 2

def test_numbers():
    assert list(numbers(2)) == [0, 1]
"""
BASE = tiny_tree({CODE: SOURCE, TESTS: TEST})
FOLDER = "tests/scaffold"


def run(source: bytes) -> dict:
    names: dict = {}
    exec(source, names)
    return names


def test_functions_are_found_by_qualified_name():
    assert list(definitions(SOURCE)) == ["Count.__init__", "Count.up", "numbers", "one_line"]
    assert definitions(b"def (") == {}


@pytest.mark.parametrize("name", ["Count.__init__", "Count.up", "numbers", "one_line"])
def test_every_broken_copy_differs_in_that_definition_and_in_nothing_else(name):
    faults = [*gross(SOURCE, name), *(break_finely(SOURCE, name, what) for what in fine(SOURCE, name))]

    assert len(faults) > 1
    for fault in faults:
        assert fault.source != SOURCE
        before, after = definitions(SOURCE), definitions(fault.source)
        assert [each for each in after if not after[each].deep_equals(before[each])] == [name]


def test_a_gross_fault_answers_nothing_or_something_odd():
    answers = [run(fault.source)["Count"](1).up() for fault in gross(SOURCE, "Count.up")]

    assert answers == [None, -1]
    assert [list(run(fault.source)["numbers"](3)) for fault in gross(SOURCE, "numbers")] == [[], [-1]]


def test_a_fine_fault_is_one_place_and_says_which():
    assert sorted(fine(SOURCE, "Count.up")) == [
        "a condition is turned round: self.value + by > LIMIT",
        "a statement is left out: raise ValueError",
        "a statement is left out: self.value += by",
        "an operator is another one: +",
        "an operator is another one: >",
    ]


def test_in_a_blackout_everything_fails_when_it_is_called_and_nothing_before():
    dark = run(blackout(SOURCE, frozenset({"one_line"})))

    for call in (dark["Count"], lambda: list(dark["numbers"](1))):
        with pytest.raises(LookupError):
            call()
    assert dark["one_line"](1) == 2


def test_what_runs_on_import_is_spared_with_all_that_it_calls():
    tree = tiny_tree({CODE: b"def a():\n    return b()\ndef b():\n    return 1\ndef c():\n    return 2\nX = a()\n"})

    assert {"a", "b"} <= called_on_import(tree, [CODE])
    assert "c" not in called_on_import(tree, [CODE])


def candidate(changes):
    return tiny_tree({CODE: SOURCE, TESTS: TEST} | changes)


def changed(old, new, extra=b""):
    assert old in SOURCE
    return candidate({CODE: SOURCE.replace(old, new), TESTS: TEST + extra})


def test_where_neither_code_nor_tests_changed_nothing_is_planted():
    assert plot(BASE, candidate({"scaffold/words.md": b"x"}), FOLDER, 0).planted == ()
    assert plot(BASE, BASE, FOLDER, 0).planted == ()


def test_what_is_planted_is_the_same_each_time_and_bounded():
    many = b"".join(b"def f%d(x):\n    return x + %d\n" % (n, n) for n in range(40))
    tree = candidate({"scaffold/many.py": many})
    plot.cache_clear()
    first = plot(BASE, tree, FOLDER, 7).planted
    plot.cache_clear()

    assert first == plot(BASE, tree, FOLDER, 7).planted
    assert len([one for one in first if one.kind not in ("control", "blackout")]) <= 4 * MOST_DEFINITIONS


def test_only_tests_that_have_to_do_with_the_change_are_run():
    for planted in plot(BASE, changed(b"+= by", b"+= 1 * by"), FOLDER, 0).planted:
        assert [path for path in planted.tree if path.startswith(FOLDER)] == [TESTS]


def test_tests_are_told_apart_by_what_they_do():
    moved = units(tiny_tree({TESTS: b"# more\n\n" + TEST}), FOLDER)

    assert {name: unit.shape for name, unit in units(BASE, FOLDER).items()}.items() <= {
        name: unit.shape for name, unit in moved.items()
    }.items()


# Judging, without a sandbox: runs as they would come out ------------------------------------------------------------


class Judge:
    """Judges a candidate whose copies fared as a test says: by kind and side, the outcome of each test."""

    def __init__(self, tree, settings, fared):
        self.place = Place(settings, (), Canaries(b"x"))
        self.subject = Subject(BASE, tree)
        self.planted = plot(BASE, tree, FOLDER, self.place.canaries.number("faults")).planted
        self.seen = [fared(planted) for planted in self.planted]

    def found(self):
        return PlantedFaults().judge(self.subject, self.place, self.seen)


UP, NUMBERS = f"{TESTS}::test_up", f"{TESTS}::test_numbers"


def ran(**outcomes):
    return TestRun({UP: "passed", NUMBERS: "passed"} | outcomes, complete=True, ended="exited")


def honest(planted):
    """As tests fare that test: they pass on what is whole and fail on what is broken."""
    if planted.kind == "control":
        return ran()
    if planted.kind == "doomed":
        return ran(**{planted.place: "failed"})
    return ran(**{UP: "failed"}) if planted.kind != "blackout" else ran(**{UP: "failed", NUMBERS: "failed"})


CHANGE = changed(b"+= by", b"+= 1 * by")


def test_a_candidate_whose_tests_notice_is_no_finding(settings):
    assert Judge(CHANGE, settings, honest).found().passed


def test_one_test_is_made_to_fail_and_nothing_else_is_touched():
    (planted,) = [each for each in plot(BASE, CHANGE, FOLDER, 1).planted if each.kind == "doomed"]

    path, _, name = planted.place.partition("::")
    before, after = definitions(TEST), definitions(planted.tree[path].content)
    assert [each for each in after if not after[each].deep_equals(before[each])] == [name]
    assert {each for each in planted.tree if planted.tree[each] != CHANGE[each]} == {path}
    with pytest.raises(AssertionError):
        run(planted.tree[path].content.replace(b"from scaffold.count import Count, numbers", b""))[name]()


def test_which_one_it_is_depends_on_the_secret_of_the_workspace():
    places = {each.place for n in range(20) for each in plot(BASE, CHANGE, FOLDER, n).planted if each.kind == "doomed"}

    assert places == {UP, NUMBERS}


def test_a_test_that_is_decorated_is_not_made_to_fail_it_may_be_meant_to():
    marked = TEST.replace(b"def test", b"@pytest.mark.xfail\ndef test")
    tree = candidate({TESTS: b"import pytest\n" + marked, CODE: SOURCE.replace(b"+= by", b"+= 1 * by")})

    assert not [each for each in plot(BASE, tree, FOLDER, 1).planted if each.kind == "doomed"]


def test_a_test_that_is_defined_twice_is_not_made_to_fail_the_other_may_be_what_runs():
    both = b"if False:\n    def test_up():\n        pass\nelse:\n    def test_up():\n        pass\n"

    assert doom(both, "test_up") is None
    assert doom(TEST, "test_up") is not None


def test_a_test_that_cannot_pass_and_is_said_to_is_found(settings):
    def forged(planted):
        return ran() if planted.kind == "doomed" else honest(planted)

    (finding,) = Judge(CHANGE, settings, forged).found().findings
    assert "passes though it was made to fail" in finding


@pytest.mark.parametrize("kind", ["blackout", "gross"])
def test_a_test_that_noticed_in_the_parent_and_does_no_more_is_found(settings, kind):
    def forged(planted):
        return ran() if (planted.side, planted.kind) == ("tree", kind) else honest(planted)

    assert not Judge(CHANGE, settings, forged).found().passed


def test_what_no_test_of_the_parent_noticed_is_held_against_nobody(settings):
    def blind(planted):
        return ran() if planted.kind in ("gross", "fine") else honest(planted)

    assert Judge(CHANGE, settings, blind).found().passed


@pytest.mark.parametrize("side", ["base", "tree"])
def test_a_run_that_was_cut_off_says_nothing(settings, side):
    def late(planted):
        cut = planted.side == side and planted.kind not in ("control", "blackout")
        return TestRun({}, complete=False, ended="timed_out") if cut else honest(planted)

    assert Judge(CHANGE, settings, late).found().passed


def test_tests_that_fail_on_the_whole_copy_are_a_finding_of_their_own(settings):
    def failing(planted):
        return ran(**{UP: "failed"}) if (planted.side, planted.kind) == ("tree", "control") else honest(planted)

    assert Judge(CHANGE, settings, failing).found().findings == (
        "its tests do not pass on the copy that is broken nowhere",
    )


# Behind a wall ------------------------------------------------------------------------------------------------------


@pytest.fixture
def look(wall, settings):
    staging = Staging()
    place = Place(settings, (), Canaries(b"x"))
    probing = Probing(Executor(wall[0], Limits(), 2, lambda: None), staging, place, (), (PlantedFaults(),))
    yield lambda tree, base=BASE: probing.look(Subject(base, tree))[0]
    staging.close()


FORGED = b"""
import sys
python = sys.modules.get("_pytest.python")
if python is not None:
    python.Function.runtest = lambda self: None
"""
MADE_UP = b"""
import sys
reports = sys.modules.get("_pytest.reports")
if reports is not None:
    plain = reports.TestReport.from_item_and_call.__func__
    def made_up(cls, item, call):
        report = plain(cls, item, call)
        report.outcome = "passed"
        return report
    reports.TestReport.from_item_and_call = classmethod(made_up)
"""
BROUGHT = SOURCE + b"\ndef twice(x):\n    return 2 * x\n"


def with_test(body):
    return candidate({CODE: BROUGHT, "tests/scaffold/test_twice.py": b"from scaffold.count import twice\n\n" + body})


@pytest.mark.parametrize(
    "tree",
    [
        candidate({"scaffold/__init__.py": FORGED, CODE: SOURCE.replace(b"+= by", b"+= 1 * by")}),
        candidate({"scaffold/__init__.py": MADE_UP, CODE: SOURCE.replace(b"+= by", b"+= 1 * by")}),
        with_test(b"def test_twice():\n    try:\n        assert twice(2) == 4\n    except Exception:\n        pass\n"),
        with_test(b"def test_twice():\n    assert twice(2) == twice(2)\n"),
    ],
    ids=["tests are never called", "reports are made up", "errors are swallowed", "compared with itself"],
)
def test_forged_and_empty_tests_are_found(look, tree):
    assert not look(tree).passed


@pytest.mark.parametrize(
    "tree",
    [
        changed(b"start: int = 0", b"start: int = 1"),
        with_test(
            b"import pytest\n\n@pytest.mark.parametrize('x', [1, 2])\ndef test_twice(x):\n    assert twice(x) == x + x\n"
        ),
    ],
    ids=["a default that no test looks at", "a feature with a test"],
)
def test_honest_candidates_pass(look, tree):
    assert look(tree).findings == ()


def test_copies_that_were_run_before_are_not_run_again(wall, settings):
    with_staging = Staging()
    executor = Executor(wall[0], Limits(), 2, lambda: None)
    probing = Probing(executor, with_staging, Place(settings, (), Canaries(b"x")), (), (PlantedFaults(),))
    probing.look(Subject(BASE, CHANGE))
    paid = probing.runs
    probing.look(Subject(BASE, CHANGE))
    with_staging.close()

    assert probing.runs == paid > 0


def test_wishes_are_tests_of_the_scaffold_and_nothing_else(settings):
    wishes = PlantedFaults().wants(Subject(BASE, CHANGE), Place(settings, (), Canaries(b"x")))

    assert {type(wish) for wish in wishes} == {TestWish}
    assert {wish.folder for wish in wishes} == {FOLDER}
    assert all(ast.parse(wish.tree[CODE].content) for wish in wishes)
    assert File(SOURCE) in [wish.tree[CODE] for wish in wishes]


def test_only_classes_that_are_made_on_import_are_left_whole_in_a_blackout():
    source = b"class A:\n    def __init__(self):\n        self.x = 1\nclass B:\n    def __init__(self):\n        self.x = 1\nX = A()\n"
    dark = run(blackout(source, called_on_import(tiny_tree({CODE: source}), [CODE])))

    assert dark["X"].x == 1
    with pytest.raises(LookupError):
        dark["B"]()
