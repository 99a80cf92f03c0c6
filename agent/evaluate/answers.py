"""Read what a scaffold printed, under caps. Nothing here raises: a bad line is an answer that was not given.

Form: JSON lines, one object for each task, with the task's `id`. Lines are split at newline bytes only.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any


def read_answers(stdout: bytes, ids: Collection[str], *, line_cap: int) -> dict[str, dict[str, Any]]:
    """Return the one answer of each known task that gave exactly one.

    A line longer than `line_cap` bytes, that is not a JSON object, or whose `id` is unknown, is no answer. Two answers
    to one task are none: whoever answers twice wants to be right at least once.
    """
    known = frozenset(ids)
    found: dict[str, dict[str, Any]] = {}
    twice: set[str] = set()
    for line in stdout.split(b"\n"):
        answer = _parse(line) if 0 < len(line) <= line_cap else None
        task = answer.get("id") if answer is not None else None
        if answer is None or not isinstance(task, str) or task not in known:
            continue
        if task in found:
            twice.add(task)
        found[task] = answer
    return {task: answer for task, answer in found.items() if task not in twice}


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        # ValueError covers bad JSON, bad UTF-8 and integers beyond Python's digit limit.
        return None
    return value if isinstance(value, dict) else None
