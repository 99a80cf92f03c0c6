"""Long logs are checked in several processes, each with its own part of the log and its own view of the clone."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from agent.errors import Infrastructure
from agent.lineage.audit_part import Checked, Part, PartAudit, check_part
from agent.lineage.objects import Read

WORTH_A_PROCESS = 500
"""Entries for each process below which starting one costs more than it saves."""
PART = 250
"""Entries in one part: what a process holds at a time."""


def check_all(read: Read, whole: Part, processes: int = 0) -> Iterator[Checked]:
    """Yield what was found of each part of `whole`, in order. `read` serves where one process is enough."""
    parts = list(_parts(whole))
    wanted = processes or len(os.sched_getaffinity(0))
    workers = min(wanted, len(whole.commits) // WORTH_A_PROCESS + 1)
    if workers == 1:
        yield from (PartAudit(read, part).run() for part in parts)
        return
    # Nothing of this process is inherited: neither open packs nor what a caller has loaded.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_settle) as pool:
        try:
            yield from pool.map(check_part, parts)
        except BrokenProcessPool as error:
            raise Infrastructure(
                "a process of the audit died", why="the machine may have run out of memory", mend="Use --processes 1"
            ) from error


def _settle() -> None:
    """What is loaded stays; to look for cycles in it, and among the many small values of a part, was a seventh of all.

    Values of a part are freed when nothing refers to them, as ever; cycles are looked for seldom, not never. Ctrl-C
    reaches every process of a terminal: whoever waits for the parts ends them, and nobody is missed in the middle.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)


def _parts(whole: Part) -> Iterator[Part]:
    for first in range(0, len(whole.commits), PART):
        before = whole.commits[first - 1] if first else None
        yield replace(whole, first=first, before=before, commits=whole.commits[first : first + PART])
