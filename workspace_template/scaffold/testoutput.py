"""Read what pytest printed: how many tests did what, and where and why each failure happened."""

import re
import textwrap
from dataclasses import dataclass

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_TOTALS = re.compile(r"^(?:=+ )?(no tests ran|\d+ [a-z]+(?:, \d+ [a-z]+)*) in [\d.]+s", re.MULTILINE)
_COUNT = re.compile(r"(\d+) ([a-z]+)")
_SUMMARY = re.compile(r"^(FAILED|ERROR) ([^\s:]+\.py(?:::.*?)?)(?: - (.*))?$", re.MULTILINE)
_SECTION = re.compile(r"^_{3,} (?:ERROR (?:at \w+ of|collecting) )?(.+?) _{3,}$", re.MULTILINE)
_PLACE = re.compile(r"^([^\s:]+\.py):(\d+): ", re.MULTILINE)
_REASON = re.compile(r"^E(?:   (.*))?$", re.MULTILINE)


@dataclass(frozen=True)
class Failure:
    """One test that failed or broke: its node ID, the last place of the traceback (line 0: unknown), and the reason."""

    test: str
    broke: bool
    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class Report:
    """What a run of pytest came to. `finished` is False when the closing line is missing: cut, killed or crashed."""

    finished: bool
    counts: dict[str, int]
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """Whether something passed and nothing failed or broke."""
        bad = self.counts.get("failed", 0) + self.counts.get("error", 0)
        return self.finished and bad == 0 and self.counts.get("passed", 0) > 0


def parse_report(output: str) -> Report:
    """Read the output of pytest, quiet or not, coloured or not, with the short summary that it prints by default."""
    text = _COLOUR.sub("", output).replace("\r\n", "\n")
    totals = _TOTALS.findall(text)
    counts = {_singular(word): int(number) for number, word in _COUNT.findall(totals[-1])} if totals else {}
    sections = _sections(text)
    failures = tuple(
        _failure(test, kind == "ERROR", reason, sections.get(_title(test), ""))
        for kind, test, reason in _SUMMARY.findall(text)
    )
    return Report(bool(totals), counts, failures)


def _sections(text: str) -> dict[str, str]:
    """Map the title of each failure's section to its body."""
    pieces = _SECTION.split(text)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def _title(test: str) -> str:
    """`tests/a.py::TestB::test_c` -> `TestB.test_c`, which is how pytest heads the section of that test."""
    path, _, names = test.partition("::")
    return names.replace("::", ".") or path


def _failure(test: str, broke: bool, reason: str, section: str) -> Failure:
    """Join a line of the summary with its section, which knows the place and the whole reason."""
    places = _PLACE.findall(section)
    file, line = places[-1] if places else (test.partition("::")[0], "0")
    whole = textwrap.dedent("\n".join(_REASON.findall(section))).strip()
    return Failure(test, broke, file, int(line), whole or reason)


def _singular(word: str) -> str:
    return word.removesuffix("s") if word in ("errors", "warnings") else word
