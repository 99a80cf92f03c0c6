"""The conversation so far: it only grows at its end, so that all before can be read from cache; or it begins anew."""

from typing import Any

Block = dict[str, Any]
Message = dict[str, Any]


class History:
    """Messages in turn, the first and the last of them the user's whenever the model is asked."""

    def __init__(self, opening: str) -> None:
        self._opening = opening
        self.messages: list[Message] = []
        self.restart()

    @property
    def fresh(self) -> bool:
        """Whether the model has said nothing yet since it began."""
        return len(self.messages) == 1

    def said(self, content: list[Block]) -> None:
        """Add what the model said, as it was."""
        self.messages.append({"role": "assistant", "content": content})

    def told(self, results: list[Block], *notes: str) -> None:
        """Add what came of its calls, and notes; when it said nothing in between, to what was told last."""
        blocks = [*results, *(_text(note) for note in notes if note)]
        if self.messages[-1]["role"] == "user":
            self.messages[-1] = {"role": "user", "content": [*self.messages[-1]["content"], *blocks]}
        else:
            self.messages.append({"role": "user", "content": blocks})

    def restart(self, *notes: str) -> None:
        """Begin anew with the task and notes on the work until now. Nothing is taken out of the middle, ever."""
        self.messages = [{"role": "user", "content": [_text(self._opening), *(_text(note) for note in notes)]}]

    def request(self) -> list[Message]:
        """Return the messages with two marks for the cache: where it grew until last time, and where it ends now."""
        users = [number for number, message in enumerate(self.messages) if message["role"] == "user"]
        return [_marked(message) if number in users[-2:] else message for number, message in enumerate(self.messages)]

    def digest(self, most: int = 4_000) -> str:
        """Return the end of what the model said in words: the summary of one that cannot be asked for it."""
        blocks = [block for message in self.messages if message["role"] == "assistant" for block in message["content"]]
        return "\n".join(block["text"] for block in blocks if block["type"] == "text")[-most:]


def _text(words: str) -> Block:
    return {"type": "text", "text": words}


def _marked(message: Message) -> Message:
    *before, last = message["content"]
    return {"role": message["role"], "content": [*before, {**last, "cache_control": {"type": "ephemeral"}}]}
