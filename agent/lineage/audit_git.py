"""A clone as the auditor sees it: objects by content, refs as they are, and nothing else of git.

Objects are read without git (`agent.lineage.pack_reader`) and hashed again, so an object is what its ID says or it
cannot be read. No configuration, hook, attribute, replacement, graft or alternate is honoured: those that would make
git itself show another history than the one audited are reported by `distortions`.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from dulwich.refs import DiskRefsContainer

from agent.errors import AuditFailed, Misuse
from agent.lineage.audit_disguise import disguises
from agent.lineage.audit_graph import check_graph
from agent.lineage.objects import MAX_FILE_BYTES, Kind
from agent.lineage.pack_reader import PackReader

_NUMBERS: Final[dict[Kind, int]] = {"commit": 1, "tree": 2, "blob": 3}
_WORDS: Final[dict[bytes, int]] = {b"commit": 1, b"tree": 2, b"blob": 3}
_sha1 = partial(hashlib.sha1, usedforsecurity=False)
_LOOSE_BYTES = 4 * MAX_FILE_BYTES
_REMOTES = "refs/remotes/"
_HEADS = "refs/heads/"
LOCAL = "local"


@dataclass(frozen=True)
class Branch:
    """A branch as one place has it: `place` is `local` or the name of a remote."""

    name: str
    place: str
    commit: str

    def __str__(self) -> str:
        return printable(self.name if self.place == LOCAL else f"{self.place}/{self.name}")


def printable(name: str) -> str:
    """Return a ref's name for a person's terminal: whatever is not plain ASCII is escaped."""
    return "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in name)


class Clone:
    """A git folder opened for reading. `close` it after use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packs: list[PackReader] | None = None
        self._refs = DiskRefsContainer(folder)
        self._loose = frozenset(f"{path.parent.name}{path.name}" for path in (folder / "objects").glob("??/*"))

    @classmethod
    def open(cls, path: Path) -> Clone:
        """Open a work tree's `.git` folder or a bare repository. Raises `Misuse` when `path` is neither."""
        if (path / ".git").is_file():
            raise Misuse(f"{path} is a linked work tree", mend="Audit a clone of its repository")
        for folder in (path / ".git", path):
            if (folder / "objects").is_dir() and (folder / "HEAD").is_file():
                return cls(folder)
        raise Misuse(f"{path} is not a git repository", mend="Name a clone, a bare clone or a workspace")

    @property
    def folder(self) -> Path:
        """The git folder."""
        return self._folder

    def close(self) -> None:
        """Close the packs that are open."""
        for pack in self._packs or ():
            pack.close()

    def distortions(self) -> Iterator[tuple[str, str]]:
        """Yield (slug, reason) for each thing here that makes git show another history than the objects hold."""
        for relative, slug, reason in (
            ("shallow", "shallow", "the clone is shallow: history is cut off"),
            ("info/grafts", "graft", "grafts give commits other parents than they have"),
            ("objects/info/alternates", "alternates", "objects are borrowed from another repository"),
            ("objects/info/http-alternates", "alternates", "objects are borrowed from another repository"),
            ("commondir", "worktree", "this is the folder of a linked work tree"),
        ):
            if (self._folder / relative).exists():
                yield slug, f"{reason} ({relative})"
        if any((self._folder / "objects" / "pack").glob("*.promisor")):
            yield "partial", "the clone is partial: objects are missing on purpose"
        if (self._folder / "reftable").exists():
            yield "reftable", "its refs are in reftable form, which this auditor does not read"
        yield from (("pack-index", f"the index of a pack cannot be trusted: {reason}") for reason in self._faults())
        names = self._names()
        for name in names:
            if name.startswith("refs/replace/"):
                yield "replace-ref", f"{printable(name)} makes git show another object in the place of this one"
        yield from ((slug, printable(reason)) for slug, reason in disguises(self._folder, frozenset(names)))
        try:
            check_graph(self._folder, self.read)
        except AuditFailed as error:
            yield (
                "commit-graph",
                f"git's cache of commits cannot be trusted, delete objects/info/commit-graph*: {error}",
            )

    def read(self, name: str, kind: Kind) -> bytes:
        """Return the body of an object whose content has that ID. Raises `AuditFailed`."""
        found: bytes | None = None
        number = _NUMBERS[kind]
        try:
            raw = bytes.fromhex(name)
            for its, body in self._copies(name, raw):
                if its != number or _sha1(b"%s %d\0%s" % (kind.encode(), len(body), body)).digest() != raw:
                    raise AuditFailed(f"{kind} {name} cannot be read", why="its content does not have that name")
                found = body
        except AuditFailed:
            raise
        except Exception as error:  # damage shows itself in many ways: zlib, index, assertion and key errors all occur
            why = f"missing or damaged ({type(error).__name__})"
            raise AuditFailed(f"{kind} {name} cannot be read", why=why) from error
        if found is None:
            raise AuditFailed(f"{kind} {name} cannot be read", why="missing or damaged (KeyError)")
        return found

    def _copies(self, name: str, raw: bytes) -> list[tuple[int, bytes]]:
        """Return type and body of an object from every place that holds one of that name: git may read any of them."""
        found = [copy for pack in self._opened() if (copy := pack.get(raw)) is not None]
        if name in self._loose:
            path = self._folder / "objects" / name[:2] / name[2:]
            inflater = zlib.decompressobj()
            content = inflater.decompress(path.read_bytes(), _LOOSE_BYTES)
            header, _, body = content.partition(b"\0")
            word, size = header.split(b" ")
            if inflater.unconsumed_tail or int(size) != len(body):
                raise AuditFailed(f"object {name} cannot be read", why="it is larger than it says, or too large")
            found.append((_WORDS[word], body))
        return found

    def _opened(self) -> list[PackReader]:
        """Every pack that git would look into: an index by any name, with a pack beside it."""
        if self._packs is None:
            found = sorted((self._folder / "objects" / "pack").glob("*.idx"))
            self._packs = [PackReader(path, _LOOSE_BYTES) for path in found if path.with_suffix(".pack").exists()]
        return self._packs

    def _faults(self) -> Iterator[str]:
        try:
            yield from (f"{printable(pack.name)}: {fault}" for pack in self._opened() if (fault := pack.fault()))
        except (OSError, ValueError, IndexError) as error:
            yield f"it cannot be read ({printable(str(error)[:200])})"

    def branches(self) -> tuple[Branch, ...]:
        """Return all local and remote-tracking branches, in the order of their names."""
        found = []
        for name in self._names():
            if name.startswith(_HEADS):
                found.append(Branch(name.removeprefix(_HEADS), LOCAL, self._commit(name)))
            elif name.startswith(_REMOTES):
                place, _, branch = name.removeprefix(_REMOTES).partition("/")
                if branch == "HEAD":
                    # What the remote's name alone means to git. It may name a branch that was not fetched.
                    found += [Branch(branch, place, commit) for commit in self._existing(name)]
                elif branch:
                    found.append(Branch(branch, place, self._commit(name)))
        return tuple(found)

    def others(self) -> tuple[str, ...]:
        """Return the names of all refs that are no branches: tags, notes and the like."""
        return tuple(
            printable(n) for n in self._names() if n.startswith("refs/") and not n.startswith((_HEADS, _REMOTES))
        )

    def head(self) -> str | None:
        """Return the commit that is checked out, or `None` when HEAD names a branch that does not exist here."""
        return next(iter(self._existing("HEAD")), None)

    def _existing(self, name: str) -> tuple[str, ...]:
        """Return the commit of a ref that may lead nowhere."""
        try:
            return (self._commit(name),)
        except AuditFailed:
            return ()

    def _names(self) -> list[str]:
        try:
            return sorted(name.decode("utf-8", "backslashreplace") for name in self._refs.allkeys())
        except Exception as error:
            raise AuditFailed("the refs cannot be read", why=f"damaged ({type(error).__name__})") from error

    def _commit(self, name: str) -> str:
        try:
            return self._refs[name.encode()].decode("ascii")  # type: ignore[index]  # a Ref is a byte string
        except Exception as error:
            raise AuditFailed(
                f"{printable(name)} cannot be read", why=f"missing or damaged ({type(error).__name__})"
            ) from error
