"""What the sandbox is told when a call is not answered, in the shape in which the API itself reports errors.

The shape (`{"type": "error", "error": {"type", "message", "details"}}`) and the kinds are those that the `anthropic`
SDK turns into its exception classes: by the status before a stream has begun, by the kind within one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS: Mapping[int, str] = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 405: "invalid_request_error", 408: "timeout_error", 409: "invalid_request_error",
    413: "invalid_request_error", 422: "invalid_request_error", 429: "rate_limit_error", 431: "invalid_request_error",
    500: "api_error", 502: "api_error", 503: "api_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
"""Every status that the sandbox may see, and the kind that goes with it unless a refusal says otherwise."""

BUDGET = "budget_exhausted"
"""`error_code` of a call that was not sent because it could have passed a budget."""

HELD = "budget_held"
"""`error_code` of a call that waited for other calls to free what is left of a budget, and waited too long."""

BREACH = "broker_policy"
"""`error_code` of a call that asks for what no call may have."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is not answered. `code` names the cause for programs; `message` is for whoever reads along."""

    status: int
    message: str
    code: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """The error as the API would put it."""
        error: dict[str, Any] = {"type": self.kind or KINDS[self.status], "message": self.message}
        if self.code:
            error["details"] = {"error_code": self.code, **self.details}
        return {"type": "error", "error": error}

    def body(self) -> bytes:
        """The error as the body of an answer."""
        return json.dumps(self.document).encode()

    def event(self) -> bytes:
        """The error as the last event of a stream that had begun."""
        return b"event: error\ndata: " + self.body() + b"\n\n"


def malformed(message: str) -> Refusal:
    """Refuse a request that the API would not understand either."""
    return Refusal(400, message)


def forbidden(message: str) -> Refusal:
    """Refuse a request that is well formed and asks for what a sandbox may not have."""
    return Refusal(403, message, BREACH)
