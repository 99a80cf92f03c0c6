"""Stored records: canonical JSON read into a strict model, or refused by name."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from agent.digest import is_canonical
from agent.errors import SignatureRefused

MAX_RECORD_BYTES = 64 * 1024

AnyRecord = TypeVar("AnyRecord", bound=BaseModel)


def parse_record(
    content: bytes,
    model: type[AnyRecord],
    what: str,
    *,
    max_bytes: int = MAX_RECORD_BYTES,
    canonical: bool = False,
) -> AnyRecord:
    """Read canonical JSON under a size cap into a strict model. Raises `SignatureRefused`.

    `canonical` says that the caller has found these bytes to be canonical already.

    Canonical form is demanded because two readers of the same bytes may disagree about a doubled key, and because one
    document must not have many digests.
    """
    if len(content) > max_bytes:
        raise SignatureRefused(f"{what} is too large", why=f"more than {max_bytes} bytes")
    try:
        if not canonical and not is_canonical(content):
            raise SignatureRefused(f"{what} is not canonical JSON")
        read = model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise SignatureRefused(f"{what} is malformed", why=f"{place[:80]!a}: {first['msg'][:120]}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise SignatureRefused(f"{what} is malformed", why="it is not JSON of the expected kind") from error
    # A form that is not named would be filled in, and the document would have two byte forms and two digests.
    if not names_its_form(read):
        raise SignatureRefused(f"{what} does not say of which form it is")
    return read


def names_its_form(read: BaseModel) -> bool:
    """Whether what was read says of which form it is, where its model has forms."""
    return "schema_" not in type(read).model_fields or "schema_" in read.model_fields_set
