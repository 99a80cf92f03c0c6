"""Images for tests, made here: a tiny one of a few programs, what is built upon it, and the removal of all."""

import io
import json
import os
import shutil
import tarfile
from contextlib import contextmanager
from pathlib import Path

from sandbox.contract import MIB, Command, Limits, Wanted
from sandbox.docker_engine import Engine
from sandbox.task_image import BUILT_NAME, FOLDER, NAME, named

RUN = str(os.getpid())
"""In every image of this process, so that none is another's who tests at the same time."""
TINY = f"successor-test-tiny:{RUN}"
LIMITS = Limits(memory=512 * MIB, tmp=16 * MIB, work=64 * MIB, processes=64, output=4 * MIB)
PROGRAMS = ("sh", "cat", "cp", "echo", "env", "grep", "id", "ln", "ls", "mkdir", "mv", "rm", "chmod", "touch", "tee")


def tiny(engine, runtime, folder):
    """Import an image of a few programs of the inside, without any Python; return its name."""
    root = runtime.stdlib.parent / "root"
    archive = folder / "tiny.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("etc", "tmp", "var", "root", "srv"):
            _add(tar, name, None)
        _add(tar, "etc/run", RUN.encode())
        for link in ("bin", "lib", "lib64"):
            tar.add(root / link, link)
        tar.add(root / "usr" / "lib64", "usr/lib64")
        for name in PROGRAMS:
            tar.add(root / "usr" / "bin" / name, f"usr/bin/{name}")
        for path in sorted((root / "usr" / "lib").rglob("*.so*")):
            if "python" not in path.as_posix():
                tar.add(path, path.relative_to(root).as_posix())
    engine.import_image(archive, *TINY.split(":"), ["ENV PATH=/usr/bin:/bin"])
    return TINY


def _add(tar, name, content):
    member = tarfile.TarInfo(name)
    member.type, member.mode = (tarfile.DIRTYPE, 0o755) if content is None else (tarfile.REGTYPE, 0o644)
    member.size = len(content or b"")
    tar.addfile(member, io.BytesIO(content or b""))


def wanted(dockerfile, files=(), **given):
    """An image from this Dockerfile and the files beside it."""
    context = {
        "Dockerfile": (dockerfile.encode(), False),
        **{path: (text, False) for path, text in dict(files).items()},
    }
    return Wanted(context, **given)


def run(starter, *argv, role="solver", limits=LIMITS, mounts=(), seconds=20, **given):
    """Run one command in a fresh sandbox of a starter."""
    with starter.start(mounts, limits, role) as sandbox:
        return sandbox.run(Command(argv, seconds, **given))


@contextmanager
def removed_afterwards(backend, cache: Path):
    """Remove the images that the backend makes ready meanwhile."""
    made, ready = set(), backend.image

    def image(*given):
        found = ready(*given)
        made.add(found.digest)
        return found

    backend.image = image
    try:
        yield
    finally:
        engine = Engine()
        for path in (cache / FOLDER).glob("[0-9a-f]*"):
            record = path / "image.json"  # not there yet while another test makes the image
            if record.is_file() and (digest := json.loads(record.read_text())["digest"]) in made:
                for name in (named(NAME, digest), named(BUILT_NAME, path.name)):
                    engine.remove_image(name)
                shutil.rmtree(path)
                path.with_name(f".lock-{path.name}").unlink(missing_ok=True)
        engine.remove_image(TINY)
