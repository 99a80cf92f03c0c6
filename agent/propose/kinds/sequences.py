"""Mutations of written-out tuples, lists and sets: an element left out, two neighbours swapped, one more element.

Example: `STEPS = (lower, split)` becomes `(split,)`, `(split, lower)` or `(lower, split, stem)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import libcst as cst

from agent.propose.kinds.site import Site
from agent.propose.kinds.values import plain
from agent.propose.mutations import Kind, Mutation

Span = tuple[int, int]


def sequences(site: Site) -> Iterator[Mutation]:
    """Yield the changes to one display of at least two elements that holds no comment and no `*`."""
    spot, node = site.spot, site.spot.node
    if spot.role != "display" or not isinstance(node, cst.Tuple | cst.List | cst.Set) or "#" in spot.text:
        return
    elements = [e for e in node.elements if isinstance(e, cst.Element)]
    if len(elements) < 2 or len(elements) != len(node.elements) or _results(node):
        return
    spans = [site.source.spans[e] for e in elements]
    for index in range(len(spans)):
        yield site.becomes(Kind.SEQUENCE, _without(site, spans, index))
    for left, right in pairwise(spans) if not isinstance(node, cst.Set) else ():
        yield site.becomes(Kind.SEQUENCE, _swapped(site, left, right))
    end = spans[-1][1]
    for text in _additions(site, elements):
        yield site.becomes(Kind.SEQUENCE, f"{_code(site, spot.start, end)}, {text}{_code(site, end, spot.end)}")


def _without(site: Site, spans: Sequence[Span], index: int) -> str:
    """Cut one element together with the comma between it and its neighbour; a tuple of one keeps a comma."""
    last = index == len(spans) - 1
    start, end = (spans[index - 1][1], spans[index][1]) if last else (spans[index][0], spans[index + 1][0])
    text = _code(site, site.spot.start, start) + _code(site, end, site.spot.end)
    lonely = isinstance(site.spot.node, cst.Tuple) and len(spans) == 2
    return f"{text.rstrip().rstrip(',')}," if lonely else text


def _swapped(site: Site, left: Span, right: Span) -> str:
    head, tail = _code(site, site.spot.start, left[0]), _code(site, right[1], site.spot.end)
    return head + _code(site, *right) + _code(site, left[1], right[0]) + _code(site, *left) + tail


def _additions(site: Site, elements: Sequence[cst.Element]) -> Iterator[str]:
    """Yield further elements: functions of the shape of those that are there, or options that the type allows."""
    names, shapes = site.mind.names(site.source), site.mind.shapes
    present = [site.source.text(e.value) for e in elements]
    model = shapes.get(names.get(present[0], ("", "")))
    if model is not None and all(names.get(text) in shapes for text in present):
        for name, key in names.items():
            shape = shapes.get(key)
            if name not in present and shape and isinstance(shape.node, cst.FunctionDef) and shape.same_shape(model):
                yield name
    slot = next((s.slot for s in site.source.spots if s.node is elements[0].value and s.slot), None)
    for option in site.mind.options(slot.annotation) if slot else ():
        if plain(option) not in map(plain, present):
            yield option


def _code(site: Site, start: int, end: int) -> str:
    return site.source.content[start:end].decode()


def _results(node: cst.BaseExpression) -> bool:
    """Whether a tuple has no brackets of its own: it is several results at once, and somebody counts on how many."""
    return isinstance(node, cst.Tuple) and not node.lpar
