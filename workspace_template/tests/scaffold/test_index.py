"""BM25: what makes a document score higher."""

import math

import pytest

from scaffold.index import Index


def test_a_document_without_a_term_of_the_query_has_no_score() -> None:
    assert Index([{"a": 1}, {"b": 1}]).scores({"a": 1}).keys() == {0}


def test_a_rare_term_says_more_than_a_common_one() -> None:
    scores = Index([{"common": 1}, {"rare": 1}, {"common": 1}]).scores({"common": 1, "rare": 1})

    assert scores[1] > scores[0] == scores[2]


def test_more_of_a_term_counts_for_more_but_ever_less_so() -> None:
    documents = [{"a": count, "x": 10 - count} for count in (1, 2, 3)]
    once, twice, thrice = (Index(documents, k1=1.5, b=0.0).scores({"a": 1})[number] for number in range(3))

    assert 0 < thrice - twice < twice - once


def test_a_long_document_is_held_back_by_b() -> None:
    documents = [{"a": 1, "x": 1}, {"a": 1, "x": 9}]

    assert Index(documents, b=1.0).scores({"a": 1})[0] > Index(documents, b=1.0).scores({"a": 1})[1]
    assert Index(documents, b=0.0).scores({"a": 1})[0] == Index(documents, b=0.0).scores({"a": 1})[1]


def test_the_score_is_the_formula_of_the_book() -> None:
    index = Index([{"a": 2, "x": 2}, {"x": 2}], k1=1.5, b=0.75)
    rarity = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    saturation = 2 * (1.5 + 1) / (2 + 1.5 * (1 - 0.75 + 0.75 * 4 / 3))

    assert index.rarity("a") == pytest.approx(rarity)
    assert index.scores({"a": 1})[0] == pytest.approx(rarity * saturation)


def test_a_term_asked_for_twice_counts_twice() -> None:
    index = Index([{"a": 1}, {"b": 1}])

    assert index.scores({"a": 2})[0] == pytest.approx(2 * index.scores({"a": 1})[0])


def test_scores_of_several_terms_add_up_and_asking_again_changes_nothing() -> None:
    index = Index([{"a": 1, "b": 1}, {"b": 3}])
    both = index.scores({"a": 1, "b": 1})

    assert both[0] == pytest.approx(index.scores({"a": 1})[0] + index.scores({"b": 1})[0])
    assert index.scores({"a": 1, "b": 1}) == both


def test_no_documents_and_empty_documents_are_no_error() -> None:
    assert Index([]).scores({"a": 1}) == {}
    assert Index([{}]).scores({"a": 1}) == {}
    assert Index([{}]).rarity("a") > 0
