"""The model behind the socket: one question, one whole answer, or the reason why there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.ended import Ended
from scaffold.sdk import load

Block = dict[str, Any]

# What the SDK lets through, or stumbles over itself, when a stream breaks off or holds something else than it should.
STUMBLES = (ValueError, TypeError, AttributeError, LookupError, RuntimeError, AssertionError)
SPENT = frozenset({"billing_error"})
REFUSALS = frozenset({"invalid_request_error", "authentication_error", "permission_error", "not_found_error"})


class TooLong(Exception):
    """The conversation does not fit into what the model can read."""


class _Broken(Exception):
    """There was no whole answer, and the same question may be asked again."""


@dataclass(frozen=True)
class Answer:
    """What the model said, block by block as it came, why it stopped, and the tokens of question and answer."""

    content: list[Block]
    stop_reason: str
    read: int
    written: int

    @property
    def calls(self) -> list[Block]:
        """The tools that it wants to use."""
        return [block for block in self.content if block["type"] == "tool_use"]

    @property
    def text(self) -> str:
        """What it said in words."""
        return "\n".join(block["text"] for block in self.content if block["type"] == "text" and block["text"])

    @property
    def signed(self) -> bool:
        """Whether it holds thoughts, which are bound to what stands around them."""
        return any("thinking" in block["type"] for block in self.content)


class Model:
    """A model with its instructions and tools: the same in each question, so that they are read from cache."""

    def __init__(self, client: Any, name: str, system: str, tools: Sequence[Block], tries: int = 3) -> None:
        self._client = client
        self._given: Mapping[str, Any] = {
            "model": name,
            "system": [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
            "tools": list(tools),
        }
        self._tries = tries
        self.answered = False

    def ask(self, messages: list[Block], most: int) -> Answer:
        """Return a whole answer of at most `most` tokens. Raises `TooLong`, and `Ended` when there will be none."""
        reason = ""
        for _ in range(self._tries):
            try:
                answer = self._stream(messages, most)
            except _Broken as broken:
                reason = str(broken)
            else:
                self.answered = True
                return answer
        raise Ended("unreachable", f"the model gave no whole answer {self._tries} times; the last time: {reason}")

    def _stream(self, messages: list[Block], most: int) -> Answer:
        sdk = load()
        from httpx2 import HTTPError  # noqa: PLC0415  # not before the SDK, whose import brings it

        try:
            with self._client.messages.stream(messages=messages, max_tokens=most, **self._given) as stream:
                return _whole(stream.get_final_message())
        except sdk.APIStatusError as error:
            raise _meaning(error) from error
        # A stream that breaks in the middle comes as an error of the HTTP library, which the SDK does not translate.
        except (sdk.AnthropicError, HTTPError, *STUMBLES) as error:
            raise _Broken(f"{type(error).__name__}: {error}"[:300]) from error


def connect(socket: str) -> Any:
    """Return a client of the SDK that speaks through a unix socket. Whoever serves it has the key, and tries again."""
    sdk = load()
    from httpx2 import HTTPTransport  # noqa: PLC0415

    # No TLS on a socket of this machine: without `verify=False` the trusted certificates are read for nothing.
    http = sdk.DefaultHttpxClient(transport=HTTPTransport(uds=socket, verify=False), trust_env=False)
    return sdk.Anthropic(api_key="none", base_url="http://localhost", http_client=http, max_retries=0)


def _whole(message: Any) -> Answer:
    """Read a message; raise when it is not whole. Its tools must then never be used, whatever they look like."""
    if message.stop_reason is None:
        raise _Broken("the stream broke off")
    content = [block.to_dict(warnings=False) for block in message.content]
    for block in content:
        if block["type"] == "tool_use" and not (isinstance(block.get("id"), str) and isinstance(block["name"], str)):
            raise _Broken("a call without a name or an ID")
    usage = message.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return Answer(content, message.stop_reason, (usage.input_tokens or 0) + cached, usage.output_tokens or 0)


def _meaning(error: Any) -> Exception:
    """Return what an error of the API means here; its kind is told by `type`, because a stream begins with a 200."""
    kind, code, status = error.type, getattr(error, "error_code", None), error.status_code
    said = f"{kind or status}: {getattr(error, 'api_message', None) or error}"[:300]
    if status == 402 or kind in SPENT or code in ("budget_exhausted", "calls_exhausted"):
        return Ended("budget", said)
    if status == 413 or kind == "request_too_large" or (kind == "invalid_request_error" and "too long" in said):
        return TooLong(said)
    if kind in REFUSALS or (kind is None and status in (400, 401, 403, 404, 422)):
        return Ended("refused", said)
    return _Broken(said)
