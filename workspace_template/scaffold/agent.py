"""The agent: ask the model, do what it asks for, tell it what came of it, until the work ends."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from scaffold.ended import Ended, Ending
from scaffold.history import Block, History
from scaffold.model import Answer, Model, TooLong
from scaffold.tools import Tools
from scaffold.wording import note

WHOLE = ("tool_use", "end_turn", "stop_sequence")
"""Reasons to stop after which nothing is missing. After any other, known or not, no call is carried out."""


@dataclass(frozen=True)
class Limits:
    """How long the agent goes on. `steps`: answers of the model. `tokens`: what it may write in all."""

    steps: int = 40
    tokens: int = 64_000
    answer: int = 8_000
    """Tokens of one answer."""
    prompt: int = 120_000
    """Tokens of a question, above which the conversation begins anew with a summary."""
    arguments: int = 200_000
    """Characters that one call may bring."""
    repeats: int = 3
    """How often the same call may have the same result before the model is told; after twice as often, it is stuck."""
    failures: int = 3
    """How many answers in turn may end early."""


@dataclass(frozen=True)
class Result:
    """What became of the work: how it ended, after how many steps, and a summary for whoever gave the task."""

    ended: Ending
    steps: int
    summary: str


class Agent:
    """Works on one task."""

    def __init__(self, model: Model, tools: Tools, limits: Limits, progress: Callable[[str], None]) -> None:
        self._model, self._tools, self._limits, self._progress = model, tools, limits, progress
        self._steps = self._tokens = self._early = self._idle = 0
        self._seen: Counter[str] = Counter()

    def run(self, opening: str) -> Result:
        """Work until there is an end, and say which."""
        self._history = History(opening)
        try:
            while True:
                self.step()
        except Ended as ended:
            return Result(ended.how, self._steps, ended.summary)

    def step(self) -> None:
        """Ask once, and do what the answer asks for."""
        answer = self.ask()
        if answer.stop_reason == "refusal":
            raise Ended("refused", answer.text or "the model refused to go on")
        if answer.stop_reason == "model_context_window_exceeded":
            self.restart(self._history.digest())
            return
        results, said = self.follow(answer)
        full = answer.read + answer.written > self._limits.prompt
        self._history.told(results, said, self.hurry(), note("summarise") if full else "")
        if full:
            self.restart(self.ask().text or self._history.digest())

    def ask(self) -> Answer:
        """Return an answer of the model, within the limits."""
        if self._steps >= self._limits.steps:
            raise Ended("steps", f"no end after {self._steps} steps")
        left = self._limits.tokens - self._tokens
        if left <= 0:
            raise Ended("tokens", f"no end after {self._tokens} tokens")
        self._steps += 1
        try:
            answer = self._model.ask(self._history.request(), min(self._limits.answer, left))
        except TooLong:
            self.restart(self._history.digest())
            return self.ask()
        self._tokens += answer.written
        return answer

    def follow(self, answer: Answer) -> tuple[list[Block], str]:
        """Keep an answer and carry out its calls; return what came of each, and a note."""
        whole = answer.stop_reason in WHOLE
        self._early = 0 if whole else self._early + 1
        if self._early >= self._limits.failures:
            raise Ended("stuck", f"{self._early} answers in turn ended early, the last one by {answer.stop_reason!r}")
        kept = self.keep(answer)
        calls = answer.calls if kept else []
        if not whole:
            reason = answer.stop_reason[:80]
            skipped = [_result(call, note("not_done", reason=reason), wrong=True) for call in calls]
            return skipped, note("cut_off", reason=reason)
        if answer.calls:
            self._idle = 0
            return [self.act(call) for call in calls], "" if kept else self.too_large(answer)
        return [], self.nudge(answer)

    def keep(self, answer: Answer) -> bool:
        """Add an answer to the history as it was; tell whether it is there.

        Arguments that are too large are left out. Thoughts forbid that, so then the whole answer is.
        """
        large = [call for call in answer.calls if self.is_large(call)]
        if not answer.content or (large and answer.signed):
            return False
        self._history.said([{**block, "input": {}} if block in large else block for block in answer.content])
        return True

    def act(self, call: Block) -> Block:
        """Carry out one call."""
        self._progress(f"step {self._steps}: {call['name'][:40]} {json.dumps(call['input'])[:100]}")
        if self.is_large(call):
            text, wrong = _too_large(call, self._limits.arguments), True
        else:
            text, wrong = self._tools.use(call["name"], call["input"])
        seen = sha256(json.dumps([call["name"], call["input"], text]).encode()).hexdigest()
        self._seen[seen] += 1
        if self._seen[seen] >= 2 * self._limits.repeats:
            raise Ended("stuck", f"{call['name'][:40]} was called {self._seen[seen]} times, always with one result")
        if self._seen[seen] == self._limits.repeats:
            text += "\n\n" + note("repeated", times=self._seen[seen])
        return _result(call, text, wrong)

    def nudge(self, answer: Answer) -> str:
        """Say what to do instead of talking; whoever only talks a second time seems to be done."""
        self._idle += 1
        if self._idle < 2:
            return note("no_call")
        if not answer.text:
            raise Ended("stuck", "the model neither says nor does anything")
        text, _ = self._tools.use("finish", {"summary": answer.text})
        return text

    def hurry(self) -> str:
        """Say that there is little time left, once."""
        left = self._limits.steps - self._steps
        return note("few_steps", left=left) if left == 3 else ""

    def restart(self, summary: str) -> None:
        """Begin the conversation anew, with a summary of the work so far."""
        if self._history.fresh:
            raise Ended("tokens", "the task alone is more than the model can read")
        self._history.restart(note("restarted", summary=summary))
        self._seen.clear()

    def is_large(self, call: Block) -> bool:
        """Whether the arguments of a call are more than are taken."""
        return _size(call) > self._limits.arguments

    def too_large(self, answer: Answer) -> str:
        """Say which calls of an answer were too large."""
        return "\n".join(_too_large(call, self._limits.arguments) for call in answer.calls if self.is_large(call))


def _size(call: Block) -> int:
    return len(json.dumps(call["input"]))


def _too_large(call: Block, most: int) -> str:
    return note("too_large", name=call["name"][:40], size=_size(call), most=most)


def _result(call: Block, text: str, wrong: bool) -> Block:
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": text}
    return {**result, "is_error": True} if wrong else result
