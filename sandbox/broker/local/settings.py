"""What a local model is run with. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.broker.rules import MIB


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Sizes in tokens, times in seconds. The defaults serve one scaffold at a time, without an accelerator."""

    context: int = 16_384
    """Prompt and answer together, for each of `parallel` calls; memory grows with it."""
    parallel: int = 1
    """Calls that are worked on at once; others wait. Each has a prompt cache of its own."""
    threads: int = 0
    """0: one less than this process may use cores. Threads wait for one another at each step: where something else runs
    on one of their cores (a sandbox with tests), all stand still, and two can be twenty times slower than one."""
    temperature: float = 0.0
    """0 takes the likeliest token each time: steady, but not deterministic: rounding goes by what is cached."""
    in_circles: float = 0.8
    """The temperature once the model has made the same call twice in a row: the likeliest is then the same again."""
    cached_prompts: int = 512 * MIB
    """Bytes of memory for prompts of other conversations, so that interleaved ones do not lose what was read."""
    start: float = 600.0
    """Until the weights are loaded."""
    answer: int = 32 * MIB
    """Bytes of one answer of the model's server."""
    restarts: int = 3
    """How often a server that died is started again, all in all."""
