"""A new trust root: signed by as many people of the root before as that root demands, and by nobody else.

The statement's subject is the tree that holds `root.json` and nothing else. A root names the digest and the version of
the one before it, so that neither an older root nor one that was made beside it can be put in its place; it counts from
the entry after the one that records it, and signatures given before stay what they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from agent.candidate import Digest, Record
from agent.edits.tree import File, Tree
from agent.errors import SignatureRefused
from agent.gate.signature import Signer
from agent.gate.statement import StatementKind, Subject, open_parsed, parse_envelope, sign
from agent.gate.trust import Name, TrustRoot, parse_root

ROOT_FILE = "root.json"
MAX_SIGNATURES = 64


class RootChange(Record):
    """What each person signs. `workspace` is the fingerprint of the first trust root, `root` that of the new one."""

    workspace: Digest
    previous: Digest
    root: Digest
    version: Annotated[int, Field(ge=2)]
    by: Name


def sign_change(root: TrustRoot, workspace: str, by: str, signer: Signer) -> bytes:
    """Return one person's signed envelope for the new `root`. Raises `SignatureRefused`."""
    return sign(StatementKind.TRUST, _subject(root), _change(root, workspace, by), signer)


def change_files(root: TrustRoot, envelopes: Sequence[bytes]) -> Tree:
    """Return what is recorded: the new root and the signatures for it."""
    signed = {f"signature-{number}.dsse.json": File(one) for number, one in enumerate(envelopes, start=1)}
    return Tree({ROOT_FILE: File(root.content), **signed})


def read_change(files: Mapping[str, bytes], before: TrustRoot, workspace: str) -> tuple[TrustRoot, tuple[str, ...]]:
    """Return the new root that was recorded, and who signed for it. Raises `SignatureRefused` unless enough did."""
    names = [f"signature-{number}.dsse.json" for number in range(1, len(files))]
    if ROOT_FILE not in files or set(files) != {ROOT_FILE, *names} or len(names) > MAX_SIGNATURES:
        raise SignatureRefused("the new trust root is not complete", why="a file is missing or unexpected")
    root = parse_root(files[ROOT_FILE])
    check_follows(root, before)
    people = tuple(_signer(files[name], root, before, workspace) for name in names)
    if len(set(people)) != len(people):
        raise SignatureRefused("a person signed twice for the new trust root", why="people are counted, not keys")
    if len(people) < before.thresholds.root:
        raise SignatureRefused(
            f"the new trust root needs {before.thresholds.root} signatures of people of the one before it",
            why=f"{len(people)} given",
        )
    return root, people


def check_follows(root: TrustRoot, before: TrustRoot) -> None:
    """Raise `SignatureRefused` unless `root` is the next version after `before`."""
    if (root.version, root.previous) != (before.version + 1, before.fingerprint):
        raise SignatureRefused(
            "the new trust root does not follow the one in force",
            why=f"it is version {root.version} after {root.previous}; in force is version {before.version}",
        )


def _signer(envelope: bytes, root: TrustRoot, before: TrustRoot, workspace: str) -> str:
    parsed = parse_envelope(envelope)
    owner = before.owner(parsed.signature.key)
    if owner is None:
        raise SignatureRefused("the new trust root is signed with an unknown key", why="not of the root before it")
    person, entry = owner
    _, subject, change = open_parsed(StatementKind.TRUST, parsed, RootChange, pin=entry.pin)
    if (subject, change) != (_subject(root), _change(root, workspace, person.name)):
        raise SignatureRefused(f"what {person.name} signed is not this trust root")
    return person.name


def _subject(root: TrustRoot) -> Subject:
    tree = Tree({ROOT_FILE: File(root.content)})
    return Subject(tree.git_id, tree.digest)


def _change(root: TrustRoot, workspace: str, by: str) -> RootChange:
    return RootChange(
        workspace=workspace, previous=root.previous or "", root=root.fingerprint, version=root.version, by=by
    )
