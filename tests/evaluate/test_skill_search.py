"""The search suite scores reciprocal ranks on the host, and no answer crosses the wall."""

import json
from dataclasses import replace

import pytest

from agent.evaluate.corpus import open_corpus
from agent.evaluate.skill_search import SearchSettings, SearchSuite, score
from tests.evaluate.world import json_lines

ANSWERS = {"a": "x.py", "b": "pkg/y.py"}


@pytest.fixture(scope="module")
def suite(library, tmp_path_factory):
    settings = SearchSettings.model_validate(
        {"schema": 1, "kind": "skill-search", "seed": 3, "dev_tasks": 40, "heldout_tasks": 40, "deadline_seconds": 9}
    )
    cache = tmp_path_factory.mktemp("cache")
    corpus = open_corpus(library, settings.plan, lambda _: frozenset(), cache, lambda _: None)
    return SearchSuite("search", settings, corpus, objective=True)


@pytest.mark.parametrize(("place", "ppm"), [(0, 1_000_000), (1, 500_000), (2, 333_333), (9, 100_000), (19, 50_000)])
def test_a_task_scores_the_reciprocal_of_its_rank(place, ppm):
    ranking = [f"{number}.py" for number in range(20)]
    ranking[place] = "x.py"

    assert score(json_lines({"id": "a", "ranking": ranking}), ANSWERS) == {"a": ppm, "b": 0}


@pytest.mark.parametrize(
    "ranking",
    [
        ["x.py"] + ["other.py"] * 20,
        ["x.py", 1],
        ["x.py", None],
        ["x.py", "z" * 600],
        "x.py",
        {"x.py": 1},
        None,
        [["x.py"]],
        ["./x.py", "/corpus/x.py", "X.PY"],
        [],
    ],
    ids=repr,
)
def test_a_ranking_that_breaks_a_rule_scores_nothing(ranking):
    assert score(json_lines({"id": "a", "ranking": ranking}), ANSWERS) == {"a": 0, "b": 0}


def test_a_ranking_of_everything_is_refused():
    """Whoever may name all files finds every answer."""
    everything = [f"{number}.py" for number in range(190)] + ["x.py"]

    assert score(json_lines({"id": "a", "ranking": ["x.py", *everything]}), ANSWERS) == {"a": 0, "b": 0}


@pytest.mark.parametrize("out", [b"", b"talk\n", b'{"id": "z", "ranking": []}\n'])
def test_saying_nothing_about_any_task_is_no_score_at_all(out):
    assert score(out, ANSWERS) is None


def test_the_job_gives_away_neither_answers_nor_the_other_split(suite):
    tasks = [task.id for task in suite.tasks("dev")]
    job = suite.job("dev", tasks)
    sent = [json.loads(line) for line in job.command.stdin.splitlines()]

    assert [set(line) for line in sent] == [{"id", "query"}] * len(tasks)
    assert [mount.source for mount in job.mounts] == [suite._corpus.folders["dev"]]
    assert not (job.mounts[0].source / "corpus.json").exists()


def test_an_id_depends_on_the_question_alone(suite):
    """An ID made from the answer could be made again from every file of the corpus."""
    from agent.evaluate.dice import draw

    for split in ("dev", "heldout"):
        ids = [task.id for task in suite.tasks(split)]
        texts = [json.loads(line)["query"] for line in suite.job(split, ids).command.stdin.splitlines()]
        assert ids == ["q" + draw(0, text).hex()[:16] for text in texts]


def test_the_summary_counts_hits_from_scores(suite):
    scores = {"a": 1_000_000, "b": 200_000, "c": 100_000, "d": 0}

    assert suite.summary(scores) == {"mean": 325_000, "hit@1": 250_000, "hit@5": 500_000, "hit@10": 750_000}


def test_the_digest_names_corpus_and_settings(suite, library, tmp_path):
    settings = suite._settings.model_copy(update={"deadline_seconds": 10})
    other = SearchSuite("search", settings, suite._corpus, objective=True)

    assert other.digest != suite.digest
    assert SearchSuite("renamed", suite._settings, suite._corpus, objective=False).digest == suite.digest


def test_looks_are_counted_under_what_people_chose_and_not_under_what_this_machine_made_of_it(suite):
    """Another deadline, an update of Python, another wall: the held-out tasks are as good as the same."""
    slower = suite._settings.model_copy(update={"deadline_seconds": 10, "dev_tasks": 5})
    reseeded = suite._settings.model_copy(update={"seed": suite._settings.seed + 1})
    updated = replace(suite._corpus, digest="sha256:" + "0" * 64)
    made = [
        SearchSuite("search", *each, objective=True) for each in ((slower, suite._corpus), (suite._settings, updated))
    ]

    assert {one.exam for one in made} == {suite.exam}
    assert suite.digest not in {one.digest for one in made}
    assert SearchSuite("search", reseeded, suite._corpus, objective=True).exam != suite.exam
    assert SearchSuite("another", suite._settings, suite._corpus, objective=True).exam != suite.exam
