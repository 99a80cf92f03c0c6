"""A program of two parts that share a header."""

from plan import plan

TEXT = """
app: a.o b.o
    link $^ -o $@
a.o: a.c all.h
    cc $< -o $@
b.o: b.c all.h
    cc $< -o $@
"""


def test_everything_is_made_at_first():
    times = {"a.c": 1, "b.c": 1, "all.h": 1}

    assert plan(TEXT, [], times) == [
        ["a.o", ["cc a.c -o a.o"]],
        ["b.o", ["cc b.c -o b.o"]],
        ["app", ["link a.o b.o -o app"]],
    ]
