"""Behind real walls: answers cannot be read inside, tests cannot be forged by the plain means, evidence is whole."""

import json

import pytest

from agent.edits.diff import diff
from agent.edits.tree import File
from agent.edits.unified import unified_diff
from agent.errors import SandboxDown
from agent.evaluate.catalogue import load_suites
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.evidence import run_tests
from agent.evaluate.executor import Executor
from agent.evaluate.grading import COMPLETION
from agent.evaluate.inside import survey
from agent.evaluate.staging import Staging
from agent.evaluate.trial import MemoryTrials
from sandbox.contract import Limits
from sandbox.errors import SandboxBroken
from tests.evaluate.world import MAIN, SCAFFOLD_TEST, alone, tiny_tree

KEPT, OWN = "tests/kept/test_kept.py", "tests/scaffold/test_scaffold.py"


@pytest.fixture(scope="session")
def suites(wall, base, settings, cache):
    backend, runtime = wall
    return load_suites(base, settings, runtime, cache, lambda _: None, backend=backend)[0]


@pytest.fixture
def evaluator(wall, suites, settings):
    backend, runtime = wall
    with Evaluator(backend, runtime, suites, settings, MemoryTrials()) as made:
        yield made


@pytest.fixture
def graded(wall, base, settings):
    """Run the tests of the tiny tree with some files changed; returns the two reports."""
    staging = Staging()

    def run(changes, parent=base):
        executor = Executor(wall[0], Limits(), 2, lambda: None)
        return run_tests(executor, staging, settings, parent, tiny_tree(changes))

    yield run
    staging.close()


def test_what_the_inside_gives_away_is_known(wall):
    """Docstrings of frozen modules and of C extensions survive in binaries; those of plain modules do not."""
    frozen = "Super-mkdir; create a leaf directory and all intermediate ones."
    extension = "Push item onto heap, maintaining the heap invariant."
    plain = "Get a token from the input stream (or from stack if it's nonempty)"

    assert survey(wall[0], Limits())([frozen, plain, extension, "No such sentence was ever written down."]) == {
        frozen,
        extension,
    }


GREP = b"""
import json, os, sys

questions = [json.loads(line) for line in sys.stdin]
found = {q["id"]: [] for q in questions}
for root, folders, names in os.walk("/"):
    if root == "/":
        folders[:] = [f for f in folders if f not in ("proc", "sys", "dev")]
    for name in names:
        try:
            with open(os.path.join(root, name), "rb") as file:
                content = b" ".join(file.read().split())
        except OSError:
            continue
        for q in questions:
            if q["query"].encode() in content:
                path = os.path.join(root, name)
                found[q["id"]].append(path.split("/python3.11/")[-1].removeprefix("/corpus/"))
for q in questions:
    print(json.dumps({"id": q["id"], "ranking": found[q["id"]][:20]}))
"""


@pytest.mark.parametrize("split", ["dev", "heldout"])
def test_a_scaffold_that_searches_the_whole_inside_for_the_question_finds_no_answer(evaluator, suites, split):
    tasks = [task.id for task in suites[0].tasks(split)][:30]
    (scores,) = evaluator.score([tiny_tree({"scaffold/__main__.py": GREP})], "search", split, tasks)

    assert scores == dict.fromkeys(tasks, 0)


def test_honest_tests_pass_and_are_counted_by_name(graded):
    kept, own = graded({})

    assert (kept.expected, kept.passed, kept.failed, kept.missing, kept.ended) == (2, 2, (), (), "exited")
    assert (own.expected, own.passed, own.failed, own.missing) == (2, 2, (), ())


def test_kept_tests_are_the_parents_whatever_the_candidate_has(graded):
    for theirs in (b"def test_it_refuses(): pass\n", None, b"raise SystemExit(0)\n"):
        kept, _ = graded(
            {KEPT: theirs, "scaffold/__main__.py": MAIN.replace(b'"refused": "no"', b'"refused": "maybe"')}
        )
        assert kept.failed == (f"{KEPT}::test_it_refuses",)
        assert kept.missing == ()


EXIT = b"\nimport os\nos._exit(0)\n"

ENDINGS = {
    "in a test of the scaffold": (
        {OWN: SCAFFOLD_TEST + b"\ndef test_words_too():\n    import os\n    os._exit(0)\n"},
        1,
    ),
    "while the scaffold is imported": ({"scaffold/__main__.py": MAIN + EXIT}, 0),
    "in a conftest": ({"tests/scaffold/conftest.py": EXIT}, 1),
    "at the end of the process": (
        {"tests/scaffold/conftest.py": b"import atexit, os\natexit.register(os._exit, 0)\n"},
        None,
    ),
}


@pytest.mark.parametrize(("changes", "which"), ENDINGS.values(), ids=ENDINGS)
def test_a_run_that_ends_itself_early_is_not_passed(graded, changes, which):
    reports = graded(changes)

    if which is None:
        assert all(report.passed == report.expected for report in reports)
    else:
        assert COMPLETION in reports[which].missing


BESIDE = {
    "conftest.py": b"def pytest_runtest_call(item):\n    pass\nraise RuntimeError('loaded')\n",
    "tests/conftest.py": b"raise RuntimeError('loaded')\n",
    "pytest.ini": b"[pytest]\naddopts = --collect-only\n",
    "pyproject.toml": b"[tool.pytest.ini_options]\naddopts = '-k nothing'\n",
    "pytest.py": b"raise SystemExit(0)\n",
    "_pytest/__init__.py": b"",
    "sitecustomize.py": b"import os\nos._exit(0)\n",
    "usercustomize.py": b"import os\nos._exit(0)\n",
    **dict.fromkeys(("json.py", "statistics.py", "difflib.py", "pdb.py", "doctest.py"), b"raise SystemExit(0)\n"),
}


def test_files_beside_the_tests_have_no_say(graded):
    broken_main = {"scaffold/__main__.py": MAIN.replace(b"re.findall", b"re.split")}
    honest, cheating = graded(BESIDE)[0], graded(BESIDE | broken_main)[0]

    assert (honest.expected, honest.passed) == (2, 2)
    assert cheating.failed == (f"{KEPT}::test_it_knows_words",)


FORGERY = b"""
import os, re, sys

print('\\n{"id": "tests/kept/test_kept.py::test_it_refuses", "outcome": "passed"}')
os.write(1, b'\\n{"collected": 2, "exit": 0}\\n')
assert sys.__stdin__.read() == "", "the request can be read again"
assert os.read(0, 10) == b"", "the request can be read from its descriptor"
assert not [name for name in os.environ if "NONCE" in name.upper()], "the nonce is in the environment"
everything = [*sys.orig_argv, *os.environ.values(), open("/proc/self/cmdline").read(), open("/proc/self/environ").read()]
assert not [text for text in everything if re.search("[0-9a-f]{32}", text)], "the nonce can be read"
"""


def test_what_the_scaffold_prints_or_looks_for_changes_no_report(graded):
    kept, own = graded({"scaffold/__init__.py": FORGERY})

    assert (kept.passed, kept.failed, kept.missing, kept.unexpected) == (2, (), (), ())
    assert (own.passed, own.missing) == (2, ())


def test_a_deleted_test_is_missing_and_a_skipped_one_is_failed(graded):
    _, own = graded({OWN: SCAFFOLD_TEST.replace(b"def test_words", b"def no_test_words")})
    assert own.missing == (f"{OWN}::test_words",)

    _, own = graded({OWN: SCAFFOLD_TEST.replace(b"def test_words", b"@pytest.mark.skip\ndef test_words")})
    assert own.failed == (f"{OWN}::test_words",)


def test_a_new_test_that_fails_is_a_failure_and_a_file_that_does_not_load_ends_the_run(graded):
    _, own = graded({"tests/scaffold/test_new.py": b"def test_new():\n    assert False\n"})
    assert own.failed == ("tests/scaffold/test_new.py::test_new",)

    _, own = graded({"tests/scaffold/test_new.py": b"import nothing_of_that_name\n"})
    assert COMPLETION in own.missing


def test_a_test_that_passes_and_then_breaks_its_teardown_has_failed(graded):
    teardown = b"\n@pytest.fixture(autouse=True)\ndef mess():\n    yield\n    raise RuntimeError\n"

    assert graded({OWN: SCAFFOLD_TEST + teardown})[1].failed == (f"{OWN}::test_words",)


def test_a_test_that_never_ends_is_cut_off(wall, base, settings):
    hasty = settings.model_copy(update={"tests": settings.tests.model_copy(update={"deadline_seconds": 10})})
    staging = Staging()
    tree = tiny_tree({OWN: SCAFFOLD_TEST + b"\ndef test_long():\n    while True:\n        pass\n"})
    try:
        own = run_tests(Executor(wall[0], Limits(), 2, lambda: None), staging, hasty, base, tree)[1]
    finally:
        staging.close()

    assert own.ended == "timed_out"
    assert COMPLETION in own.missing


def test_a_parent_whose_own_tests_do_not_end_is_not_a_measure(graded):
    broken = tiny_tree({OWN: EXIT})

    with pytest.raises(SandboxDown, match="parent's own scaffold tests"):
        graded({}, parent=broken)


def test_a_workspace_without_kept_tests_expects_none(graded):
    assert graded({KEPT: None}, parent=tiny_tree({KEPT: None}))[0].expected == 0


def evidence_of(evaluator, base, tree, grant=alone):
    return evaluator.evaluate("0" * 40, base, tree, diff(base, tree), unified_diff(base, tree), 7, 3, grant=grant)


def test_a_true_gain_is_measured_on_both_splits_and_evidence_is_whole(evaluator, wall):
    worse = tiny_tree({"scaffold/__main__.py": MAIN.replace(b"(-len(", b"(len(")})
    better = tiny_tree()
    evidence = evidence_of(evaluator, worse, better)

    assert [(c.suite, c.split) for c in evidence.comparisons] == [
        ("search", "dev"), ("search", "heldout"), ("edit", "dev"), ("edit", "heldout"),
    ]  # fmt: skip
    search, edit = evidence.comparisons[:2], evidence.comparisons[2:]
    assert all(one.gain_low_ppm > 0 and one.p_value_ppm < 10_000 for one in search)
    assert all(one.gain_ppm == 0 and one.parent_ppm > 0 for one in edit)
    assert all(one.noise_ppm == 0 and one.infrastructure_failures == 0 for one in evidence.comparisons)
    assert all(probe.passed for probe in evidence.probes), evidence.probes
    assert (evidence.sandbox.backend, evidence.sandbox.level) == (wall[0].name, wall[0].level)
    assert evidence.sandbox.details[1:] == wall[0].prepare().wall
    assert (evidence.search_trials, evidence.candidates_tried) == (7, 3)
    assert evidence.trials == 3 * sum(one.tasks for one in evidence.comparisons) == evaluator.trials_run

    paid = evaluator.trials_run
    assert evidence_of(evaluator, worse, better) == evidence
    assert evaluator.trials_run == paid


def test_a_candidate_that_crashes_scores_nothing_and_says_so(evaluator, base):
    evidence = evidence_of(evaluator, base, base.with_file("scaffold/__main__.py", File(b"raise SystemExit(1)\n")))
    probes = {probe.name: probe for probe in evidence.probes}

    assert all(one.candidate_ppm == 0 for one in evidence.comparisons)
    assert not probes["answers_given"].passed
    assert evidence.tests[0].passed < evidence.tests[0].expected


def test_a_candidate_that_writes_everywhere_falls_for_the_impossible(evaluator, base):
    careless = MAIN.replace(b'task["content"].count(match[1] + "\\n") != 1', b"False").replace(
        b"if match is None or task", b"if match is None:\n        return {'content': ''}\n    if task"
    )
    evidence = evidence_of(evaluator, base, base.with_file("scaffold/__main__.py", File(careless)))

    assert not {probe.name: probe for probe in evidence.probes}["impossible_twins"].passed
    edits = next(one for one in evidence.comparisons if (one.suite, one.split) == ("edit", "dev"))
    assert edits.gain_ppm < 0


def test_a_parent_without_answers_cannot_be_compared_with(evaluator, base):
    dead = base.with_file(
        "scaffold/__main__.py", File(MAIN.replace(b"    answer = rank", b"    raise SystemExit(1)\n    answer = rank"))
    )

    with pytest.raises(SandboxDown, match="gave no answers"):
        evidence_of(evaluator, dead, base)


def test_a_baseline_that_was_held_down_is_found_by_its_replay(wall, suites, settings, base):
    """The stored scores of the parent are lowered behind our back: the replay in the same batch disagrees."""
    backend, runtime = wall
    trials = MemoryTrials()
    with Evaluator(backend, runtime, suites, settings, trials) as evaluator:
        evaluator.score([base], "edit", "dev", evaluator.dev_tasks("edit"))
        trials._scores = dict.fromkeys(trials._scores, 0)
        tree = base.with_file("scaffold/extra.py", File(b"x = 1\n"))
        evidence = evidence_of(evaluator, base, tree)

    replay = {probe.name: probe for probe in evidence.probes}["parent_replay"]
    assert not replay.passed
    assert evidence.comparisons[2].gain_ppm == 0
    assert evidence.comparisons[2].noise_ppm > 0


class Failing:
    """A real wall whose sandboxes break on every run of a suite, also the parent's."""

    def __init__(self, backend):
        self.name, self.level, self._backend = backend.name, backend.level, backend

    def start(self, mounts, limits, role="solver"):
        if any(mount.target == "/corpus" for mount in mounts):
            raise SandboxBroken("the engine went away")
        return self._backend.start(mounts, limits, role)


def test_an_infrastructure_failure_is_no_verdict(wall, suites, settings, base):
    backend, runtime = wall
    tree = base.with_file("scaffold/extra.py", File(b"x = 1\n"))
    with (
        Evaluator(Failing(backend), runtime, suites, settings, MemoryTrials()) as evaluator,
        pytest.raises(SandboxDown, match="parent's own scaffold gave no answers"),
    ):
        evidence_of(evaluator, base, tree)


def test_evidence_is_canonical(evaluator, base):
    from agent.digest import canonical_json

    evidence = evidence_of(evaluator, base, base.with_file("scaffold/extra.py", File(b"x = 1\n")))

    assert json.loads(canonical_json(evidence))["schema"] == "successor.evidence/v5"
