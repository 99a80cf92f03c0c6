"""The way of one call: admitted, paid for, delivered, booked, and written down."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sandbox.broker.delivery import Delivery, Outlet
from sandbox.broker.payment import Charge, Till, encoded
from sandbox.broker.policy import ENDPOINTS, Accepted, accept, parse
from sandbox.broker.refusal import Refusal
from sandbox.broker.transcript import SCHEMA, digest_of


@dataclass
class Exchange:
    """One call of one candidate: `run` once, then `record` says what happened, however it ended."""

    till: Till
    candidate: str
    number: int
    path: str
    content: bytes
    out: Outlet
    request: Accepted | None = None
    delivery: Delivery | None = None
    charge: Charge | None = None
    refusal: Refusal | None = None
    _settled: bool = False
    _admitted: Accepted | Refusal | None = None

    def __post_init__(self) -> None:
        self._clock = self.till.line.clock
        self._started_ms = self._clock.unix_ms()
        self._started = self._clock.seconds()

    def admit(self) -> None:
        """Read the request and hold it to the policy: the part that takes the longer, the more was sent."""
        self._admitted = self._admit()

    async def run(self) -> None:
        """Answer one call. Raises `ConnectionError` when the sandbox has gone; what was spent is booked."""
        admitted = self._admitted or self._admit()
        if isinstance(admitted, Refusal):
            await self._refuse(admitted)
            return
        body = encoded(admitted.body)
        made = None
        if admitted.endpoint == "messages":
            made = await self.till.set_aside(self.candidate, admitted, len(body))
        if isinstance(made, Refusal):
            await self._refuse(made)
            return

        def settle() -> None:
            if made is not None and not self._settled:
                self._settled = True
                self.charge = self.till.settle(admitted, made, delivery)

        delivery = Delivery(self.till.line, admitted, self.path, body, self.out, settle)
        self.request, self.delivery = admitted, delivery
        try:
            await delivery.run()
        finally:
            settle()

    def record(self) -> dict[str, Any]:
        """Return what is kept of this call. A request that was not sent is kept by its size and digest only."""
        delivery = self.delivery
        return {
            "schema": SCHEMA,
            "candidate": self.candidate,
            "number": self.number,
            "path": self.path,
            "request": self.request.body if self.request else None,
            "received": {"bytes": len(self.content), "digest": digest_of(self.content)},
            "ending": self.ending,
            "answer": self._answer(),
            "attempts": delivery.tried if delivery else [],
            "charge": asdict(self.charge) if self.charge else None,
            "times": {
                "started_unix_ms": self._started_ms,
                "first_content_ms": self._since(delivery.first_content if delivery else None),
                "ended_ms": self._since(self._clock.seconds()),
            },
        }

    @property
    def ending(self) -> str:
        """How it ended: `refused` before it was sent, `answered`, `failed` (the upstream), or `left` by the sandbox."""
        if self.refusal is not None:
            return "refused"
        if self.delivery is not None and self.delivery.usage is not None:
            return "answered"
        return "failed" if self.delivery is not None and self.delivery.failure is not None else "left"

    def _admit(self) -> Accepted | Refusal:
        policy = self.till.line.config.policy
        request = parse(self.content, policy.depth)
        if isinstance(request, Refusal):
            return request
        admitted = accept(policy, ENDPOINTS[self.path], request)
        if isinstance(admitted, Accepted) and admitted.model not in self.till.prices:
            return Refusal(403, f"model: {admitted.model!r} has no price here, and so may not be used")
        return admitted

    async def _refuse(self, refusal: Refusal) -> None:
        self.refusal = refusal
        await self.out.answer(refusal.status, refusal.body())

    def _answer(self) -> dict[str, Any]:
        if self.refusal is not None:
            return {"status": self.refusal.status, "error": self.refusal.document}
        if self.delivery is None:
            return {}
        said: dict[str, Any] = {}
        if self.delivery.message is not None:
            said["message"] = self.delivery.message
        elif self.delivery.reading.started:
            said["events"] = self.delivery.reading.said.events()
        if self.delivery.failure is not None:
            said["error"] = self.delivery.failure.refusal.document
        return said

    def _since(self, moment: float | None) -> int | None:
        return None if moment is None else round((moment - self._started) * 1000)
