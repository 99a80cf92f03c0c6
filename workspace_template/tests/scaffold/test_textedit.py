"""Applying edits: the exact result or a refusal."""

import pytest

from scaffold.blocks import Block
from scaffold.refused import Refused
from scaffold.textedit import apply_block, apply_edit

CODE = (
    "class A:\n    def f(self):\n        x = 1\n        y = 2\n        return x\n\n    def g(self):\n        return 3\n"
)


def block(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def test_a_literal_edit_is_applied_and_nothing_else_is_touched() -> None:
    edit = block("        y = 2\n", "        y = 20\n        z = 3\n")

    assert apply_edit(CODE, edit, "a.py") == CODE.replace("        y = 2\n", "        y = 20\n        z = 3\n")


def test_an_empty_replacement_deletes() -> None:
    assert apply_edit("a\nb\nc\n", block("b\n", "")) == "a\nc\n"
    assert apply_edit("a\n", block("a\n", "")) == ""


def test_blocks_are_applied_in_order_each_to_the_result_of_the_last() -> None:
    assert apply_edit("a\n", block("a\n", "b\n") + block("b\n", "c\n")) == "c\n"


def test_when_one_block_is_refused_the_edit_is_and_says_which() -> None:
    with pytest.raises(Refused, match="block 2: SEARCH is not in the file"):
        apply_edit("a\n", block("a\n", "b\n") + block("a\n", "c\n"))


def test_a_line_is_matched_whole_and_never_in_part() -> None:
    with pytest.raises(Refused):
        apply_edit("axe = 1\n", block("xe = 1\n", "xe = 2\n"))


def test_two_places_are_refused() -> None:
    with pytest.raises(Refused, match="2 places"):
        apply_edit("a\nb\na\n", block("a\n", "c\n"))


def test_an_edit_of_a_stale_text_is_refused_with_the_nearest_lines() -> None:
    with pytest.raises(Refused, match="nearest are lines 3 to 3"):
        apply_edit(CODE, block("        x = 1\n        for a in b:\n            c(a)\n        d()\n", "        e()\n"))


def test_trailing_space_of_the_quote_reaches_neither_old_lines_nor_new_ones() -> None:
    edit = block("        x = 1  \n        y = 2\n", "        x = 1  \n        y = 7   \n")

    assert apply_edit(CODE, edit) == CODE.replace("y = 2", "y = 7")


def test_trailing_space_of_the_file_survives_where_nothing_changed() -> None:
    assert apply_edit("a = 1  \nb = 2\n", block("a = 1\nb = 2\n", "a = 1\nb = 3\n")) == "a = 1  \nb = 3\n"


def test_an_edit_may_be_about_trailing_space_alone() -> None:
    assert apply_edit("a  \nb\n", block("a  \n", "a\n")) == "a\nb\n"


@pytest.mark.parametrize("margin", ["", "    ", "            "])
def test_an_edit_at_the_wrong_indentation_lands_at_the_right_one(margin: str) -> None:
    edit = block(f"{margin}x = 1\n{margin}y = 2\n", f"{margin}x = 1\n{margin}if x:\n{margin}    y = 2\n")

    assert apply_edit(CODE, edit, "a.py") == CODE.replace("        y = 2\n", "        if x:\n            y = 2\n")


@pytest.mark.parametrize("margin", ["", "    ", "            "])
def test_a_replacement_that_is_laid_out_as_the_file_is_not_shifted_with_its_search(margin: str) -> None:
    edit = block(f"{margin}x = 1\n{margin}y = 2\n", "        x = 1\n        y = 5\n")

    assert apply_edit(CODE, edit, "a.py") == CODE.replace("y = 2", "y = 5")


def test_wrapping_lines_is_not_mistaken_for_the_layout_of_the_file() -> None:
    edit = block("    x = 1\n    y = 2\n", "    with self:\n        x = 1\n        y = 2\n")
    wrapped = "        with self:\n            x = 1\n            y = 2\n"

    assert apply_edit(CODE, edit, "a.py") == CODE.replace("        x = 1\n        y = 2\n", wrapped)


def test_tabs_in_the_edit_become_the_spaces_of_the_file() -> None:
    assert apply_edit(CODE, block("\t\ty = 2\n", "\t\tif x:\n\t\t\ty = 2\n"), "a.py") == CODE.replace(
        "        y = 2\n", "        if x:\n            y = 2\n"
    )


def test_spaces_in_the_edit_become_the_tabs_of_the_file() -> None:
    tabbed = "def f():\n\ta = 1\n\treturn a\n"

    assert apply_edit(tabbed, block("    a = 1\n", "    if f:\n        a = 2\n")) == tabbed.replace(
        "\ta = 1\n", "\tif f:\n\t\ta = 2\n"
    )


def test_left_out_lines_stay_as_they_are() -> None:
    edit = block(
        "    def f(self):\n        ...\n        return x\n", "    def f(self, n):\n        ...\n        return n\n"
    )
    expected = CODE.replace("def f(self)", "def f(self, n)").replace("return x", "return n")

    assert apply_edit(CODE, edit, "a.py") == expected


def test_an_ellipsis_that_is_code_is_taken_literally() -> None:
    stub = "def f():\n    ...\n\ndef g():\n    return 1\n"

    assert apply_edit(stub, block("def f():\n    ...\n", "def f():\n    return 0\n")) == stub.replace("...", "return 0")


def test_elisions_that_do_not_pair_up_are_refused() -> None:
    with pytest.raises(Refused, match="different number"):
        apply_edit(CODE, block("class A:\n    ...\n        return 3\n", "class A:\n        return 3\n"))


def test_an_edit_that_begins_at_an_elision_after_nothing_is_not_guessed() -> None:
    with pytest.raises(Refused):
        apply_edit(CODE, block("    ...\n        return 4\n", "    ...\n        return 5\n"))


def test_carriage_returns_of_the_file_are_kept_and_given_to_new_lines() -> None:
    assert apply_edit("a\r\nb\r\n", block("a\n", "a\nx\n")) == "a\r\nx\r\nb\r\n"
    assert apply_edit("a\r\nb", block("b\n", "c\n")) == "a\r\nc"


def test_a_missing_final_newline_stays_missing() -> None:
    assert apply_edit("a\nb", block("b\n", "c\n")) == "a\nc"


def test_form_feeds_and_other_odd_line_ends_are_part_of_their_line() -> None:
    odd = "a\x0cb\x1cc\u2028d\ne\n"

    assert apply_edit(odd, block("e\n", "f\n")) == odd.replace("e", "f")


def test_an_empty_search_makes_a_new_file_and_nothing_else() -> None:
    assert apply_edit("", block("", "a\nb\n")) == "a\nb\n"
    with pytest.raises(Refused, match="empty"):
        apply_edit("a\n", block("\n", "b\n"))


def test_a_valid_python_file_is_not_made_invalid() -> None:
    with pytest.raises(Refused, match="valid Python"):
        apply_edit("x = (1)\n", block("x = (1)\n", "x = (1\n"), "a.py")
    assert apply_edit("x = (1)\n", block("x = (1)\n", "x = (1\n"), "a.txt") == "x = (1\n"
    assert apply_edit("x = (\n", block("x = (\n", "x = [\n"), "a.py") == "x = [\n"


def test_one_block_can_be_applied_by_itself() -> None:
    assert apply_block("a\n", Block(("a",), ("b",))) == "b\n"
