"""What the agent can do: each tool of `prompts/tools.toml` is a method of its name that returns text for the model."""

import sys
from typing import Any

from scaffold.command import run
from scaffold.context import clip
from scaffold.ended import Ended
from scaffold.folder import Folder
from scaffold.layout import parse
from scaffold.refused import Refused
from scaffold.schema import mismatch
from scaffold.search import Search
from scaffold.symbols import outline
from scaffold.testoutput import Report, parse_report
from scaffold.textedit import apply_edit
from scaffold.wording import note, tool_table

MOST_SHOWN = 12_000
"""Characters of one result. What is left out is left out here: what was shown once is never taken back."""
MOST_LINES = 400
"""Lines of one file that are read at once."""
SECONDS = 240.0
"""For one run of tests, or of a command."""
PYTEST = (sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=short", "-p", "no:cacheprovider")


class Tools:
    """The tools, in one folder. What the last tests came to is remembered, because `finish` asks for it."""

    def __init__(self, folder: Folder, patience: int = 3) -> None:
        self._folder = folder
        self._patience = patience
        self._failing: list[str] | None = None
        self.definitions = tool_table()
        self._schemas = {tool["name"]: tool["input_schema"] for tool in self.definitions}

    def use(self, name: str, given: Any) -> tuple[str, bool]:
        """Use a tool; return what to tell the model, and whether it went wrong. Raises `Ended` when all is done."""
        if name not in self._schemas:
            return f"There is no tool {name[:80]!r}; there are {', '.join(self._schemas)}.", True
        if wrong := mismatch(given, self._schemas[name]):
            return f"Not done: {wrong}.", True
        try:
            return clip(getattr(self, name)(**given), MOST_SHOWN) or "(nothing)", False
        # A path with a null byte, text that cannot be encoded, a full disk: whatever a model may write.
        except (Refused, OSError, ValueError, RecursionError, MemoryError) as error:
            return clip(f"Not done: {error}", MOST_SHOWN), True

    def read(self, path: str, first: int = 1, last: int = sys.maxsize) -> str:
        """Return lines of a file with their numbers."""
        lines = self._folder.text(path).split("\n")
        first = max(first, 1)
        until = min(last, first + MOST_LINES - 1, len(lines))
        shown = [f"{number:5}  {lines[number - 1]}" for number in range(first, until + 1)]
        rest = [f"... up to line {len(lines)}"] if until < len(lines) else []
        return "\n".join([*shown, *rest]) or f"{path} has {len(lines)} lines."

    def search(self, text: str, exact: bool = False) -> str:
        """Return the lines that hold a text, or the files that it is about."""
        if exact:
            return "\n".join(self._folder.lines_with(text)) or "No file holds this text."
        sources = self._folder.sources()
        found = Search(sources).rank(text, 10)
        outlines = [f"\n## {path}\n{_outline(sources[path])}" for path in found[:3]]
        return "\n".join([*found, *outlines]) or "No file is about this."

    def edit_text(self, path: str, blocks: str) -> str:
        """Apply SEARCH/REPLACE blocks."""
        self._folder.store(path, apply_edit(self._folder.text(path), blocks, path).encode())
        return f"{path} was changed."

    def edit_symbol(self, path: str, name: str, action: Any, code: str = "") -> str:
        """Change a definition."""
        from scaffold.definitions import change_definition  # noqa: PLC0415  # libcst takes long to load, and is rare

        self._folder.store(path, change_definition(self._folder.content(path), name, action, code))
        return f"{path}: {name} was changed ({action})."

    def write(self, path: str, content: str) -> str:
        """Write a whole file; what is no Python is not written over what is."""
        if path.endswith(".py") and parse(content) is None:
            raise Refused("the content is not valid Python")
        self._folder.store(path, content.encode())
        return f"{path} was written: {content.count(chr(10))} lines."

    def run_tests(self, paths: list[str] | None = None) -> str:
        """Run pytest and return what came of it."""
        report, told = self._tested(paths or [])
        self._failing = None if report.passed else paths or []
        return told

    def run_command(self, command: str) -> str:
        """Run a shell command."""
        ran = run(("sh", "-c", command), self._folder.root, SECONDS)
        ending = f"cut off after {SECONDS:.0f} seconds" if ran.code is None else f"exit status {ran.code}"
        return f"{ending}\n{clip(ran.output, MOST_SHOWN - 100)}"

    def finish(self, summary: str) -> str:
        """End the work, unless the tests that failed last still do; after a few refusals end it all the same."""
        if self._failing is not None and self._patience:
            report, told = self._tested(self._failing)
            if not report.passed:
                self._patience -= 1
                raise Refused(f"{note('tests_fail')}\n\n{told}")
        raise Ended("finished", summary)

    def _tested(self, paths: list[str]) -> tuple[Report, str]:
        ran = run((*PYTEST, *self._inner(paths)), self._folder.root, SECONDS)
        report = parse_report(ran.output)
        totals = ", ".join(f"{number} {word}" for word, number in report.counts.items())
        if ran.code is None:
            totals = f"cut off after {SECONDS:.0f} seconds"
        if report.passed and ran.code == 0:
            return report, f"All passed: {totals}"
        failed = [f"- {failure.test}: {clip(failure.reason, 300)}" for failure in report.failures[:20]]
        overview = failed if len(ran.output) > MOST_SHOWN // 2 else []
        shown = clip(ran.output, MOST_SHOWN // 2, head=0.5)
        return report, "\n".join([totals or "pytest came to no result", *overview, shown])

    def _inner(self, paths: list[str]) -> list[str]:
        """Return paths that lie in the folder and are no options, whatever they are called."""
        for path in paths:
            self._folder.place(path.partition("::")[0])
        return [f"./{path}" if path.startswith("-") else path for path in paths]


def _outline(source: str) -> str:
    try:
        return clip(outline(source), 2_000)
    except Refused:
        return "(not valid Python)"
