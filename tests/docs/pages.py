"""The documents as tests see them: pages, the commands they show, the links and places they name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "workspace_template" / "README.md"]

PROGRAMS = ((["successor"], 1), (["python", "-m", "agent"], 3))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Shown:
    """Something that a page shows, and where."""

    page: Path
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text}"


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def fenced(page: Path, language: str | None = None) -> Iterator[str]:
    """The lines of a page's fenced blocks, in order."""
    for found, block in _FENCE.findall(page.read_text("utf-8")):
        if language is None or found == language:
            yield from block.splitlines()


def inline(page: Path) -> list[Shown]:
    """Everything between backticks in running text."""
    return [Shown(page, code) for code in _CODE.findall(prose(page))]


def links(page: Path) -> list[Shown]:
    """Where the links of a page lead."""
    return [Shown(page, target) for target in _LINK.findall(prose(page))]


def anchors(page: Path) -> set[str]:
    """The fragments by which the headings of a page are reached, as the usual hosts make them."""
    titles = (re.sub(r"[^\w\- ]", "", title.lower()) for title in _HEADING.findall(prose(page)))
    return {title.strip().replace(" ", "-") for title in titles}


def arguments(line: str) -> list[list[str]]:
    """The arguments of each call of successor in a line of shell: `git diff | successor propose --by x` has one.

    What stands three spaces apart explains the command and is no part of it.
    """
    lexer = shlex.shlex(re.split(r" {3,}", line.strip())[0], posix=True, punctuation_chars="|;&")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        return []  # running text with an apostrophe
    ends = [at for at, word in enumerate([*words, ";"]) if set(word) <= set("|;&")]
    calls = [words[start:end] for start, end in zip([0, *(end + 1 for end in ends)], ends, strict=False)]
    return [call[skip:] for call in calls for program, skip in PROGRAMS if call[:skip] == program]
