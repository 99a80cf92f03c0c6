"""Images: the base that an inside is collected from, and the inside as an image of one layer.

The base is an argument. A reference by digest names one image for ever; a tag is resolved once and the image it named
is recorded in the cache. Without an argument: the default image where a registry can be reached, else a base made here
by `image/make_base.sh`, else this machine's own Python.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.cache import locked
from sandbox.contract import Progress
from sandbox.docker_engine import LONG_SECONDS, Engine
from sandbox.errors import BackendUnavailable, SandboxBroken
from sandbox.inside import USERS, Inside

DEFAULT_BASE = "python:3.12-slim"
THIS_MACHINE = "host"
"""As a base: collect this machine's own Python instead of an image's."""

_MADE_HERE = "successor.base=debootstrap"
_INSIDE = "successor.inside"
INSIDE_NAME, BASE_NAME = "successor-inside", "successor-base"
_SCRIPT = Path(__file__).parent / "image" / "make_base.sh"


@dataclass(frozen=True, slots=True)
class Images:
    """The images of one engine, with what is known about bases recorded in `cache`."""

    engine: Engine
    cache: Path

    def base(self, reference: str | None, progress: Progress) -> str:
        """Return the ID of the base image that `reference` names, or `THIS_MACHINE`. Raises `BackendUnavailable`."""
        if reference == THIS_MACHINE:
            return THIS_MACHINE
        name = hashlib.sha256((reference or "").encode()).hexdigest()[:32]
        record = self.cache / "bases" / f"{name}.json"
        with locked(record.with_suffix(".lock")):
            if record.is_file():
                return str(json.loads(record.read_text())["image"])
            image = self._fetched(reference, progress) if reference else self._any_base(progress)
            partial = record.with_suffix(".partial")
            partial.write_text(json.dumps({"reference": reference, "image": image}))
            partial.rename(record)
            return image

    def forget_base(self, reference: str | None) -> None:
        """Drop the record of a base, because the engine no longer has the image."""
        name = hashlib.sha256((reference or "").encode()).hexdigest()[:32]
        (self.cache / "bases" / f"{name}.json").unlink(missing_ok=True)

    def of(self, inside: Inside, progress: Progress) -> str:
        """Return the ID of the image that holds `inside`, importing it when the engine has none."""
        label = f"{_INSIDE}={inside.digest}"
        with locked(self.cache / "images" / ".lock"):
            tag = inside.digest.removeprefix("sha256:")[:16]
            for image in self._named(label, f"{INSIDE_NAME}:{tag}"):
                return image
            progress("importing the image")
            changes = [
                f"LABEL {label}",
                f"USER {USERS['solver']}:{USERS['solver']}",
                "ENV PATH=/usr/local/bin:/usr/bin:/bin",
            ]
            return self._imported(lambda tar: _pack(inside.root, tar), INSIDE_NAME, tag, changes)

    def _named(self, label: str, name: str) -> Iterator[str]:
        """Images with this label that bear this name: a label alone may come from anybody's Dockerfile."""
        for image in self.engine.images(label):
            if name in ((self.engine.image(image) or {}).get("RepoTags") or ()):
                yield image

    def _any_base(self, progress: Progress) -> str:
        for image in self._named(_MADE_HERE, f"{BASE_NAME}:debootstrap"):
            return image
        try:
            return self._fetched(DEFAULT_BASE, progress)
        except BackendUnavailable as unreachable:
            if os.geteuid() != 0 or shutil.which("debootstrap") is None:
                progress("no registry and no debootstrap as root: collecting this machine's own Python")
                return THIS_MACHINE
            progress(f"{unreachable.what}; making a base with debootstrap")
            return self._imported(_debootstrap, BASE_NAME, "debootstrap", [f"LABEL {_MADE_HERE}"])

    def _fetched(self, reference: str, progress: Progress) -> str:
        found = self.engine.image(reference)
        if found is not None:
            return str(found["Id"])
        progress(f"pulling {reference}")
        try:
            return self.engine.pull(reference)
        except SandboxBroken as error:
            raise BackendUnavailable(
                f"the base {reference} cannot be had ({error.what})",
                mend=f"Name one that can, or `{THIS_MACHINE}` for this machine's own Python",
            ) from error

    def _imported(self, fill: Callable[[Path], None], name: str, tag: str, changes: list[str]) -> str:
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".image-", dir=self.cache) as folder:
            archive = Path(folder, "image.tar")
            fill(archive)
            return self.engine.import_image(archive, name, tag, changes)


def _debootstrap(archive: Path) -> None:
    mend = "Give a base image that the engine can pull, or install debootstrap and run as root"
    try:
        done = subprocess.run(  # noqa: S603  # our own script with our own path
            ["/bin/sh", str(_SCRIPT), str(archive)], capture_output=True, text=True, check=False, timeout=LONG_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise BackendUnavailable(f"debootstrap did not finish in {LONG_SECONDS} s", mend=mend) from error
    if done.returncode != 0:
        last = done.stderr.strip().split("\n")[-1][:300]
        raise BackendUnavailable(f"no base could be made with debootstrap: {last}", mend=mend)


def _pack(root: Path, archive: Path) -> None:
    """Write `root` as a tar that depends on its content only."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = 0
        return member

    with tarfile.open(archive, "w") as tar:
        for path in sorted(root.rglob("*")):
            tar.add(path, path.relative_to(root).as_posix(), recursive=False, filter=plain)
