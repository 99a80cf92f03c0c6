"""Cutting a template into text and tags."""

import re
from dataclasses import dataclass

TAG = re.compile(r"{{.*?}}|{%.*?%}", re.DOTALL)


class TemplateError(ValueError):
    """A template that makes no sense; `line` is where the wrong tag begins, counted from 1."""

    def __init__(self, message, line):
        super().__init__(f"line {line}: {message}")
        self.line = line


@dataclass(frozen=True)
class Token:
    """A piece of a template: `text`, a `value` tag or a `block` tag; of tags the content without its braces."""

    kind: str
    content: str
    line: int


def tokens(template):
    """Return the pieces of a template in their order; raise TemplateError for a tag that does not end."""
    found, place = [], 0
    for match in TAG.finditer(template):
        found.append(_text(template, place, match.start()))
        kind = "value" if match[0].startswith("{{") else "block"
        found.append(Token(kind, match[0][2:-2].strip(), _line(template, match.start())))
        place = match.end()
    found.append(_text(template, place, len(template)))
    return [token for token in found if token.content or token.kind != "text"]


def _text(template, start, end):
    text = template[start:end]
    opening = re.search(r"{{|{%", text)
    if opening:
        raise TemplateError("a tag does not end", _line(template, start + opening.start()))
    return Token("text", text, _line(template, start))


def _line(template, place):
    return template.count("\n", 0, place) + 1
