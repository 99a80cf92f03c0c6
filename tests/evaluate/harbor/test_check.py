"""A suite is held to its own answers, and two known benchmarks become suites that hold. Look-alikes, written here."""

import gzip
import json
from contextlib import closing

import pytest

from agent.edits.tree import File, Tree
from agent.errors import BadSettings, Misuse
from agent.evaluate.catalogue import parse_suite
from agent.evaluate.harbor.check import check_task
from agent.evaluate.harbor.humaneval import read_humaneval
from agent.evaluate.harbor.importing import suite_files, write_suite
from agent.evaluate.harbor.polyglot import read_polyglot
from agent.evaluate.harbor.suite import open_harbor_suite
from tests.evaluate.harbor.small import LIMITS, TASK, TOGETHER, opened


@pytest.fixture
def checked(near):
    """Check the small task; `changes` are made to it."""

    def run(changes=None, **given):
        with closing(opened(near, changes, **given)) as suite:
            return check_task(suite, "double", near[0], LIMITS)

    return run


def marks(found):
    return tuple(mark.score for mark in (found.oracle, found.empty, found.tampering))


def test_a_sound_task_holds(checked):
    found = checked()

    assert (marks(found), found.holds, found.split) == ((1_000_000, 0, 0), True, "dev")


@pytest.mark.parametrize(
    "changes",
    [
        {"solution/solve.sh": b"true\n"},
        {"solution/solve.sh": b"echo 'def double(n): return 2 * n' > /app/number.py; echo because; exit 3\n"},
        {"solution/solve.sh": None},
        {"environment/app/number.py": b"def double(n): return 2 * n\n"},
        {"tampering/solve.sh": b"echo 'def double(n): return 42' > /app/number.py\n"},
        {"tests/test.sh": b"echo 1 > /logs/verifier/reward.txt\n"},
        {"tests/test.sh": b"true\n"},
    ],
    ids=["no answer", "fails", "none", "solved already", "cheated", "always", "never"],
)
def test_a_task_that_measures_nothing_does_not_hold(checked, changes):
    assert not checked(changes).holds


def test_it_is_said_why(checked):
    assert (
        checked({"solution/solve.sh": b"echo because; exit 3\n"}).oracle.why
        == "solution/solve.sh ended with 3: because"
    )


def test_a_task_needs_no_attack_of_its_own(checked):
    found = checked({"tampering/solve.sh": None})

    assert (found.holds, found.tampering.absent) == (True, True)


def test_an_attack_that_breaks_the_verifier_earns_nothing(checked):
    changes = {
        "tests/test_outputs.py": TOGETHER,
        "tests/test.sh": b"python -c 'import number; print(int(number.double(21) == 42))' > /logs/verifier/reward.txt\n",
    }
    found = checked(changes, graded="together")

    assert (marks(found), found.holds) == ((1_000_000, 0, 0), True)


def test_what_nobody_can_solve_needs_no_oracle(checked):
    changes = {"task.toml": TASK.replace(b"[metadata]", b"[metadata]\nimpossible = true"), "solution/solve.sh": None}

    assert checked(changes).holds


EXERCISES = {
    "two-fer": (
        {"two_fer.py": "def two_fer(name):\n    pass\n"},
        {"two_fer_test.py": "import unittest\nfrom two_fer import two_fer\n\nclass T(unittest.TestCase):\n"
         "    def test_it(self):\n        self.assertEqual(two_fer('A'), 'One for A')\n"},
        {".meta/example.py": "def two_fer(name):\n    return f'One for {name}'\n"},
    ),
    "sum-of": (
        {"sum_of.py": "", "numbers_of.py": "x = 1\n"},
        {"sum_of_test.py": "from sum_of import total\n\ndef test_total():\n    assert total([1, 2]) == 3\n"},
        {".meta/example.py": "def total(n):\n    return sum(n)\n"},
    ),
}  # fmt: skip


def config(slug):
    stubs, tests, examples = EXERCISES[slug]
    return {"files": {"solution": list(stubs), "test": list(tests), "example": list(examples)}}


@pytest.fixture
def benchmark(tmp_path):
    root = tmp_path / "polyglot"
    for slug, parts in EXERCISES.items():
        folder = root / "python" / "exercises" / "practice" / slug
        texts = {path: text for part in parts for path, text in part.items()}
        texts |= {".meta/config.json": json.dumps(config(slug)), ".docs/instructions.md": f"# {slug}\n\nDo it.\n"}
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    return root


def as_tree(files):
    return Tree({f"suites/{path}": File(content, executable) for path, (content, executable) in files.items()})


def held(wall, files, name):
    """Whether each task of an imported suite holds."""
    base = as_tree(files)
    backend, runtime = wall
    read = parse_suite(base, name)
    with closing(
        open_harbor_suite(name, read, base, runtime, backend, objective=False, progress=lambda _: None)
    ) as suite:
        tasks = [*suite.tasks("dev"), *suite.tasks("heldout")]
        return {task.id: check_task(suite, task.id, backend, LIMITS) for task in tasks}


def test_exercises_become_tasks_that_hold(wall, benchmark):
    files = suite_files("polyglot", read_polyglot(benchmark), graded="together", source="x", seed=0)
    found = held(wall, files, "polyglot")

    assert {name: marks(task) for name, task in found.items()} == dict.fromkeys(EXERCISES, (1_000_000, 0, 0))
    assert sorted(task.split for task in found.values()) == ["dev", "heldout"]


def test_answers_lie_in_the_solution_only(benchmark):
    for task in read_polyglot(benchmark):
        solved = [
            path for path, file in task.files.items() if b"return" in file.content and path != "tests/conftest.py"
        ]
        assert solved == ["solution/answer/0"]
        assert "Do it." in task.files["instruction.md"].content.decode()


def change(benchmark, slug="two-fer", **files):
    path = benchmark / "python" / "exercises" / "practice" / slug / ".meta" / "config.json"
    path.write_text(json.dumps({"files": {**config(slug)["files"], **files}}))


@pytest.mark.parametrize(
    "files",
    [
        {"solution": ["../../../../../../etc/passwd"]},
        {"solution": ["/etc/passwd.py"]},
        {"solution": ["missing.py"]},
        {"solution": []},
        {"solution": "two_fer.py"},
        {"solution": None},
        {"solution": ["two_fer.py", "two_fer.py"]},
        {"test": ["two_fer.py"]},
        {"test": ["conftest.py"]},
        {"example": [".meta/example.py", "x.py"]},
        {"example": ["a\n.py"]},
    ],
)
def test_exercises_that_are_hostile_or_broken_are_refused_by_name(benchmark, files):
    change(benchmark, **files)
    with pytest.raises(BadSettings, match="two-fer") as refused:
        read_polyglot(benchmark)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "path", ["two_fer.py", ".meta/example.py", ".docs/instructions.md", ".meta/config.json", ".meta"]
)
def test_links_are_not_followed(benchmark, tmp_path, path):
    place = benchmark / "python" / "exercises" / "practice" / "two-fer" / path
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadSettings):
        read_polyglot(benchmark)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"files": 1}', b"\xff", b"[" * 100_000, b'{"files": {}}'])
def test_a_config_that_is_none_is_refused_by_name(benchmark, content):
    (benchmark / "python/exercises/practice/two-fer/.meta/config.json").write_bytes(content)
    with pytest.raises(BadSettings, match="two-fer"):
        read_polyglot(benchmark)


def test_a_folder_that_is_no_benchmark_is_refused(tmp_path):
    with pytest.raises(BadSettings, match="no polyglot benchmark"):
        read_polyglot(tmp_path)


def record(number, **changes):
    given = {
        "task_id": f"HumanEval/{number}",
        "prompt": 'def helper(n):\n    return n + 1\n\n\ndef add(n, *, more=0):\n    """Add one, and `more`."""\n',
        "entry_point": "add",
        "canonical_solution": "    return helper(n) + more\n",
        "test": "\n\ndef check(candidate):\n    assert candidate(1) == helper(1)\n    assert candidate(1, more=2) == 4\n"
        "    assert candidate(0.5) == 1.5\n",
    }
    return json.dumps({**given, **changes})


PAIRS = {
    "prompt": "def pairs(words):\n    '''Pair words with lengths.'''\n",
    "entry_point": "pairs",
    "canonical_solution": "    print('noise')\n    return [(w, {len(w), 0}) for w in words]\n",
    "test": "def check(candidate):\n    assert candidate(['a', 'b\\n\\u2605']) == [('a', {1, 0}), ('b\\n\\u2605', {3, 0})]\n"
    "    assert isinstance(candidate(['a'])[0], tuple)\n",
}


@pytest.mark.parametrize("pack", [lambda content: content, gzip.compress], ids=["plain", "gz"])
def test_functions_become_tasks_that_hold(wall, tmp_path, pack):
    source = tmp_path / "HumanEval.jsonl"
    source.write_bytes(pack((record(0) + "\n\n" + record(7, **PAIRS) + "\n").encode()))
    files = suite_files("humaneval", read_humaneval(source), graded="apart", source="x", seed=0)
    found = held(wall, files, "humaneval")

    assert {name: marks(task) for name, task in found.items()} == {
        "humaneval-0": (1_000_000, 0, 0),
        "humaneval-7": (1_000_000, 0, 0),
    }


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "[]", "1", "null", "[" * 100_000, '{"task_id": "HumanEval/0"}', record(0, task_id="../../x"),
        record(0, task_id=5), record(0, prompt=""), record(0, prompt=None), record(0, entry_point="a b"),
        record(0, entry_point="def"), record(0, entry_point="__import__('os')"), record(0, entry_point="other"),
        record(0, test="def test(): pass"), record(0, test="def check(:"), record(0, canonical_solution="  x\n y"),
        record(0, prompt="\ud800"), record(0, prompt="x" * 300_000), record(0) + "\n" + record(0),
        record(0, prompt="(" * 5_000),
    ],
)  # fmt: skip
def test_lines_that_are_hostile_or_broken_are_refused_by_number(tmp_path, line):
    source = tmp_path / "x.jsonl"
    source.write_text(line, errors="surrogatepass")
    with pytest.raises(BadSettings, match=r"x\.jsonl") as refused:
        read_humaneval(source)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        # Named one by one: pytest would name them by their bytes, and gzip writes the time into its header.
        pytest.param(b"\x1f\x8b", id="a beginning and nothing more"),
        pytest.param(b"\x1f\x8b" + b"x" * 100, id="a beginning and noise"),
        pytest.param(gzip.compress(b"{}")[:-9], id="cut short"),
        pytest.param(gzip.compress(bytes(70_000_000)), id="a bomb"),
        pytest.param(b"\xff\xfe", id="no text"),
    ],
)
def test_files_that_cannot_be_unpacked_are_refused(tmp_path, content):
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(BadSettings, match=r"x\.gz"):
        read_humaneval(tmp_path / "x.gz")


def test_a_link_is_no_file(tmp_path):
    (tmp_path / "x").symlink_to("/etc/passwd")
    with pytest.raises(BadSettings, match="no plain file"):
        read_humaneval(tmp_path / "x")


def test_the_split_depends_on_the_seed_and_on_nothing_else(tmp_path):
    source = tmp_path / "x.jsonl"
    source.write_text("\n".join(record(number) for number in range(20)))

    def split(seed):
        files = suite_files("h", read_humaneval(source), graded="apart", source="x", seed=seed)
        return [path for path, (content, _) in files.items() if b'split = "dev"' in content]

    assert split(0) == split(0) != split(1)
    assert len(split(0)) == 10


def test_a_suite_is_never_written_over_another(tmp_path):
    source = tmp_path / "x.jsonl"
    source.write_text(record(0) + "\n" + record(1))
    files = suite_files("h", read_humaneval(source), graded="apart", source="x", seed=0)
    write_suite(tmp_path / "suites", "h", files)

    assert (tmp_path / "suites" / "h.toml").read_bytes() == files["h.toml"][0]
    assert (tmp_path / "suites" / "h" / "humaneval-0" / "task.toml").is_file()
    with pytest.raises(Misuse, match="already"):
        write_suite(tmp_path / "suites", "h", files)


def test_one_task_is_no_suite(tmp_path):
    source = tmp_path / "x.jsonl"
    source.write_text(record(0))
    with pytest.raises(BadSettings, match="fewer than two"):
        suite_files("h", read_humaneval(source), graded="apart", source="x", seed=0)
