"""The search benchmark: no file serves both splits, and no answer can be read inside."""

import json

import pytest

from agent.errors import SandboxDown
from agent.evaluate.corpus import CorpusPlan, open_corpus
from agent.evaluate.docstrings import first_sentence, may_have_docstrings, questions
from agent.evaluate.modules import FROZEN, Module, family_of, list_modules, split_families
from sandbox.contract import Runtime

PLAN = CorpusPlan(seed=3, dev=60, heldout=60, per_file=5)


def build(library, cache, plan=PLAN, inside=lambda _: frozenset()):
    return open_corpus(library, plan, inside, cache, lambda _: None)


@pytest.fixture(scope="module")
def corpus(library, tmp_path_factory):
    return build(library, tmp_path_factory.mktemp("cache"))


def test_no_file_and_no_family_serves_both_splits(corpus):
    dev, heldout = (set(corpus.files[split]) for split in ("dev", "heldout"))

    assert dev
    assert heldout
    assert not dev & heldout
    assert not {family_of(path) for path in dev} & {family_of(path) for path in heldout}


@pytest.mark.parametrize("split", ["dev", "heldout"])
def test_every_question_is_about_a_file_of_its_own_split_and_of_no_other(corpus, library, split):
    files = {path.relative_to(library.stdlib).as_posix(): path for path in library.stdlib.rglob("*.py")}
    asked = {name: set(questions(path.read_bytes())) for name, path in files.items()}
    assert corpus.queries[split]
    for query in corpus.queries[split]:
        assert query.answer in corpus.files[split]
        assert query.family == family_of(query.answer)
        assert [name for name, texts in asked.items() if query.text in texts] == [query.answer]


@pytest.mark.parametrize("split", ["dev", "heldout"])
def test_what_is_mounted_holds_exactly_the_stripped_files_of_the_split(corpus, library, split):
    folder = corpus.folders[split]
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert found.keys() == set(corpus.files[split])
    assert all(content == (library.stripped_stdlib / path).read_bytes() for path, content in found.items())
    assert not any(may_have_docstrings(content) for content in found.values())


def test_a_question_that_can_be_read_inside_is_not_asked(library, tmp_path, corpus):
    given_away = {query.text for split in ("dev", "heldout") for query in corpus.queries[split]}
    sentences = {first_sentence(text) for text in given_away}
    strict = build(library, tmp_path, inside=lambda asked: frozenset(sentences & set(asked)))

    assert not {query.text for split in strict.queries for query in strict.queries[split]} & given_away


def test_an_inside_that_gives_everything_away_is_refused(library, tmp_path):
    with pytest.raises(SandboxDown, match="no question is left"):
        build(library, tmp_path, inside=frozenset)


def test_frozen_modules_are_left_out_by_the_list_and_by_the_interpreter(library):
    assert {"os", "codecs"} <= FROZEN
    paths = {module.path for module in list_modules(library.stripped_stdlib, {"json.decoder"})}

    assert "json/encoder.py" in paths
    assert not paths & {"os.py", "codecs.py", "json/decoder.py"}


def test_a_library_with_docstrings_is_refused(library, tmp_path):
    dressed = Runtime(library.digest, "3", stdlib=library.stdlib, stripped_stdlib=library.stdlib)

    with pytest.raises(SandboxDown, match="still has docstrings"):
        build(dressed, tmp_path)


def test_no_file_has_more_questions_than_its_share(library, tmp_path):
    small = build(library, tmp_path, CorpusPlan(seed=3, dev=60, heldout=60, per_file=2))
    answers = [query.answer for query in small.queries["dev"]]

    assert max(answers.count(path) for path in answers) <= 2


def test_the_same_seed_gives_the_same_corpus_and_another_seed_another(library, tmp_path, corpus):
    assert build(library, tmp_path / "a").digest == corpus.digest
    assert build(library, tmp_path / "b", CorpusPlan(4, 60, 60, 5)).digest != corpus.digest


def test_a_corpus_is_built_once(library, tmp_path):
    calls = []

    def inside(asked):
        calls.append(len(asked))
        return frozenset()

    first, second = build(library, tmp_path, inside=inside), build(library, tmp_path, inside=inside)

    assert first == second
    assert len(calls) == 1


def test_a_cached_file_that_was_changed_is_refused(library, tmp_path):
    corpus = build(library, tmp_path)
    victim = corpus.folders["heldout"] / corpus.files["heldout"][0]
    victim.write_bytes(victim.read_bytes() + b"# the answer is here\n")

    with pytest.raises(SandboxDown, match="was changed"):
        build(library, tmp_path)


def test_a_cache_that_is_not_a_corpus_is_refused(library, tmp_path):
    corpus = build(library, tmp_path)
    (corpus.folders["dev"].parent / "corpus.json").write_text(json.dumps({"files": {}}))

    with pytest.raises(SandboxDown):
        build(library, tmp_path)


def test_questions_are_first_paragraphs_of_functions():
    source = b'''
"""About the module as a whole here."""
class A:
    """About the class as a whole here."""
    def one(self):
        """Fold   the paper
        along its length.

        Not this one."""
    async def two(self):
        """Too short."""
        def inner():
            """Tear the sheet into equal strips."""
'''
    assert questions(source) == ("Fold the paper along its length.", "Tear the sheet into equal strips.")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Fold the paper along its length. Then wait.", "Fold the paper along its length."),
        ("Fold it. Then fold it once more. And again.", "Fold it. Then fold it once more."),
        ("Fold the paper", "Fold the paper"),
    ],
)
def test_a_first_sentence_is_long_enough_to_be_told_apart(text, first):
    assert first_sentence(text) == first


@pytest.mark.parametrize(
    ("path", "family"),
    [("_pydecimal.py", "decimal"), ("decimal.py", "decimal"), ("_strptime.py", "strptime"), ("email/a.py", "email")],
)
def test_both_forms_of_a_module_are_one_family(path, family):
    assert family_of(path) == family


def test_a_split_is_balanced_and_drawn_from_its_seed():
    modules = [Module(f"m{number}.py", f"m{number}", b"") for number in range(100)]
    sides = [split_families(modules, seed) for seed in (1, 2)]

    assert sides[0] != sides[1]
    assert [list(side.values()).count("dev") for side in sides] == [50, 50]
    assert split_families(modules[::-1], 1) == sides[0]


def test_files_that_cannot_be_read_as_source_are_refused_or_left_out(tmp_path):
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n" + b"x = 1\n" * 100)
    (tmp_path / "fine.py").write_text("x = 1\n" * 100)

    assert [module.path for module in list_modules(tmp_path, ())] == ["fine.py"]
    assert may_have_docstrings(b"def f(:")
    assert questions(b"def f(:") == ()
