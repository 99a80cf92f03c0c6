"""The inside of a sandbox as a folder in the cache: made once for an interpreter, the same for every backend.

    inside/KEY/root        everything a sandbox sees, but for what is mounted per trial
    inside/KEY/original    the unstripped standard library of that interpreter (never mounted)
    inside/KEY/inside.json what it is, and the digest of root

`image/collect.py` does the collecting, under the interpreter that will serve inside; this module asks it, installs the
dependency layer and the few files of /etc, and names the result by its content.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import shutil
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox import system_calls
from sandbox.cache import folder_digest, made_once
from sandbox.contract import CANDIDATE_ROOT, DEPENDENCIES, GUEST, MIB, WORK, Progress, Role, Runtime
from sandbox.errors import BackendUnavailable, SandboxError
from sandbox.image.layer import LOCK, Target, install, selected
from sandbox.transfer import Caps, extract, stage

KEEPER_ID = 10_000
"""User of a container's first process, so that no candidate can signal it."""
USERS: Mapping[Role, int] = {"solver": 10_001, "grader": 10_002}
"""User and group of every command inside, by what it is there for."""

PROGRAM = "/build"
"""Where a container that collects finds `collect.py`."""

Run = Callable[[tuple[str, ...], bytes], bytes]
"""Run `collect.py` with these arguments and this standard input under the base's interpreter; return its output."""

_ETC = {
    "etc/passwd": f"keeper:x:{KEEPER_ID}:{KEEPER_ID}::/:/bin/false\n"
    + "".join(f"{role}:x:{number}:{number}::{WORK}:/bin/sh\n" for role, number in USERS.items()),
    "etc/group": f"keeper:x:{KEEPER_ID}:\n" + "".join(f"{role}:x:{number}:\n" for role, number in USERS.items()),
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
_FOLDERS = {
    **dict.fromkeys(("etc", "proc", "sys", "dev", "run", CANDIDATE_ROOT[1:], GUEST[1:], DEPENDENCIES[1:]), 0o755),
    # The engine gives its in-memory folders the modes that it finds in the image.
    WORK[1:]: 0o755,
    "tmp": 0o1777,
}
LINKS = {"app": f"{WORK[1:]}/task", "logs": f"{WORK[1:]}/logs"}
"""Where tasks of other people's making look for their files, and lead their logs."""
_COLLECTED = Caps(members=20_000, total=512 * MIB, depth=40)
_LAYER = Caps(members=20_000, total=256 * MIB, depth=40)


@dataclass(frozen=True, slots=True)
class Facts:
    """What `collect.py facts` says of an interpreter: paths as seen inside, `links` at the root of the file system."""

    version: str
    machine: str
    libc: tuple[str, str]
    python: str
    stdlib: str
    frozen: tuple[str, ...]
    links: Mapping[str, str]
    stamp: str

    @classmethod
    def parse(cls, output: bytes) -> Facts:
        """Read the facts; raise `BackendUnavailable` when this interpreter cannot serve."""
        try:
            said = json.loads(output)
            if said["missing"]:
                raise BackendUnavailable(
                    f"the base lacks {', '.join(said['missing'])}", mend="Install coreutils and util-linux in it"
                )
            facts = cls(
                version=said["version"],
                machine=said["machine"],
                libc=(said["libc"][0], said["libc"][1]),
                python=said["python"],
                stdlib=said["stdlib"],
                frozen=tuple(said["frozen"]),
                links=dict(said["links"]),
                stamp=said["stamp"],
            )
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise BackendUnavailable("the base's Python does not describe itself", mend="Use another base") from error
        facts.check()
        return facts

    def check(self) -> None:
        """Refuse what we have no dependencies for."""
        if self.version.split(".")[:2] not in (["3", "11"], ["3", "12"], ["3", "13"]):
            raise BackendUnavailable(f"the base has Python {self.version}", mend="Use a base with Python 3.11 to 3.13")
        if self.libc[0] != "glibc":
            raise BackendUnavailable("the base's C library is not glibc", mend="Use a base made from Debian or Ubuntu")


@dataclass(frozen=True, slots=True)
class Inside:
    """A prepared inside. `digest` names the content of `root`, bytecode caches apart."""

    folder: Path
    digest: str
    version: str
    python: str
    stdlib: str
    frozen: tuple[str, ...]

    @property
    def root(self) -> Path:
        """The folder that becomes the sandbox's file system."""
        return self.folder / "root"

    def runtime(self, backend: str, guest: Path) -> Runtime:
        """Describe this inside, as `backend` serves it with `guest` and the system call filter, to the world.

        Raises `BackendUnavailable` when there is no filter for this machine.
        """
        parts = json.dumps([backend, self.digest, guest.name, system_calls.digest(platform.machine())]).encode()
        return Runtime(
            digest=f"sha256:{hashlib.sha256(parts).hexdigest()}",
            python_version=self.version,
            stdlib=self.folder / "original",
            stripped_stdlib=self.root / self.stdlib[1:],
            frozen=self.frozen,
        )


def make_inside(cache: Path, source: str, run: Run, progress: Progress) -> Inside:
    """Return the inside made from the base that `source` names and `run` reaches. Raises `BackendUnavailable`."""
    return _load(made_once(inside_folder(cache, source), lambda partial: _make(partial, cache, run, progress)))


def find_inside(cache: Path, source: str) -> Inside | None:
    """Return the inside of `source` if it was made before."""
    folder = inside_folder(cache, source)
    return _load(folder) if folder.is_dir() else None


def inside_folder(cache: Path, source: str) -> Path:
    """Return where this version of successor keeps the inside of `source`."""
    recipe = [source, _program_digest(), LOCK.read_text(), _ETC, _FOLDERS, LINKS]
    return cache / "inside" / hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:32]


def _load(folder: Path) -> Inside:
    try:
        saved = json.loads((folder / "inside.json").read_text())
        return Inside(folder=folder, **{**saved, "frozen": tuple(saved["frozen"])})
    except (OSError, ValueError, TypeError) as error:
        raise BackendUnavailable(f"the cache is damaged: {error}", mend=f"Remove {folder} and try again") from error


def program_folder(cache: Path) -> Path:
    """Return a folder that holds `collect.py` as a package of its own, to be run under another interpreter."""
    digest = _program_digest()
    return made_once(cache / "programs" / digest, lambda partial: stage(_program(), partial / "lib")) / "lib"


def guest_folder(cache: Path) -> Path:
    """Return the staged copy of `sandbox/guest/`, readable by the sandbox's user; its name is its digest."""
    here = Path(__file__).with_name("guest")
    files = {path.relative_to(here).as_posix(): (path.read_bytes(), False) for path in sorted(here.rglob("*.py"))}
    digest = _digest(files)
    made_once(cache / "guests" / f"{digest}-made", lambda partial: stage(files, partial / digest))
    return cache / "guests" / f"{digest}-made" / digest


def _make(partial: Path, cache: Path, run: Run, progress: Progress) -> None:
    try:
        progress("collecting the interpreter and its stripped standard library")
        extract(io.BytesIO(run(("inside",), b"")), partial / "collected", _COLLECTED)
        (partial / "collected" / "root").rename(partial / "root")
        (partial / "collected" / "original").rename(partial / "original")
        facts = Facts.parse((partial / "collected" / "facts.json").read_bytes())
        shutil.rmtree(partial / "collected")
        _furnish(partial / "root", facts)
        layer = _layer(cache, facts, run, progress)
        shutil.copytree(layer, partial / "root" / DEPENDENCIES[1:], dirs_exist_ok=True)
    except (OSError, SandboxError) as error:
        if isinstance(error, BackendUnavailable):
            raise
        raise BackendUnavailable(
            f"the inside could not be made: {error}", mend="Mend the cause and try again"
        ) from error
    progress("naming the inside by its content")
    saved = Inside(partial, _root_digest(partial / "root"), facts.version, facts.python, facts.stdlib, facts.frozen)
    described = {name: value for name, value in asdict(saved).items() if name != "folder"}
    (partial / "inside.json").write_text(json.dumps(described))


def _furnish(root: Path, facts: Facts) -> None:
    """Add what is not collected: links at the top, names for the interpreter, /etc, and empty folders to mount on."""
    for name, target in {**facts.links, **LINKS}.items():
        (root / name).symlink_to(target)
    for name in ("python", "python3"):
        link = root / "usr" / "bin" / name
        if not link.exists():
            link.symlink_to(facts.python)
    for name in _FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())):
        folder.chmod(_FOLDERS.get(folder.relative_to(root).as_posix(), 0o755))
    for name, text in _ETC.items():
        (root / name).write_text(text)
        (root / name).chmod(0o644)


def _layer(cache: Path, facts: Facts, run: Run, progress: Progress) -> Path:
    """Return the dependency layer with its bytecode, made once for this lock and this kind of interpreter."""
    lock = LOCK.read_text()
    target = Target(facts.version, facts.machine, int(facts.libc[1].split(".")[1]))
    key = hashlib.sha256(json.dumps([selected(lock, target.version), asdict(target)]).encode()).hexdigest()[:32]

    def make(partial: Path) -> None:
        progress("installing the locked dependencies by hash")
        site = partial / "site"
        install(lock, target, site)
        sources = _archive({path.relative_to(site).as_posix(): path for path in site.rglob("*.py")})
        extract(io.BytesIO(run(("compile", DEPENDENCIES), sources)), partial / "bytecode", _LAYER)
        shutil.copytree(partial / "bytecode", site, dirs_exist_ok=True)
        shutil.rmtree(partial / "bytecode")
        for path in site.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)

    return made_once(cache / "layers" / key, make) / "site"


def _archive(files: Mapping[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w|") as archive:
        for name, path in sorted(files.items()):
            archive.add(path, name, recursive=False)
    return buffer.getvalue()


def _root_digest(root: Path) -> str:
    # Bytecode follows from source and interpreter, both covered; its marshalled form may differ between two makings.
    return folder_digest(root, leave_out=lambda path: path.suffix == ".pyc")


def _program() -> dict[str, tuple[bytes, bool]]:
    here = Path(__file__).with_name("image")
    inside = {f"sandbox/image/{name}": (here / name).read_bytes() for name in ("collect.py", "strip.py", "tools.txt")}
    packages = dict.fromkeys(("sandbox/__init__.py", "sandbox/image/__init__.py"), b"")
    return {path: (content, False) for path, content in (packages | inside).items()}


def _program_digest() -> str:
    return _digest(_program())


def _digest(files: Mapping[str, tuple[bytes, bool]]) -> str:
    whole = hashlib.sha256()
    for path, (content, _) in sorted(files.items()):
        whole.update(f"{path} {hashlib.sha256(content).hexdigest()}\n".encode())
    return whole.hexdigest()
