"""Progress of long work: a live bar at a terminal, a line per step without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from agent.cli.speak import Voice, visible


class Meter:
    """Is told steps and shows them, with the trials paid so far against the budget."""

    def __init__(self, voice: Voice, bar: Progress | None, total: int) -> None:
        self._voice = voice
        self._bar = bar
        self._task = bar.add_task("starting", total=total) if bar else None
        self._trials: Callable[[], int] = lambda: 0

    def follow(self, trials: Callable[[], int]) -> None:
        """Take the count of paid trials from here."""
        self._trials = trials

    def say(self, text: str) -> None:
        """Show one step. What a candidate had a part in writing is made visible first."""
        line = visible(text)
        if self._bar is None or self._task is None:
            self._voice.step(line)
        else:
            self._bar.update(self._task, description=escape(line[:70]), completed=self._trials())


@contextmanager
def metered(voice: Voice, trials: int) -> Iterator[Meter]:
    """Show progress while the body runs."""
    if not voice.err.is_terminal or voice.as_json:
        yield Meter(voice, None, trials)
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn(),
        TextColumn("trials"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=voice.err, transient=True) as bar:
        yield Meter(voice, bar, trials)
