"""A broker and the one model that is asked for through it: what whoever starts a sandbox needs to give it a model."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sandbox.broker.broker import Broker
from sandbox.broker.door import Door
from sandbox.broker.ledger import Ledger
from sandbox.scratch import Scratch

MODEL_VARIABLE = "SCAFFOLD_MODEL"
"""Where a scaffold finds the name of its model."""
ANSWER_VARIABLE = "SCAFFOLD_ANSWER_TOKENS"
"""Where it finds how many tokens of output a call may ask for: one that asks for more is refused."""


class Desk:
    """Opens doors to `model`, each in a folder of its own. Leaves the broker to whoever made it.

    `identity` names the model in records, where it says more than the name that requests carry.
    """

    def __init__(self, broker: Broker, model: str, identity: str = "") -> None:
        self.model = model
        self.identity = identity or model
        self._broker = broker
        self._scratch = Scratch("successor-door-")

    @property
    def ledger(self) -> Ledger:
        """The account of the run."""
        return self._broker.ledger

    @property
    def env(self) -> Mapping[str, str]:
        """What a command that speaks to the model finds in its environment."""
        return {MODEL_VARIABLE: self.model, ANSWER_VARIABLE: str(self._broker.most_tokens)}

    @contextmanager
    def serve(self, candidate: str, *, calls: int | None = None) -> Iterator[Door]:
        """Open a door for one sandbox, for at most so many calls. What is spent is booked on `candidate`."""
        # Its name is seen inside, where mounts came from: a number would tell how many trials there were before.
        folder = self._scratch.folder() / secrets.token_hex(8)
        with self._broker.serve(folder, candidate, calls=calls) as door:
            yield door

    def exchange(self, digest: str) -> bytes:
        """Return what was said in one call, by its digest in a door's transcript. Raises `KeyError`."""
        return self._broker.transcripts.get(digest)

    def close(self) -> None:
        """Remove the folders of the doors. The desk may be used, and closed, again."""
        self._scratch.close()
