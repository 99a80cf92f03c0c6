"""Making a tree of a template's pieces."""

import re
from dataclasses import dataclass

from filters import FILTERS
from lexer import TemplateError

PATH = r"[A-Za-z_]\w*(?:\.\w+)*"


@dataclass(frozen=True)
class Text:
    """Text that stands as it is."""

    text: str


@dataclass(frozen=True)
class Value:
    """A path into the values, and the names of filters that it goes through."""

    path: tuple
    filters: tuple


@dataclass(frozen=True)
class If:
    """What is rendered when a value is true."""

    test: Value
    body: tuple


@dataclass(frozen=True)
class For:
    """What is rendered for each item of a value, under a name."""

    name: str
    items: Value
    body: tuple


def parse(tokens):
    """Return the nodes that the pieces of a template make; raise TemplateError where they do not fit."""
    return _nodes(list(reversed(tokens)), None)


def _nodes(rest, opening):
    """Take pieces up to the end of the block that `opening` began, or of the template when it is None."""
    nodes = []
    while rest:
        token = rest.pop()
        if token.kind == "text":
            nodes.append(Text(token.content))
        elif token.kind == "value":
            nodes.append(_value(token.content, token.line))
        elif token.content in ("endif", "endfor"):
            if opening is None or token.content != f"end{opening.content.split()[0]}":
                raise TemplateError(f"{token.content} closes nothing", token.line)
            return tuple(nodes)
        else:
            nodes.append(_block(token, rest))
    if opening is not None:
        raise TemplateError(f"{opening.content.split()[0]} is not closed", opening.line)
    return tuple(nodes)


def _block(token, rest):
    word, _, content = token.content.partition(" ")
    if word == "if":
        return If(_value(content.strip(), token.line), _nodes(rest, token))
    match = re.fullmatch(r"([A-Za-z_]\w*)\s+in\s+(.+)", content.strip(), re.DOTALL)
    if word == "for" and match:
        return For(match[1], _value(match[2], token.line), _nodes(rest, token))
    raise TemplateError(f"there is no tag {token.content!r}", token.line)


def _value(content, line):
    path, *names = (part.strip() for part in content.split("|"))
    if not re.fullmatch(PATH, path):
        raise TemplateError(f"this is no value: {content!r}", line)
    for name in names:
        if name not in FILTERS:
            raise TemplateError(f"there is no filter {name!r}", line)
    return Value(tuple(path.split(".")), tuple(names))
