"""The small part of YAML in which the law is written: maps, lists, text, integers, `true` and `false`.

Everything that makes a document mean something else than it says to a reader is refused: doubled keys, anchors and
aliases, tags, merge keys, other spellings of numbers and booleans, hidden characters, several documents in one.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from agent.errors import PolicyDenied
from agent.gate.hidden import hidden_characters

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20


class _Loader(yaml.SafeLoader):
    """The safe loader with less in it."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # the library's own form

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse what refers to elsewhere in the document, and what nests without end."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it bare
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise ConstructorError(None, None, "anchors and aliases are not used here", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise ConstructorError(None, None, "tags are not used here", event.start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ConstructorError(None, None, "it is nested too deep", event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice, of which YAML readers silently keep one."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key, (key_node, _) in zip(keys, node.value, strict=True):
            if not isinstance(key, str):
                raise ConstructorError(None, None, "a key is not text", key_node.start_mark)
            if keys.count(key) > 1:
                raise ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^-?(?:0|[1-9][0-9_]{0,18})$"), list("-0123456789"))


def load_yaml(content: bytes, origin: str) -> Any:
    """Read one document. `origin` is the file's name, for the sentence. Raises `PolicyDenied`."""
    if len(content) > MAX_BYTES:
        raise PolicyDenied(f"{origin} is too large", why=f"more than {MAX_BYTES} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyDenied(f"{origin} is not UTF-8", why=f"at byte {error.start}") from error
    if hidden := hidden_characters(text):
        raise PolicyDenied(f"{origin} holds a hidden character", why=hidden[0])
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{origin}, line {mark.line + 1}" if mark else origin
        raise PolicyDenied(f"{place} cannot be read", why=getattr(error, "problem", None) or "not YAML") from error
    except (RecursionError, ValueError) as error:
        raise PolicyDenied(f"{origin} cannot be read", why="it is nested too deep or not YAML") from error
    finally:
        loader.dispose()
