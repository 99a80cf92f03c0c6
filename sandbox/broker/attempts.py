"""Trying an upstream until it answers or there is no point: what is worth another try, and after how long. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sandbox.broker.answer import BadAnswer, ErrorEvent, Unfit
from sandbox.broker.refusal import KINDS, Refusal
from sandbox.broker.rules import Patience
from sandbox.broker.upstream import Silent, Unreachable, UpstreamFailed

AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""Statuses that may be different next time."""

_OURS = frozenset({401, 402, 403})
"""Statuses that speak of our key and account, of which the sandbox learns no more than that."""

_BY_KIND = {"overloaded_error": 529, "rate_limit_error": 429, "timeout_error": 504, "api_error": 500}
_MESSAGE_CHARACTERS = 1_000


class Cost(StrEnum):
    """What an attempt that failed is counted as, where the upstream did not tell its usage."""

    NOTHING = "nothing"
    """The upstream did not get the request, or answered that it would not."""
    WORST = "worst"
    """It may have been worked on to the end: counted as all that was set aside."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that gave no answer: what the sandbox is told if it was the last."""

    refusal: Refusal
    again: bool
    cost: Cost
    wait: float | None = None
    """Seconds that the upstream asked to be left alone for."""
    reason: str = ""
    """For the transcript."""


def after_status(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Return what an answer other than 200 comes to."""
    kind, message, code = _told(body)
    if status not in KINDS:
        refusal = Refusal(502, f"the model's server answered with status {status}")
        return Failure(refusal, status >= 500, Cost.NOTHING, _wait(headers), f"status {status}")
    if status in _OURS:
        message, code = "the model's server does not accept the broker's own key or account", ""
    refusal = Refusal(status, message or f"the model's server answered with status {status}", code, kind=kind)
    return Failure(refusal, status in AGAIN, Cost.NOTHING, _wait(headers), f"status {status}")


def after_error(error: Exception) -> Failure:
    """Return what an attempt that broke comes to."""
    name = f"{type(error).__name__}: {error}"
    if isinstance(error, ErrorEvent):
        kind, message, code = _told(json.dumps(error.document).encode())
        status = _BY_KIND.get(kind, 500)
        refusal = Refusal(status, message or "the model's server ended its stream with an error", code, kind=kind)
        return Failure(refusal, status in AGAIN, Cost.NOTHING, reason=f"error event {kind}")
    if isinstance(error, Unreachable):
        return Failure(Refusal(502, "the model's server cannot be reached"), True, Cost.NOTHING, reason=name)
    if isinstance(error, Silent | TimeoutError):
        return Failure(Refusal(504, "the model's server did not answer in time"), True, Cost.WORST, reason=name)
    if isinstance(error, UpstreamFailed):
        return Failure(Refusal(502, "the model's server broke the connection"), True, Cost.WORST, reason=name)
    if isinstance(error, Unfit):
        refusal = Refusal(400, f"the model's answer cannot be passed on: {error}")
        return Failure(refusal, False, Cost.WORST, reason=name)
    if isinstance(error, BadAnswer):
        return Failure(Refusal(502, f"the model's server answered wrongly: {error}"), True, Cost.WORST, reason=name)
    raise TypeError(name) from error


def pause(patience: Patience, attempt: int, asked: float | None, jitter: float) -> float:
    """Return the seconds to wait after attempt number `attempt` (from 0): what was asked for within reason, or ours."""
    if asked is not None:
        return min(asked, patience.longest_asked)
    return min(patience.first_wait * 2.0**attempt, patience.longest_wait) * jitter


def _wait(headers: Mapping[str, str]) -> float | None:
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
            return float(text) * unit
    return None


def _told(body: bytes) -> tuple[str, str, str]:
    """Return kind, message and code of an error in the API's shape; empty where there is none."""
    try:
        error = json.loads(body)["error"]
        kind, message = error["type"], error["message"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return "", "", ""
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else ""
    if kind not in KINDS.values() or not isinstance(message, str):
        return "", "", ""
    code = code if isinstance(code, str) and re.fullmatch(r"[a-z0-9_]{1,64}", code) else ""
    return kind, message[:_MESSAGE_CHARACTERS], code
