"""A clone as the auditor sees it: objects by content, refs as they are, and nothing else of git.

Objects are read with dulwich's object store alone and hashed again, so an object is what its ID says or it cannot be
read. No configuration, hook, attribute, replacement, graft or alternate is honoured: those that would make git itself
show another history than the one audited are reported by `distortions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dulwich.object_store import DiskObjectStore
from dulwich.refs import DiskRefsContainer

from agent.errors import AuditFailed, Misuse
from agent.lineage.objects import MAX_FILE_BYTES, Kind, object_id

_KINDS: Final[dict[int, Kind]] = {1: "commit", 2: "tree", 3: "blob"}
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
        self._objects = DiskObjectStore(folder / "objects", loose_object_size_limit=4 * MAX_FILE_BYTES)
        self._refs = DiskRefsContainer(folder)

    @classmethod
    def open(cls, path: Path) -> Clone:
        """Open a work tree's `.git` folder or a bare repository. Raises `Misuse` when `path` is neither."""
        if (path / ".git").is_file():
            raise Misuse(f"{path} is a linked work tree", mend="Audit a clone of its repository")
        for folder in (path / ".git", path):
            if (folder / "objects").is_dir() and (folder / "HEAD").is_file():
                return cls(folder)
        raise Misuse(f"{path} is not a git repository", mend="Name a clone, a bare clone or a workspace")

    def close(self) -> None:
        """Close the packs that are open."""
        self._objects.close()

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
        for name in self._names():
            if name.startswith("refs/replace/"):
                yield "replace-ref", f"{printable(name)} makes git show another object in the place of this one"

    def read(self, name: str, kind: Kind) -> bytes:
        """Return the body of an object whose content has that ID. Raises `AuditFailed`."""
        try:
            number, body = self._objects.get_raw(name.encode())  # type: ignore[arg-type]  # an ObjectID is hex bytes
        except Exception as error:  # dulwich has no one error for damage: zlib, struct, assertion, key errors all occur
            why = f"missing or damaged ({type(error).__name__})"
            raise AuditFailed(f"{kind} {name} cannot be read", why=why) from error
        if _KINDS.get(number) != kind or object_id(kind, body) != name:
            raise AuditFailed(f"{kind} {name} cannot be read", why="its content does not have that name")
        return body

    def branches(self) -> tuple[Branch, ...]:
        """Return all local and remote-tracking branches, in the order of their names."""
        found = []
        for name in self._names():
            if name.startswith(_HEADS):
                found.append(Branch(name.removeprefix(_HEADS), LOCAL, self._commit(name)))
            elif name.startswith(_REMOTES):
                place, _, branch = name.removeprefix(_REMOTES).partition("/")
                if branch and branch != "HEAD":
                    found.append(Branch(branch, place, self._commit(name)))
        return tuple(found)

    def others(self) -> tuple[str, ...]:
        """Return the names of all refs that are no branches: tags, notes and the like."""
        return tuple(
            printable(n) for n in self._names() if n.startswith("refs/") and not n.startswith((_HEADS, _REMOTES))
        )

    def head(self) -> str | None:
        """Return the commit that is checked out, or `None` when HEAD names a branch that does not exist here."""
        try:
            return self._commit("HEAD")
        except AuditFailed:
            return None

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
