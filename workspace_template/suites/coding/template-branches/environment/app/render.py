"""Rendering: `prepare(template)` once, then `render(nodes, values)` as often as it is needed."""

from filters import FILTERS, shown
from lexer import tokens
from parser import For, If, Text, parse


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
        return render(node.body, values) if _valued(node.test, values) else ""
    if isinstance(node, For):
        items = _valued(node.items, values) or []
        return "".join(render(node.body, {**values, node.name: item}) for item in items)
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
    for name in value.filters:
        found = FILTERS[name](found)
    return found
