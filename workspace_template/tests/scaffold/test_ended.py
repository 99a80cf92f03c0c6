"""The end of the work, as it is raised."""

import pytest

from scaffold.ended import Ended


def test_an_end_says_how_and_why() -> None:
    with pytest.raises(Ended, match="it is done") as ended:
        raise Ended("finished", "it is done")

    assert (ended.value.how, ended.value.summary) == ("finished", "it is done")
