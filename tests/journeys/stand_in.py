"""A model's place taken by rules: each request is answered by what the conversation shows, so any number may run at once.

It is the strict server of tests/broker, which refuses what the API refuses. What it "thinks" is written down here: how
it improves the scaffold, and how it solves the tasks that it knows, by carrying out a script.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.broker.scripted import KEY, Fail, Say, Script, Step, TcpServer, text, thinking, tool_use

SELF_IMPROVEMENT = "# Improve your own code"
USAGE = {"input_tokens": 20, "output_tokens": 50, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 900}
TOKENS = sum(USAGE.values())
MICRO_USD = 20 * 4 + 50 * 20 + 300 * 5 + 900 // 5
"""Price of each answer of `say`, by the shipped table for `claude-opus-5-5`."""


@dataclass
class Rules:
    """What the stand-in does. `tasks`: words of a task -> the shell script that solves it; any other is given up.

    `improve`: the calls, one a turn, by which it changes the scaffold when it is asked to.
    """

    tasks: Mapping[str, str] = field(default_factory=dict)
    improve: tuple[tuple[str, dict[str, Any]], ...] = ()
    before: Callable[[dict[str, Any], int], Step | None] = lambda body, turn: None
    """Looked at first: a fault, or None to go on."""


class StandIn(Script):
    """Answers by rules, from any number of threads."""

    def __init__(self, rules: Rules) -> None:
        super().__init__([])
        self.rules = rules
        self.openings: list[str] = []

    def next_step(self, body: dict[str, Any]) -> Step:
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        opening = words(body["messages"][0]["content"])
        with self._lock:
            if not turn:
                self.openings.append(opening)
        fault = self.rules.before(body, turn)
        return fault or say(turn, *self.call(opening, turn))

    def call(self, opening: str, turn: int) -> tuple[str, dict[str, Any]]:
        """The tool that is called next."""
        if SELF_IMPROVEMENT in opening:
            planned = self.rules.improve
        else:
            script = next((script for part, script in self.rules.tasks.items() if part in opening), None)
            planned = (("run_command", {"command": script}),) if script else ()
        return planned[turn] if turn < len(planned) else ("finish", {"summary": f"done after {turn} turns"})


def say(turn: int, name: str, given: dict[str, Any]) -> Say:
    """A thought, a sentence and a call; every token but a few read from the cache."""
    content = [thinking(f"turn {turn}"), text("I go on."), tool_use(name, given, turn + 1)]
    return Say(content, "tool_use", dict(USAGE))


def words(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(b.get("text", "") for b in content)


def edit(path: str, old: str, new: str) -> tuple[str, dict[str, Any]]:
    """The call by which a scaffold replaces some text."""
    return "edit_text", {"path": path, "blocks": f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE"}


BETTER = (
    edit("scaffold/tokens.py", *(f'    split: Literal["whole", "parts", "whole_and_parts"] = "{way}",' for way in ("whole", "whole_and_parts"))),
    ("run_tests", {}),
)  # fmt: skip
"""A true improvement of generation 0."""


def oracles(workspace: Path) -> dict[str, str]:
    """The coding tasks of a workspace as rules: the beginning of each instruction -> what the oracle does."""
    return {
        (task / "instruction.md").read_text().strip()[:60]: (task / "solution" / "solve.sh").read_text()
        for task in sorted((workspace / "suites" / "coding").iterdir())
    }


def reached(server: TcpServer) -> dict[str, str]:
    """The environment in which `successor` finds this model."""
    return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": server.base_url}


@contextmanager
def standing_in(rules: Rules):
    """Serve, and hold the client to the API when it is over."""
    script = StandIn(rules)
    server = TcpServer(script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert script.complaints == [], script.complaints


def overloaded() -> Fail:
    return Fail(529, "overloaded_error", headers={"retry-after-ms": "20"})


def told(body: dict[str, Any]) -> str:
    """Everything that a request says, as a text to look for words in."""
    return json.dumps(body)
