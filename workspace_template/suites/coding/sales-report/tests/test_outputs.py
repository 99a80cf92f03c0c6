"""The command with every option, on files that are right and wrong."""

import json
import random
from decimal import Decimal

import pytest

HEAD = "day,product,region,amount"
ROWS = [
    "2024-03-09,pen,north,1.50", "2024-03-31,book,south,20", "2024-04-01,pen,south,-0.25", '2024-04-01,"ink, blue",north,3.75',
    "2023-12-31,book,north,0.05", "2024-03-09,cup,south,3.75",
]  # fmt: skip


def run(solver, options, rows=ROWS, head=HEAD):
    content = "\n".join([head, *rows]) + "\n"
    return solver.run(["python", "-m", "sales", *options], files={"sold.csv": content.encode()})


def printed(solver, options, **more):
    ran = run(solver, options, **more)
    assert ran.code == 0, ran.stderr.decode(errors="replace")[-2000:]
    return ran.stdout.decode()


def as_json(solver, options, **more):
    text = printed(solver, [*options, "--format", "json"], **more)
    assert text.count("\n") == 1
    assert text.endswith("\n")
    return json.loads(text)


def group(name, amount, count):
    return {"name": name, "amount": amount, "count": count}


def test_text_is_as_it_was(solver):
    lines = ["book       20.05", "cup         3.75", "ink, blue   3.75", "pen         1.25", "total      28.80"]
    assert printed(solver, ["sold.csv"]) == "\n".join(lines) + "\n"
    assert printed(solver, ["--format", "text", "sold.csv", "--by", "product"]) == "\n".join(lines) + "\n"
    assert printed(solver, ["sold.csv"], rows=[]) == "total  0.00\n"


def test_groups(solver):
    assert as_json(solver, ["sold.csv", "--by", "region"]) == {
        "by": "region", "groups": [group("south", "23.50", 3), group("north", "5.30", 3)], "total": "28.80",
    }  # fmt: skip
    assert as_json(solver, ["--by", "day", "sold.csv"])["groups"] == [
        group("2023-12-31", "0.05", 1), group("2024-03-09", "5.25", 2), group("2024-03-31", "20.00", 1), group("2024-04-01", "3.50", 2),
    ]  # fmt: skip
    assert (
        printed(solver, ["--by", "month", "sold.csv"])
        == "2023-12   0.05\n2024-03  25.25\n2024-04   3.50\ntotal    28.80\n"
    )
    assert as_json(solver, ["sold.csv"])["groups"] == [
        group("book", "20.05", 2), group("cup", "3.75", 1), group("ink, blue", "3.75", 1), group("pen", "1.25", 2),
    ]  # fmt: skip


def test_days_and_the_least_amount(solver):
    assert as_json(solver, ["--from", "2024-03-09", "sold.csv", "--to", "2024-03-31"]) == {
        "by": "product", "groups": [group("book", "20.00", 1), group("cup", "3.75", 1), group("pen", "1.50", 1)], "total": "25.25",
    }  # fmt: skip
    assert as_json(solver, ["--min", "3.75", "sold.csv", "--from", "2024-04-01"]) == {
        "by": "product", "groups": [group("ink, blue", "3.75", 1)], "total": "3.50",
    }  # fmt: skip
    assert as_json(solver, ["sold.csv", "--to=2023-01-01"]) == {"by": "product", "groups": [], "total": "0.00"}
    assert printed(solver, ["sold.csv", "--min", "20.06"]) == "total  28.80\n"
    assert [one["name"] for one in as_json(solver, ["sold.csv", "--min=-1", "--from=2024-04-01"])["groups"]] == [
        "ink, blue",
        "pen",
    ]


def test_columns_in_any_place(solver):
    rows = ["x,0.10,north,2024-01-02,pen", "y,0.20,south,2024-01-03,pen", "z,0.30,north,2024-01-03,cup"]
    found = as_json(solver, ["sold.csv", "--by", "region"], rows=rows, head="who,amount,region,day,product")
    assert found == {"by": "region", "groups": [group("north", "0.40", 2), group("south", "0.20", 1)], "total": "0.60"}


def test_a_long_file(solver):
    dice = random.Random(9)
    sold = [
        [
            f"2024-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}",
            dice.choice("abcde"),
            dice.choice("xyz"),
            dice.randint(-500, 900),
        ]
        for _ in range(300)
    ]
    rows = [f"{day},{product},{region},{cents / 100:.2f}" for day, product, region, cents in sold]
    sums, counts = {}, {}
    for day, product, _, cents in sold:
        if "2024-02-10" <= day <= "2024-11-20":
            sums[product] = sums.get(product, 0) + cents
            counts[product] = counts.get(product, 0) + 1
    wanted = sorted(sums, key=lambda name: (-sums[name], name))
    assert as_json(solver, ["--from", "2024-02-10", "--to", "2024-11-20", "sold.csv"], rows=rows) == {
        "by": "product",
        "groups": [group(name, f"{Decimal(sums[name]) / 100:.2f}", counts[name]) for name in wanted],
        "total": f"{Decimal(sum(sums.values())) / 100:.2f}",
    }


@pytest.mark.parametrize(
    ("row", "line"),
    [("2024-02-30,pen,north,1", 8), ("2024-01-01,pen,north,much", 8), ("2024-01-01,pen", 8), ("yesterday,pen,north,1", 8), ("2024-01-01,pen,north,", 8)],
)  # fmt: skip
def test_a_wrong_row_is_named(solver, row, line):
    for options in (["sold.csv"], ["--format", "json", "--to", "2020-01-01", "sold.csv"]):
        ran = run(solver, options, rows=[*ROWS, row, "wrong too"])
        assert (ran.code, ran.stdout) == (1, b"")
        said = ran.stderr.decode()
        assert said.startswith(f"sold.csv:{line}: ")
        assert len(said.strip().split("\n")) == 1
        assert len(said.strip()) > len(f"sold.csv:{line}:")


def test_a_column_that_is_not_there(solver):
    ran = run(solver, ["sold.csv"], rows=["2024-01-01,pen,1"], head="day,product,amount")
    assert (ran.code, ran.stdout) == (1, b"")
    assert ran.stderr.decode().startswith("sold.csv:")


def test_wrong_options(solver):
    for options in (
        ["--by", "colour"],
        ["--from", "2024-13-01"],
        ["--to", "soon"],
        ["--min", "lots"],
        ["--format", "xml"],
    ):
        ran = run(solver, [*options, "sold.csv"])
        assert (ran.code, ran.stdout) == (2, b""), options
