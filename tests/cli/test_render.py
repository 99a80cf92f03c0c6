"""Beside each edit stands what it is worth, or why nobody knows."""

import io

from rich.console import Console

from agent.candidate import EditWorth
from agent.cli.render import show_sheet

DEAD = "without it the scaffold does not answer"


def shown(tmp_path, changes, worth):
    document = {
        "id": "c1",
        "state": "denied",
        "proposer": "codemod",
        "base_commit": "a" * 40,
        "changes": changes,
        "verdict": None,
        "evidence": {
            "worth": [one.model_dump() for one in worth],
            "sandbox": {"level": "container", "backend": "docker"},
            "comparisons": [],
            "left_out": [],
            "tests": [],
            "probes": [],
            "trials": 7,
            "search_trials": 5,
            "inherited_trials": 3,
            "candidates_tried": 2,
        },
        "diff": "",
        "diff_digest": "sha256:0",
        "rationale": "",
        "history": [{"note": "no"}],
    }
    out = io.StringIO()
    show_sheet(Console(file=out, width=200), document, tmp_path)
    return out.getvalue().splitlines()


def test_each_edit_is_shown_with_its_worth(tmp_path):
    worth = (
        EditWorth(edit="a", gain_ppm=12_300, gain_low_ppm=-4_000, gain_high_ppm=28_600, tasks=500),
        EditWorth(edit="b", note=DEAD),
    )
    lines = shown(tmp_path, ["a.py::f changed, +1 -1", "a.py::[red]g changed"], worth)

    assert "  a.py::f changed, +1 -1; worth +0.0123 [-0.0040, +0.0286] on 500 dev tasks" in lines
    assert f"  a.py::[red]g changed; worth: {DEAD}" in lines
    assert "7 trials for this evidence; 5 trials run and 3 inherited, 2 trees tried by the proposer to find it" in lines


def test_worths_that_are_not_those_of_the_edits_are_not_shown_beside_them(tmp_path):
    lines = shown(tmp_path, ["a.py::f changed", "a.py::g changed"], (EditWorth(edit="a", note=DEAD),))

    assert "  a.py::f changed" in lines
    assert DEAD not in "".join(lines)
