"""Reading SEARCH/REPLACE blocks."""

import pytest

from scaffold.blocks import Block, parse_blocks
from scaffold.refused import Refused

ONE = "<<<<<<< SEARCH\na\n=======\nb\nc\n>>>>>>> REPLACE\n"
TWO = "<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE"


def test_blocks_are_read_in_order_and_talk_between_them_is_ignored() -> None:
    edit = f"Here it is:\n\n{ONE}\n=======\nand then\n{TWO}\nDone."

    assert parse_blocks(edit) == [Block(("a",), ("b", "c")), Block((), ("x",))]


def test_white_space_after_a_marker_and_carriage_returns_do_no_harm() -> None:
    assert parse_blocks(ONE.replace("\n", "  \r\n", 1).replace("a\n", "a\r\n")) == [Block(("a",), ("b", "c"))]


def test_space_within_the_lines_is_kept() -> None:
    assert parse_blocks("<<<<<<< SEARCH\n  a \n\n=======\n>>>>>>> REPLACE") == [Block(("  a ", ""), ())]


@pytest.mark.parametrize(
    "edit",
    [
        "",
        "just talk",
        "<<<<<<< SEARCH\na\n",
        "<<<<<<< SEARCH\na\n=======\nb\n",
        "<<<<<<< SEARCH\na\n>>>>>>> REPLACE",
        "<<<<<<< SEARCH\na\n<<<<<<< SEARCH\nb\n=======\nc\n>>>>>>> REPLACE",
        "<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE",
        ONE + "<<<<<<< SEARCH\nz\n=======\n",
    ],
)
def test_an_edit_that_is_not_whole_is_refused(edit: str) -> None:
    with pytest.raises(Refused):
        parse_blocks(edit)
