"""One question to a model, and an answer in a given form: for host code that asks a model something itself.

It goes through the same broker as a scaffold's calls: the same policy, budgets, retries and transcripts.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from agent.errors import BudgetSpent, ModelDown
from sandbox.broker.desk import ANSWER_VARIABLE, Desk

ANSWER_TOKENS = 2_000
"""Room for twenty observations of a hundred tokens each: a model that goes round in circles ends there."""
SECONDS = 1_900.0
"""A little more than the broker takes for one attempt: a guard, the broker's patience is what counts."""
_TOOL = "report"


@contextmanager
def asking(desk: Desk, account: str, calls: int) -> Iterator[Callable[[str, str, Mapping[str, Any]], object]]:
    """Open an account for so many questions; yield what asks one (`agent.evaluate.monitor.Ask`)."""
    most = min(ANSWER_TOKENS, int(desk.env[ANSWER_VARIABLE]))
    with desk.serve(account, calls=calls) as door:
        yield partial(_ask, door.path, desk.model, most)


def _ask(path: Path, model: str, most: int, system: str, question: str, schema: Mapping[str, Any]) -> object:
    body = {
        "model": model,
        "max_tokens": most,
        "system": system,
        "messages": [{"role": "user", "content": question}],
        "tools": [{"name": _TOOL, "description": "Give your answer.", "input_schema": schema}],
        "tool_choice": {"type": "tool", "name": _TOOL},
    }
    try:
        status, answer = _posted(path, json.dumps(body).encode())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ModelDown("the model could not be asked", why=type(error).__name__) from error
    if status != 200:
        raise _refused(answer)
    calls = [block for block in answer.get("content", ()) if block.get("type") == "tool_use"]
    if answer.get("stop_reason") != "tool_use" or len(calls) != 1 or calls[0].get("name") != _TOOL:
        raise ModelDown("the model did not answer in form", why=f"it ended with {answer.get('stop_reason')!a}")
    return calls[0].get("input")


def _refused(answer: Mapping[str, Any]) -> ModelDown | BudgetSpent:
    error = answer.get("error", {})
    code = error.get("details", {}).get("error_code") if isinstance(error.get("details"), dict) else None
    if code == "budget_exhausted":
        return BudgetSpent("its budget is spent", mend="Raise it in successor.toml: [monitor.budget_usd]")
    return ModelDown("the model did not answer", why=str(error.get("type", "it gave no reason"))[:100])


def _posted(path: Path, body: bytes) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("localhost", timeout=SECONDS)
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(SECONDS)
        made.connect(str(path))
        connection.sock = made
        connection.request("POST", "/v1/messages", body, {"content-type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
    if not isinstance(answer, dict):
        raise TypeError("an answer is an object")
    return response.status, answer
