"""What a call may cost and did cost, between a request and the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox.broker.attempts import Cost
from sandbox.broker.delivery import Delivery, Line, count_input
from sandbox.broker.ledger import Exhausted, Held, Ledger, Reservation
from sandbox.broker.policy import PATHS, Accepted, counted_fields
from sandbox.broker.refusal import BUDGET, HELD, Refusal
from sandbox.broker.usage import Price, PriceTable, Usage, most_input

_HELD_STEP = 0.05
_COUNT_MARGIN = 50
"""A fiftieth more than was counted: the API calls its count an estimate."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call was booked as. `estimated`: the upstream did not tell, and this is not less than it can be."""

    usage: Usage
    micro_usd: int
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Till:
    """The ledger, and what it needs to know about models and about waiting."""

    ledger: Ledger
    prices: PriceTable
    line: Line

    async def set_aside(self, candidate: str, request: Accepted, size: int) -> Reservation | Refusal:
        """Reserve what the call may cost at worst, or say why it must not be sent.

        The bound by size is far above what most requests come to; only when it does not fit is the upstream asked.
        """
        bound = most_input(request.body, size)
        made = await self._patiently(candidate, request, bound, final=False)
        if isinstance(made, Exhausted):
            counting = replace(request, endpoint="count_tokens", stream=False, body=counted_fields(request.body))
            body = encoded(counting.body)
            counted = await count_input(self.line, counting, PATHS["count_tokens"], body)
            if counted is not None and counted >= 0:
                bound = min(bound, counted + counted // _COUNT_MARGIN)
            made = await self._patiently(candidate, request, bound, final=True)
        if isinstance(made, Exhausted):
            message = f"the budget of this {made.scope} does not allow this call"
            return Refusal(402, message, BUDGET, {"scope": made.scope})
        return made

    def settle(self, request: Accepted, made: Reservation, delivery: Delivery) -> Charge:
        """Book what the call came to, and return it."""
        charge = charge_for(request, made, delivery, self.prices[request.model])
        self.ledger.settle(made, charge.usage, charge.micro_usd)
        return charge

    async def _patiently(
        self, candidate: str, request: Accepted, tokens: int, *, final: bool
    ) -> Reservation | Refusal | Exhausted:
        """Reserve; while only what other calls may not need is in the way, wait."""
        clock, longest = self.line.clock, self.line.config.patience.budget_held
        cost = self.prices[request.model].worst(tokens, request.max_tokens)
        until = clock.seconds() + longest
        while True:
            try:
                return self.ledger.reserve(candidate, tokens + request.max_tokens, cost, final=final)
            except Held as held:
                if clock.seconds() >= until:
                    self.ledger.starved(candidate, held.scope)
                    return Refusal(429, "other calls hold what is left of the budget; ask again", HELD)
            await clock.sleep(_HELD_STEP)


def charge_for(request: Accepted, made: Reservation, delivery: Delivery, price: Price) -> Charge:
    """Return what a call is booked as: what was told, else not less than what was seen, else all that was set aside."""
    if delivery.usage is not None:
        return Charge(delivery.usage, price.cost(delivery.usage))
    if delivery.reading.started:
        output = request.max_tokens
        if not delivery.reading.hidden:  # a token is at least a byte
            output = min(output, max(delivery.reading.seen, delivery.reading.usage.output))
        usage = replace(delivery.reading.usage, output=output)
        return Charge(usage, price.cost(usage), estimated=True)
    if delivery.cost is Cost.NOTHING:
        return Charge(Usage(), 0)
    usage = Usage(input=made.tokens - request.max_tokens, output=request.max_tokens)
    return Charge(usage, made.micro_usd, estimated=True)


def encoded(body: Mapping[str, Any]) -> bytes:
    """A request as it is sent: fields in the order in which they came, because the prompt cache goes by order."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
