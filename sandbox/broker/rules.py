"""What a broker is set up with: which models, how large a call, how long a wait. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MIB = 1024 * 1024

TYPED_TOOLS: Mapping[str, str] = {
    "bash_20250124": "bash",
    "text_editor_20250728": "str_replace_based_edit_tool",
    "memory_20250818": "memory",
}
"""Tools that the API knows by type and that run on the caller's side: type -> the one name each may have."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a request may ask for. Everything that is not named is refused."""

    models: frozenset[str]
    max_tokens: int = 32_000
    typed_tools: Mapping[str, str] = field(default_factory=lambda: dict(TYPED_TOOLS))
    depth: int = 64
    """How deeply arrays and objects may nest, the request itself being 1."""
    messages: int = 4_000
    blocks: int = 40_000
    """Content blocks in the whole request."""
    tools: int = 128


@dataclass(frozen=True, slots=True)
class Caps:
    """What one sandbox may send, hold open and wait for. Sizes in bytes, times in seconds."""

    head: int = 16 * 1024
    request: int = 8 * MIB
    values: int = 200_000
    """JSON values of one request, about: a few bytes of text each, and many of memory."""
    held: int = 64 * MIB
    """All requests of one sandbox that are under way, together, with what their values become."""
    total: int = 256 * MIB
    """All requests of one sandbox from first to last: what is sent on is kept."""
    answer: int = 32 * MIB
    connections: int = 128
    calls: int = 20_000
    """Calls of one candidate, those that were refused included: each leaves a record."""
    idle: float = 120.0
    """Until the first byte of a request."""
    read_head: float = 10.0
    read_body: float = 30.0
    write: float = 60.0
    """Until the sandbox takes what it was sent."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long an upstream is tried. Times in seconds."""

    retries: int = 4
    first_wait: float = 0.5
    longest_wait: float = 8.0
    longest_asked: float = 60.0
    """The longest `retry-after` that is obeyed; more is cut to this."""
    connect: float = 10.0
    silence: float = 300.0
    """Between two bytes of an answer. The API sends pings within a stream."""
    call: float = 1_800.0
    """One attempt, to its end."""
    budget_held: float = 120.0
    """How long a call waits while only reservations of other calls are in its way."""


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Everything a broker is told, but for the key. `base_url`: `https://host`, `http://host:port` or `unix:/path`."""

    policy: Policy
    base_url: str = "https://api.anthropic.com"
    caps: Caps = field(default_factory=Caps)
    patience: Patience = field(default_factory=Patience)
    version: str = "2026-10-21"
    """Sent as `anthropic-version`."""
