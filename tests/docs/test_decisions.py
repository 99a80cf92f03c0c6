"""Decisions: each has the form, all are listed, none is silent about security."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
INDEX = (FOLDER / "README.md").read_text("utf-8")
PAGES = sorted(FOLDER.glob("[0-9]*.md"))
FORM = ["Context", "Decision", "Rejected", "Consequences", "Security"]
STATUS = r"^Status: (accepted|accepted; replaces \d{4}|replaced by \d{4})\.$"


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0].strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_a_decision_has_the_form(page):
    text = page.read_text("utf-8")

    assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", page.name)
    assert re.match(rf"# {page.name[:4]}: [^\n]+\n\nStatus: ", text)
    assert re.search(STATUS, text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == FORM
    for title in FORM:
        assert len(section(text, title).split()) >= 10, f"{title} says nothing"
    assert section(text, "Rejected").startswith("- ")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_a_decision_is_listed_under_its_title(page):
    title = page.read_text("utf-8").split("\n", 1)[0].partition(": ")[2]

    assert f"| [{page.name[:4]}]({page.name}) | {title} |" in INDEX


def test_numbers_are_used_once_and_nothing_else_is_listed():
    numbers = [page.name[:4] for page in PAGES]

    assert len(set(numbers)) == len(numbers)
    assert re.findall(r"^\| \[(\d{4})\]", INDEX, re.MULTILINE) == numbers


def test_the_form_that_is_shown_is_the_form_that_is_held():
    template = INDEX.partition("```markdown\n")[2].partition("```")[0]

    assert re.findall(r"^## (.+)$", template, re.MULTILINE) == FORM
