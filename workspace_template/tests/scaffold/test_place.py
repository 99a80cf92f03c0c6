"""Finding quoted lines in a file."""

import pytest

from scaffold.place import Quote, literal, nearest, only_place, split_at_elisions
from scaffold.refused import Refused

LINES = ("def f():", "    a = 1", "    b = 2", "    return a", "", "def g():", "    a = 1", "    return a")


def place_of(*quoted: str) -> tuple[tuple[int, ...], int] | None:
    place = only_place(LINES, Quote((quoted,)))
    return place and (place.starts, place.shift)


def test_a_literal_quote_is_found() -> None:
    place = only_place(LINES, Quote((("    b = 2", "    return a"),)))

    assert place is not None
    assert (place.starts, place.form, place.shift) == ((2,), literal, 0)


def test_trailing_space_and_carriage_returns_do_not_matter() -> None:
    assert place_of("    b = 2  ", "    return a") == ((2,), 0)
    place = only_place(("a\r", "b\r"), Quote((("b",),)))
    assert place is not None
    assert place.form is literal


def test_a_quote_at_another_indentation_is_found_with_its_shift() -> None:
    assert place_of("b = 2", "return a") == ((2,), 4)
    assert place_of("        b = 2", "        return a") == ((2,), -4)


def test_a_quote_whose_lines_are_shifted_differently_is_not_found() -> None:
    assert place_of("        b = 2", "return a") is None


def test_a_quote_of_lines_that_are_not_there_is_not_found() -> None:
    assert place_of("    b = 3") is None
    assert place_of("    return a", "", "def g():", "    a = 1", "    return a", "") is None


def test_a_quote_that_fits_two_places_is_refused() -> None:
    with pytest.raises(Refused, match=r"2 places \(lines 2, 7\)"):
        place_of("    a = 1")


def test_a_stricter_fit_wins_over_several_lenient_ones() -> None:
    place = only_place(("x", "  x"), Quote((("x",),)))

    assert place is not None
    assert place.starts == (0,)


def test_lines_are_cut_at_each_ellipsis_that_stands_alone() -> None:
    quote = split_at_elisions(("a", "    ...", "b = ...", "# ...", "c"))

    assert quote == Quote((("a",), ("b = ...",), ("c",)), (4, 0))


def test_an_elided_quote_is_found_when_its_end_stands_once_in_the_block_it_began_in() -> None:
    place = only_place(LINES, split_at_elisions(("def f():", "    ...", "    return a")))

    assert place is not None
    assert place.starts == (0, 3)


def test_an_elision_does_not_reach_beyond_the_block_it_stands_in() -> None:
    quote = split_at_elisions(("    b = 2", "    ...", "    a = 1"))

    assert only_place(LINES, quote) is None


def test_an_elision_before_several_like_lines_is_refused() -> None:
    with pytest.raises(Refused, match="2 places"):
        only_place(LINES, split_at_elisions(("    b = 2", "...", "    return a")))


def test_an_elided_quote_may_be_shifted_as_a_whole_but_not_in_part() -> None:
    whole = only_place(LINES, Quote((("a = 1", "b = 2"), ("return a",)), (0,)))

    assert whole is not None
    assert (whole.starts, whole.shift) == ((1, 3), 4)
    assert only_place(LINES, Quote((("a = 1", "b = 2"), ("        return a",)), (0,))) is None


def test_the_nearest_lines_are_named() -> None:
    assert nearest(LINES, ("x", "b = 2", "return a")) == "nearest are lines 3 to 4, which hold 2 of its 3 lines"
    assert nearest(LINES, ("zebra",)) == "nothing in the file is like it"
