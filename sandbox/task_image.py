"""Images of tasks: built or found, written anew with our own inside beside theirs, and kept by the digest of it all.

    tasks/KEY/image.json    in the cache: digest and variables of what was made from sources of that key
    tasks/KEY/files         what lies in its work folder

What containers are made of is one layer and a configuration of ours. No entry point, variable, volume, trigger, user,
check of health or label of the task's image is in it; of its variables those that are no danger to our own interpreter
come back as plain data. What a Dockerfile runs while it is built is held by the engine alone, and not by our wall.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.cache import made_once
from sandbox.contract import MIB, Progress, TaskImage, Wanted
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable, ImageRefused, SandboxBroken, TransferRefused
from sandbox.inside import USERS, Inside
from sandbox.surroundings import FIRST, HANDED, PATH, TOOLS
from sandbox.task_room import ENTRY, furnish
from sandbox.task_tree import rewrite
from sandbox.transfer import stage

LABEL, NAME = "successor.task", "successor-task"
BUILT_LABEL, BUILT_NAME = "successor.built", "successor-built"
FOLDER = "tasks"
MOST_BYTES = 8 * 1024 * MIB
_BUILD = {"memory": 2048 * MIB, "memswap": 2048 * MIB}
_FROM = re.compile(r"(?im)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)")
_FETCHES = re.compile(r"(?im)^[ \t]*(?:ONBUILD[ \t]+)?ADD[ \t](?:[^\n]*\\\r?\n)*[^\n]*(?://|git@|\$)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DROPPED = frozenset({"HOME", "LD_PRELOAD", "LD_AUDIT", "PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE"})
_HANDED = ("LD_", "PYTHON", "GLIBC_")


@dataclass(frozen=True, slots=True)
class TaskImages:
    """The images of tasks on one engine, with `inside` in them."""

    engine: Engine
    cache: Path
    inside: Inside
    in_image: bytes
    """What our interpreter does first in them."""
    labels: Callable[[], Mapping[str, str]]
    """What to write on a container that nothing runs in."""

    def ready(self, wanted: Wanted, progress: Progress) -> TaskImage:
        """Make an image ready, or find it. Raises `ImageRefused`, or `SandboxBroken` when the engine failed."""
        source = "" if wanted.context else self._there(wanted.name, progress)
        key = self._key(wanted, source)
        folder = self.cache / FOLDER / key
        for _ in range(2):
            made_once(folder, lambda partial: self._make(wanted, source, key, partial, progress))
            found = _read(folder)
            if self.found(found.digest) is not None:
                return found
            shutil.rmtree(folder, ignore_errors=True)  # the engine has lost it
        raise SandboxBroken("the engine does not keep an image that was made", mend="See the engine's log")

    def found(self, digest: str) -> str | None:
        """Return the ID of the image with that digest, None where the engine has none."""
        name = named(NAME, digest)
        for image in self.engine.images(f"{LABEL}={digest}"):
            if name in ((self.engine.image(image) or {}).get("RepoTags") or ()):
                return image
        return None

    def _there(self, name: str, progress: Progress) -> str:
        """Return the ID of the image of that name."""
        found = self.engine.image(name)
        if found is not None:
            return str(found["Id"])
        progress(f"pulling {name}")
        try:
            return self.engine.pull(name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest")
        except SandboxBroken as error:
            raise ImageRefused(
                f"the image {name[:120]!a} cannot be had: {error.what}", mend="Bring it to the engine first"
            ) from error

    def _key(self, wanted: Wanted, source: str) -> str:
        """Name everything that the result is made of."""
        content = {
            path: [hashlib.sha256(content).hexdigest(), mode] for path, (content, mode) in wanted.context.items()
        }
        bases = [str((self.engine.image(name) or {}).get("Id")) for name in _FROM.findall(_dockerfile(wanted))]
        recipe = [
            source, content, bases, wanted.workdir, wanted.network, self.inside.digest,
            *(hashlib.sha256(text).hexdigest() for text in (self.in_image, *_OWN_PROGRAM)),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:32]

    def _make(self, wanted: Wanted, source: str, key: str, partial: Path, progress: Progress) -> None:
        image = source or self._built(wanted, key, progress)
        known = (self.engine.image(image) or {}).get("Config") or {}
        progress("making the image ready to be worked in")
        with tempfile.TemporaryDirectory(prefix=".image-", dir=self.cache) as folder:
            exported, written = Path(folder, "exported.tar"), Path(folder, "image.tar")
            self._export(image, exported)
            digest, files = self._rewritten(exported, written, wanted.workdir or str(known.get("WorkingDir") or "/"))
            exported.unlink()
            env = _env(list(known.get("Env") or ()))
            digest = _digest(digest, env, self.inside.digest, hashlib.sha256(self.in_image).hexdigest())
            if self.found(digest) is None:
                self._import(written, digest)
        try:
            stage(files, partial / "files")
        except TransferRefused as error:
            raise ImageRefused(f"a file in its work folder is not possible: {error.what}") from error
        (partial / "image.json").write_text(json.dumps({"digest": digest, "env": env}))

    def _built(self, wanted: Wanted, key: str, progress: Progress) -> str:
        """Build from the context; return the name of the image."""
        if not wanted.network and _FETCHES.search(_dockerfile(wanted)):
            raise ImageRefused("its Dockerfile adds what an engine would fetch", mend="Copy files from beside it")
        progress("building the image of a task")
        name = named(BUILT_NAME, key)
        # The last word on labels is ours, so that no image passes for one of ours.
        labels = {LABEL: "", "successor.inside": "", "successor.base": "", BUILT_LABEL: key}
        given: dict[str, Any] = {"tag": name, "labels": labels, "container_limits": _BUILD, "dockerfile": "Dockerfile"}
        if not wanted.network:
            given["network_mode"] = "none"
        self.engine.build(_context(wanted), given, wanted.seconds)
        return name

    def _export(self, image: str, archive: Path) -> None:
        """Write the file system of an image to a tar. Nothing of it is run."""
        container = self.engine.create(
            {
                "Image": image,
                "Entrypoint": ["/never"],
                "Cmd": [],
                "Labels": dict(self.labels()),
                "NetworkDisabled": True,
                "HostConfig": {"NetworkMode": "none"},
            }
        )
        try:
            self.engine.export(container, archive, MOST_BYTES)
        finally:
            self.engine.remove(container)

    def _rewritten(self, exported: Path, written: Path, workdir: str) -> tuple[str, dict[str, tuple[bytes, bool]]]:
        """Write the image anew; return a digest over what was taken, and what lies in the work folder."""
        given = {"encoding": "utf-8", "errors": "surrogateescape", "format": tarfile.GNU_FORMAT}
        try:
            with (
                tarfile.open(exported, "r:", encoding="utf-8", errors="surrogateescape") as source,
                tarfile.open(written, "w:", **given) as target,  # type: ignore[call-overload]  # by keyword
            ):
                made = rewrite(source, target, workdir)
                furnish(target, self.inside, self.in_image)
        except (tarfile.TarError, OSError) as error:
            raise SandboxBroken(f"an image could not be written anew: {error}", mend="Free some disk") from error
        return made.whole.hexdigest(), made.files

    def _import(self, archive: Path, digest: str) -> None:
        changes = [
            f"LABEL {LABEL}={digest}",
            f"USER {USERS['solver']}:{USERS['solver']}",
            f"ENV PATH={PATH}",
            f"ENTRYPOINT {json.dumps(ENTRY)}",
        ]
        name, _, tag = named(NAME, digest).partition(":")
        self.engine.import_image(archive, name, tag, changes)


def named(name: str, digest: str) -> str:
    """Return the name and tag of an image of ours."""
    return f"{name}:{digest.removeprefix('sha256:')[:16]}"


_OWN_PROGRAM = tuple(
    Path(__file__).with_name(name).read_bytes() for name in ("elf.py", "task_image.py", "task_room.py", "task_tree.py")
)


def _read(folder: Path) -> TaskImage:
    try:
        saved = json.loads((folder / "image.json").read_text())
        root = folder / "files"
        files = {
            path.relative_to(root).as_posix(): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }
        return TaskImage(str(saved["digest"]), dict(saved["env"]), files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackendUnavailable(f"the cache is damaged: {error}", mend=f"Remove {folder} and try again") from error


def _dockerfile(wanted: Wanted) -> str:
    return wanted.context.get("Dockerfile", (b"", False))[0].decode("utf-8", "replace")


def _context(wanted: Wanted) -> io.BytesIO:
    """The folder as a tar that depends on its content only, so that an engine remembers what it made of it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, (content, executable) in sorted(wanted.context.items()):
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o755 if executable else 0o644
            archive.addfile(member, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def _env(given: list[str]) -> dict[str, str]:
    """Return the variables of an image, for a command there: those that our interpreter must not see, packed."""
    env: dict[str, str] = {}
    handed: dict[str, str] = {}
    for line in given:
        name, _, value = line.partition("=")
        if not _VARIABLE.fullmatch(name) or name in _DROPPED or name.startswith(("SUCCESSOR_", "SCAFFOLD_")):
            continue
        (handed if name.startswith(_HANDED) else env)[name] = value
    env["PATH"] = f"{env.get('PATH') or PATH}:{TOOLS}"
    return {**env, HANDED: json.dumps(handed, sort_keys=True)} if handed else env


def _digest(*parts: object) -> str:
    return f"sha256:{hashlib.sha256(json.dumps([FIRST, *parts], sort_keys=True).encode()).hexdigest()}"
