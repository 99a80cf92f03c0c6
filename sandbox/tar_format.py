"""The plain core of POSIX tar: what one header block, and one extended header, say. Anything cleverer is refused.

Format: POSIX.1-2001 `pax`, section "ustar Interchange Format". Nothing here reads a stream or touches a disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.errors import TransferRefused

BLOCK = 512
_HARMLESS_PAX = frozenset({"path", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname"})


@dataclass(frozen=True, slots=True)
class Member:
    """What a header says of one member. `kind` is the type flag of the format, one byte."""

    name: str
    kind: bytes
    size: int
    executable: bool


def parse_header(block: bytes) -> Member:
    """Read one header block of 512 bytes. Raises `TransferRefused`."""
    checksum = sum(block[:148]) + 8 * 0x20 + sum(block[156:])
    if checksum != _octal(block[148:156]):
        raise TransferRefused("a header of the archive is damaged")
    name, prefix = _field(block[:100]), b""
    if block[257:263] == b"ustar\0":
        prefix = _field(block[345:500])
    full = prefix + b"/" + name if prefix else name
    return Member(_text(full), block[156:157], _octal(block[124:136]), bool(_octal(block[100:108]) & 0o100))


def _field(raw: bytes) -> bytes:
    """Return a name up to its NUL; what hides behind one is refused."""
    name, _, rest = raw.partition(b"\0")
    if rest.strip(b"\0"):
        raise TransferRefused("a name in the archive goes on after its end")
    return name


def _octal(field: bytes) -> int:
    """Read a number. The base-256 form is refused: it is how a size becomes negative or absurd."""
    digits = field.strip(b" \0")
    if not digits or any(digit not in b"01234567" for digit in digits):
        raise TransferRefused("a number in the archive is not octal")
    return int(digits, 8)


def parse_pax(records: bytes) -> str | None:
    """Return the `path` of one extended header; refuse records that change what a member is."""
    found: dict[bytes, bytes] = {}
    while records:
        length, _, rest = records.partition(b" ")
        if not length.isdigit() or len(length) > 5 or not len(length) + 2 < int(length) <= len(records):
            raise TransferRefused("an extended header is damaged")
        record, records = rest[: int(length) - len(length) - 1], records[int(length) :]
        key, separator, value = record.partition(b"=")
        if not separator or not record.endswith(b"\n") or _text(key) not in _HARMLESS_PAX:
            raise TransferRefused(f"an extended header changes {shown(_text(key))}")
        if key in found:
            raise TransferRefused(f"an extended header gives {shown(_text(key))} twice")
        found[key] = value[:-1]
    return _text(found[b"path"]) if b"path" in found else None


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TransferRefused("a name in the archive is not UTF-8") from error


def shown(name: str) -> str:
    """Return the start of a hostile name as plain text for a person."""
    return ascii(name[:60])
