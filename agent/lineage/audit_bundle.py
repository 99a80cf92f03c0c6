"""A clone in one file: a git bundle, unpacked beside nothing into a folder that is gone afterwards.

Format: gitformat-bundle(5), versions 2 and 3 with SHA-1 names. The pack is indexed by dulwich; git is not run, and no
file of the bundle's choosing is written: its refs become one list, after a check of their names.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dulwich.object_format import SHA1
from dulwich.pack import PackData

from agent.errors import Misuse, Refused
from agent.lineage.audit_git import Clone

MAX_REFS = 1_000_000
_COPY_BYTES = 1024 * 1024
_REF = re.compile(rb"[0-9a-f]{40} (HEAD|refs/[!-\x7e\x80-\xff]{1,500})")
_SIGNATURES = (b"# v2 git bundle\n", b"# v3 git bundle\n")


@contextmanager
def opened(path: Path) -> Iterator[Clone]:
    """Open a clone, or a bundle file as if it were one. Raises `Misuse`; `Refused` for a broken bundle."""
    if not path.is_file():
        clone = Clone.open(path)
        try:
            yield clone
        finally:
            clone.close()
        return
    with tempfile.TemporaryDirectory(prefix="successor-audit-") as folder:
        unpack(path, Path(folder))
        clone = Clone.open(Path(folder))
        try:
            yield clone
        finally:
            clone.close()


def unpack(bundle: Path, folder: Path) -> None:
    """Make of a bundle file the bare git folder `folder`, which is there and empty. Raises `Misuse`, `Refused`."""
    packs = folder / "objects" / "pack"
    packs.mkdir(parents=True)
    with bundle.open("rb") as file:
        refs = _header(file, bundle)
        with (packs / "pack-1.pack").open("wb") as pack:
            while content := file.read(_COPY_BYTES):
                pack.write(content)
    try:
        with PackData(str(packs / "pack-1.pack"), SHA1) as data:
            data.check()
            data.create_index(str(packs / "pack-1.idx"), version=2)
    except Exception as error:  # dulwich has no one error for damage
        raise Refused(f"{bundle} cannot be unpacked", why=f"its pack is damaged ({type(error).__name__})") from error
    head = refs.pop(b"HEAD", None)
    listed = b"".join(refs[name] + b" " + name + b"\n" for name in sorted(refs))
    (folder / "packed-refs").write_bytes(b"# pack-refs with: sorted\n" + listed)
    (folder / "HEAD").write_bytes(head + b"\n" if head else b"ref: refs/heads/main\n")


def _header(file: BinaryIO, bundle: Path) -> dict[bytes, bytes]:
    """Read refs by name, up to where the pack begins."""
    if file.readline(64) not in _SIGNATURES:
        raise Misuse(f"{bundle} is neither a git repository nor a git bundle", mend="Name a clone or a bundle file")
    refs: dict[bytes, bytes] = {}
    while (line := file.readline(1024)) != b"\n":
        if line.startswith(b"-"):
            raise Refused("the bundle is not whole", why="it needs objects that are elsewhere")
        if line == b"@object-format=sha1\n":
            continue
        text = line.removesuffix(b"\n")
        name = text.partition(b" ")[2]
        if not line.endswith(b"\n") or _REF.fullmatch(text) is None or name in refs or len(refs) >= MAX_REFS:
            raise Refused("the bundle is malformed", why="its list of refs is broken, or asks for what is not known")
        refs[name] = text[:40]
    return refs
