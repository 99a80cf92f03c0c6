r"""The bundle of an entry as the one file that git stores: its files one after the other, statements without base64.

    successor.bundle/v2
    100644 facts.json 5303
    {"code":...                                     so many bytes of the file, then a newline
    100644 review-1.dsse.json 1402 signed
    {"_type":"https://in-toto.io/Statement/v1",...  the payload: exactly the bytes that are signed
    U1NIU0lHAAAAAQAAADMA...                         the SSH signature, one line of base64

Ten files would be ten objects with ten random names in a tree; a payload in base64 shares nothing with its neighbours
that git's delta compression or zlib could see. In one file a digest that stands in eight documents is paid for once.
What a reader gets is the files that were written, envelopes included: an envelope follows from its payload and its
signature, and everything else has only one form here (`packed(unpacked(content)) == content`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.edits.tree import File, Tree, check_path
from agent.errors import AuditFailed
from agent.gate.statement import seal_text, split_envelope

BUNDLE_FILE = "bundle"
MAX_FILES = 100

_FIRST = b"successor.bundle/v2\n"
_HEAD = re.compile(rb"(100644|100755) ([A-Za-z0-9][A-Za-z0-9._-]{0,99}) (0|[1-9][0-9]{0,8})( signed)?\n")
_LONGEST_LINE = 8192


def packed(bundle: Tree) -> bytes:
    """Return the one form in which a bundle is stored. Raises `AuditFailed` when it holds a name that has no place."""
    return _FIRST + b"".join(_part(name, file) for name, file in bundle.items())


def unpacked(content: bytes) -> Tree:
    """Return the files of a stored bundle, in order. Raises `AuditFailed` when it is not in its one form."""
    if not content.startswith(_FIRST):
        raise AuditFailed("the bundle is not in a form that is read here", why="it does not begin with its version")
    files: dict[str, File] = {}
    last = ""
    for name, file in _parts(content):
        if name <= last or len(files) >= MAX_FILES:
            raise AuditFailed("the bundle is malformed", why="its files are too many or out of order")
        files[check_path(name)] = file
        last = name
    return Tree.flat(files)


def _part(name: str, file: File) -> bytes:
    if _HEAD.fullmatch(f"{file.mode} {name} 0\n".encode()) is None:
        raise AuditFailed("the bundle cannot be stored", why=f"{name[:80]!a} cannot be the name of a file in it")
    signed = split_envelope(file.content)
    if signed is None:
        return b"%s %s %d\n%s\n" % (file.mode.encode(), name.encode(), len(file.content), file.content)
    payload, signature = signed
    head = b"%s %s %d signed\n" % (file.mode.encode(), name.encode(), len(payload))
    return b"%s%s\n%s\n" % (head, payload, signature)


def _parts(content: bytes) -> Iterator[tuple[str, File]]:
    at = len(_FIRST)
    while at < len(content):
        head = _HEAD.match(content, at)
        if head is None:
            raise AuditFailed("the bundle is malformed", why="a file in it does not begin as files do")
        start, end = head.end(), head.end() + int(head[3])
        body, at = content[start:end], end + 1
        if content[end:at] != b"\n":
            raise AuditFailed("the bundle is malformed", why="a file in it does not end where it says")
        if head[4]:
            end = content.find(b"\n", at, at + _LONGEST_LINE)
            body, at = seal_text(body, content[at:end] if end > 0 else b""), end + 1
        elif split_envelope(body) is not None:
            raise AuditFailed("the bundle is malformed", why="a signed statement in it is not stored as one")
        yield head[2].decode(), File(body, executable=head[1] == b"100755")
