"""Mutations of values: numbers, switches, and the alternatives that a declared type or a registry allows.

Example of each: `k1: float = 1.5` becomes `3.0`; `cache=True` becomes `False`; the default `"whole"` of a parameter
of type `Literal["whole", "parts"]` becomes `"parts"`; the entry `f` of `{"a": f, "b": g}` becomes `g`; `TABLE["a"]`
becomes `TABLE["b"]`.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from agent.propose.kinds.site import Site
from agent.propose.mutations import Kind, Mutation
from agent.propose.spots import Slot

_FACTORS = (0.25, 0.5, 0.8, 1.25, 2.0, 4.0)


def number_alternatives(text: str, *, whole: bool) -> tuple[str, ...]:
    """Return other numbers near one, by scale and by step, never of the other sign; `whole` keeps integers whole."""
    if text.isdigit():
        value = int(text)
        found = [value + 1, value - 1, value * 2, value // 2, value * 4, value // 4]
        broken = [] if whole else [_decimal(value * factor) for factor in _FACTORS if value * factor % 1]
        return _others(text, [str(n) for n in found if n >= 0] + broken)
    try:
        size = float(text)
    except ValueError:
        return ()  # hexadecimal, complex: not a quantity to tune
    scaled = [size * factor for factor in _FACTORS] if size else [0.1, 0.5, 1.0]
    steps = [size + 0.1, size - 0.1, 0.0, 1.0] if 0 < size <= 1 else [0.0, size + 1.0]
    return _others(text, [_decimal(n) for n in scaled + steps if n >= 0])


def numbers(site: Site) -> Iterator[Mutation]:
    """Yield other numbers: `DEFAULT` where the number has a name, `NUMBER` elsewhere."""
    slot = site.spot.slot
    if site.spot.role == "number":
        whole = not (_named(slot) and slot and slot.annotation and site.source.text(slot.annotation) == "float")
        for text in number_alternatives(site.spot.text, whole=whole):
            yield site.becomes(Kind.DEFAULT if _named(slot) else Kind.NUMBER, text)


def bools(site: Site) -> Iterator[Mutation]:
    """Yield the opposite of `True` and `False`; an endless loop's condition is left alone."""
    if site.spot.role == "bool":
        opposite = "False" if site.spot.text == "True" else "True"
        yield site.becomes(Kind.DEFAULT if _named(site.spot.slot) else Kind.BOOL, opposite)


def alternatives(site: Site) -> Iterator[Mutation]:
    """Yield the other values that the type of the place allows: `Literal` options, members of an enumeration."""
    options = _declared_options(site)
    match site.spot.node:
        case cst.Attribute(value=cst.Name(value=name), attr=cst.Name(value=member)) if site.spot.role == "name":
            members = site.mind.members.get(name, ())
            options = tuple(f"{name}.{other}" for other in members) if member in members else ()
    for option in _rest(site.spot.text, options):
        yield site.becomes(Kind.ALTERNATIVE, option)


def entries(site: Site) -> Iterator[Mutation]:
    """Yield the values of a registry's other entries in place of one entry's value."""
    slot, spot = site.spot.slot, site.spot
    if slot is not None and slot.what == "entry" and spot.role in ("name", "call"):
        table = site.mind.registries.get((site.source.path, spot.definition), {})
        for text in dict.fromkeys(table.values()) if spot.text in table.values() else ():
            if text != spot.text:
                yield site.becomes(Kind.REGISTRY, text)


def keys(site: Site) -> Iterator[Mutation]:
    """Yield the other keys of a registry where one of them stands, unless the type of the place says what may stand."""
    if site.spot.role != "string" or _declared_options(site):
        return
    for (path, name), table in site.mind.registries.items():
        nameable = site.mind.names(site.source).get(name) == (path, name) and site.spot.definition != name
        for key in _rest(site.spot.text, tuple(table)) if nameable else ():
            yield site.becomes(Kind.STRING, key)


def _rest(text: str, options: tuple[str, ...]) -> Iterator[str]:
    """Yield the options other than `text`, if it is one of them however it is quoted."""
    if plain(text) in map(plain, options):
        yield from (option for option in options if plain(option) != plain(text))


def plain(text: str) -> str:
    """Return a literal with the other sort of quotes taken for the same."""
    return text.replace('"', "'")


def _declared_options(site: Site) -> tuple[str, ...]:
    """Return what the type of a value's place allows; for an argument, the type of the function's parameter."""
    slot = site.spot.slot
    if slot is None or site.spot.role not in ("string", "number", "bool"):
        return ()
    if slot.what != "argument" or slot.owner is None:
        return site.mind.options(slot.annotation)
    shape = site.mind.callee(site.source, slot.owner, site.spot.definition)
    named = {p.name: p.annotation for p in shape.parameters} if shape else {}
    position = int(slot.name) if slot.name.isdigit() else -1
    name = list(named)[position] if 0 <= position < len(named) else slot.name
    return site.mind.options(named.get(name))


def _named(slot: Slot | None) -> bool:
    return slot is not None and slot.what in ("default", "constant")


def _decimal(value: float) -> str:
    return repr(float(f"{value:.3g}"))


def _others(text: str, found: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(other for other in found if float(other) != float(text)))
