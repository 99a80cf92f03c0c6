"""Terms: what is one word, and which words are the same."""

import pytest

from scaffold.tokens import SPLITTERS, STEMMERS, STOP_WORDS, analyzer, count_terms


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("read", ("read",)),
        ("readFile_2", ("read", "file", "2")),
        ("HTTPServer", ("http", "server")),
        ("__init__", ("init",)),
        ("größe", ("gr", "öß", "e")),
    ],
)
def test_parts_of_an_identifier(word: str, parts: tuple[str, ...]) -> None:
    assert SPLITTERS["parts"](word) == parts


def test_whole_keeps_an_identifier_and_drops_its_case() -> None:
    assert SPLITTERS["whole"]("readFile_2") == ("readfile_2",)


def test_whole_and_parts_gives_both_but_a_simple_word_once() -> None:
    assert SPLITTERS["whole_and_parts"]("readFile") == ("readfile", "read", "file")
    assert SPLITTERS["whole_and_parts"]("Read") == ("read",)


@pytest.mark.parametrize(
    ("word", "singular"),
    [("entries", "entry"), ("files", "file"), ("class", "class"), ("status", "status"), ("this", "this"), ("as", "as")],
)
def test_singular_of_a_word(word: str, singular: str) -> None:
    assert STEMMERS["singular"](word) == singular


def test_stem_joins_the_forms_of_a_word() -> None:
    assert {STEMMERS["stem"](word) for word in ("parse", "parses", "parsed", "parsing", "parser")} == {"pars"}


def test_stem_leaves_short_words_alone() -> None:
    assert [STEMMERS["stem"](word) for word in ("red", "ring", "the")] == ["red", "ring", "the"]


def test_no_stemmer_keeps_every_form_apart() -> None:
    assert STEMMERS["none"]("parses") == "parses"


def test_an_analyzer_splits_then_drops_stop_words_then_stems() -> None:
    terms = analyzer(split="parts", stemmer="singular", stop_words="english")

    assert terms("list_of_files") == ("list", "file")
    assert terms("the") == ()


def test_an_analyzer_without_stop_words_keeps_them() -> None:
    assert analyzer(split="whole", stemmer="none", stop_words="none")("The") == ("the",)


def test_the_stop_words_are_small_words() -> None:
    assert STOP_WORDS["none"] == frozenset()
    assert {"the", "of", "to", "a"} <= STOP_WORDS["english"]
    assert max(map(len, STOP_WORDS["english"])) <= 4


def test_terms_are_counted_and_numbers_and_signs_are_no_words() -> None:
    terms = analyzer(split="whole", stemmer="none", stop_words="none")

    assert count_terms("x = read(x2) + Read(3) # x", terms) == {"x": 2, "x2": 1, "read": 2}
