#!/bin/bash
# The oracle's answer.
set -eu
cd /app
cat > filters.py <<'EOF'
"""What values can go through on their way into the text."""

import inspect


def shown(value):
    """Return a value as it stands in the text: nothing for None."""
    return "" if value is None else str(value)


FILTERS = {
    "upper": lambda value: shown(value).upper(),
    "lower": lambda value: shown(value).lower(),
    "strip": lambda value: shown(value).strip(),
    "length": lambda value: 0 if value is None else len(value),
    "default": lambda value, other: other if value is None or value == "" else value,
    "cut": lambda value, most: shown(value)[: max(most, 0)],
    "replace": lambda value, old, new: shown(value).replace(shown(old), shown(new)),
    "join": lambda value, separator: shown(separator).join(map(shown, value or [])),
}
ARGUMENTS = {name: len(inspect.signature(function).parameters) - 1 for name, function in FILTERS.items()}
EOF
cat > parser.py <<'EOF'
"""Making a tree of a template's pieces."""

import re
from dataclasses import dataclass

from filters import ARGUMENTS
from lexer import QUOTED, TemplateError

NAME = r"[A-Za-z_]\w*"
PATH = rf"{NAME}(?:\.\w+)*"
ARGUMENT = rf"{QUOTED}|-?[0-9]+|{PATH}"
FILTER = re.compile(rf"\s*\|\s*({NAME})((?:\s*:\s*(?:{ARGUMENT}))*)\s*", re.DOTALL)


@dataclass(frozen=True)
class Text:
    """Text that stands as it is."""

    text: str


@dataclass(frozen=True)
class Value:
    """A path into the values, and (name, arguments) of the filters that it goes through.

    An argument is a text, a number, or a Value without filters.
    """

    path: tuple
    filters: tuple = ()


@dataclass(frozen=True)
class If:
    """Branches (test, whether it is turned round, body); the last one may have no test."""

    branches: tuple


@dataclass(frozen=True)
class For:
    """What is rendered for each item of a value, under a name, and what when there is none."""

    name: str
    items: Value
    body: tuple
    empty: tuple


def parse(tokens):
    """Return the nodes that the pieces of a template make; raise TemplateError where they do not fit."""
    return _nodes(list(reversed(tokens)), None, ())[0]


def _nodes(rest, opening, ends):
    """Take pieces up to a tag of `ends`, whose first word is one of them; return them and that tag."""
    nodes = []
    while rest:
        token = rest.pop()
        word = token.content.split()[0] if token.kind == "block" and token.content else ""
        if token.kind == "text":
            nodes.append(Text(token.content))
        elif token.kind == "value":
            nodes.append(_value(token.content, token.line))
        elif word in ends and (word == "elif" or token.content == word):
            return tuple(nodes), token
        elif token.content in ("endif", "endfor"):
            raise TemplateError(f"{token.content} closes nothing", token.line)
        else:
            nodes.append(_block(word, token, rest))
    if opening is not None:
        raise TemplateError(f"{opening.content.split()[0]} is not closed", opening.line)
    return tuple(nodes), None


def _block(word, token, rest):
    content = token.content[len(word) :].strip()
    match = re.fullmatch(rf"({NAME})\s+in\s+(.+)", content, re.DOTALL)
    if word == "if":
        return _if(token, content, rest)
    if word == "for" and match:
        items = _value(match[2], token.line)
        body, end = _nodes(rest, token, ("else", "endfor"))
        empty = _nodes(rest, token, ("endfor",))[0] if end.content == "else" else ()
        return For(match[1], items, body, empty)
    raise TemplateError(f"there is no tag {token.content!r} here", token.line)


def _if(token, content, rest):
    branches, line = [], token.line
    while True:
        turned = re.match(r"not\s+", content)
        test = _value(content[turned.end() :] if turned else content, line)
        body, end = _nodes(rest, token, ("elif", "else", "endif"))
        branches.append((test, bool(turned), body))
        if end.content == "else":
            branches.append((None, False, _nodes(rest, token, ("endif",))[0]))
        if end.content in ("else", "endif"):
            return If(tuple(branches))
        content, line = end.content[len("elif") :].strip(), end.line


def _value(content, line):
    content = content.strip()
    path = re.match(PATH, content)
    if path is None:
        raise TemplateError(f"this is no value: {content!r}", line)
    filters, place = [], path.end()
    while match := FILTER.match(content, place):
        name, written = match.groups()
        arguments = tuple(_argument(one) for one in re.findall(ARGUMENT, written))
        if name not in ARGUMENTS:
            raise TemplateError(f"there is no filter {name!r}", line)
        if len(arguments) != ARGUMENTS[name]:
            raise TemplateError(f"{name} takes {ARGUMENTS[name]} arguments", line)
        filters.append((name, arguments))
        place = match.end()
    if content[place:].strip():
        raise TemplateError(f"this is no value: {content!r}", line)
    return Value(tuple(path[0].split(".")), tuple(filters))


def _argument(written):
    if written.startswith('"'):
        return re.sub(r'\\(["\\])', r"\1", written[1:-1])
    return int(written) if re.fullmatch(r"-?[0-9]+", written) else Value(tuple(written.split(".")))
EOF
cat > render.py <<'EOF'
"""Rendering: `prepare(template)` once, then `render(nodes, values)` as often as it is needed."""

from filters import FILTERS, shown
from lexer import tokens
from parser import For, If, Text, Value, parse


def prepare(template):
    """Return the nodes of a template; raise TemplateError when it makes no sense."""
    return parse(tokens(template))


def render(nodes, values):
    """Return the text that the nodes make with the values, a dict. What is not there counts as None."""
    return "".join(_piece(node, values) for node in nodes)


def _piece(node, values):
    if isinstance(node, Text):
        return node.text
    if isinstance(node, If):
        for test, turned, body in node.branches:
            if test is None or bool(_valued(test, values)) != turned:
                return render(body, values)
        return ""
    if isinstance(node, For):
        items = list(_valued(node.items, values) or [])
        if not items:
            return render(node.empty, values)
        loops = [
            {"index": place, "first": place == 1, "last": place == len(items)} for place in range(1, len(items) + 1)
        ]
        return "".join(
            render(node.body, {**values, "loop": loop, node.name: item})
            for loop, item in zip(loops, items, strict=True)
        )
    return shown(_valued(node, values))


def _valued(value, values):
    found = values
    for name in value.path:
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            found = None
    for name, arguments in value.filters:
        given = [_valued(one, values) if isinstance(one, Value) else one for one in arguments]
        found = FILTERS[name](found, *given)
    return found
EOF
python3 -I - <<'EOF'
from pathlib import Path


def replace(path, old, new):
    text = Path(path).read_text()
    assert text.count(old) == 1, (path, old)
    Path(path).write_text(text.replace(old, new))


replace(
    "lexer.py",
    r'''TAG = re.compile(r"{{.*?}}|{%.*?%}", re.DOTALL)
''',
    r'''QUOTED = r'"(?:[^"\\]|\\.)*"'
TAG = re.compile(rf'{{{{(?:{QUOTED}|(?!}}}})[^"])*}}}}|{{%(?:{QUOTED}|(?!%}})[^"])*%}}', re.DOTALL)
''',
)
EOF
