"""Pack what matters for a task into a budget: files in full, in part, as outlines or by name, as there is room."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from scaffold.refused import Refused
from scaffold.search import Search
from scaffold.symbols import Symbol, outline, symbols
from scaffold.tokens import analyzer, count_terms


@dataclass(frozen=True)
class Item:
    """One file of the context: how much of it is shown, and the text that shows it, heading included."""

    path: str
    detail: Literal["full", "parts", "outline", "name"]
    text: str


def pack(files: Mapping[str, str], task: str, budget: int, limit: int = 20, share: float = 0.5) -> tuple[Item, ...]:
    """Return the `limit` best files for a task, best first, in at most `budget` characters.

    Each is shown in the fullest detail that takes at most `share` of what is left, so that one long file does not push
    out all others; a file of which not even the name fits is left out.
    """
    items: list[Item] = []
    left = budget
    for path in Search(files).rank(task, limit):
        item = next((item for item in _views(path, files[path], task) if len(item.text) <= left * share), None)
        if item:
            items.append(item)
            left -= len(item.text)
    return tuple(items)


def best_symbols(source: str, task: str, limit: int = 3) -> tuple[Symbol, ...]:
    """Return the definitions that say most about a task for their length, in the order of the file."""
    terms = analyzer(split="parts", stemmer="singular", stop_words="english")
    wanted = count_terms(task, terms)
    lines = source.split("\n")
    scores: dict[Symbol, float] = {}
    for symbol in symbols(source):
        body = count_terms("\n".join(lines[symbol.first - 1 : symbol.last]), terms)
        shared = sum(1 for term in wanted if term in body)
        if shared:
            scores[symbol] = shared / body.total() ** 0.5
    best = sorted(scores, key=lambda symbol: (-scores[symbol], symbol.first))[:limit]
    return tuple(sorted(best, key=lambda symbol: symbol.first))


def clip(text: str, limit: int, head: float = 0.3) -> str:
    """Return at most `limit` characters of a text: its beginning (`head` of the room), a note, and its end."""
    if len(text) <= limit:
        return text
    note = f"\n[... {len(text) - limit} or more characters left out ...]\n"
    room = max(limit - len(note), 0)
    first = int(room * head)
    return (text[:first] + note + text[len(text) - (room - first) :])[:limit]


def _views(path: str, source: str, task: str) -> Iterator[Item]:
    """Yield the ways to show a file, the fullest first."""
    yield Item(path, "full", f"## {path}\n{source}\n")
    try:
        lines = source.split("\n")
        chosen = best_symbols(source, task)
        shown = ["\n".join(lines[symbol.first - 1 : symbol.last]) for symbol in chosen]
        if shown:
            yield Item(path, "parts", f"## {path} (parts)\n" + "\n...\n".join(shown) + "\n")
        yield Item(path, "outline", f"## {path} (outline)\n{outline(source)}\n")
    except Refused:
        pass  # not valid Python: it has no outline
    yield Item(path, "name", f"## {path} (name only)\n")
