"""Collect the inside of a sandbox from the machine or container this program runs in.

Runs under the very interpreter that will serve inside (`python -m sandbox.image.collect MODE`); standard library only.
The inside is a closed world: the interpreter, its extension modules, the programs of `tools.txt`, the shared libraries
these need, and the stripped standard library. Nothing else of the base comes along.

    facts                 a JSON object about the interpreter, on standard output
    inside                a tar: facts.json, root/ (what the sandbox sees), original/ (the unstripped standard library)
    compile PREFIX        a tar of sources on standard input; a tar of their bytecode, as installed at PREFIX, comes out
"""

from __future__ import annotations

import _imp
import hashlib
import importlib.util
import io
import json
import marshal
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sandbox.image.strip import strip

# Left out of the standard library: tests, bundled installers, documentation as data, and what needs a display.
EXCLUDED = frozenset({
    "__pycache__", "site-packages", "dist-packages", "test", "tests", "idle_test", "idlelib", "turtledemo", "tkinter",
    "ensurepip", "pydoc_data", "lib2to3", "lib-dynload", "sitecustomize.py", "usercustomize.py",
})  # fmt: skip
# Loaded by name at run time (thread cancellation) or linked by manylinux wheels, so no program here may list them.
LIBRARIES = (
    "libc.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0",
    "libutil.so.1",
)  # fmt: skip
_LIBRARY_LINE = re.compile(r"(/\S+) \(0x")


def facts() -> dict[str, Any]:
    """Describe the interpreter; `stamp` changes when any file that would be collected changes."""
    stdlib = sysconfig.get_path("stdlib")
    tools, missing = _tools()
    watched = [_interpreter(), *tools.values(), *_extensions(), Path(stdlib), *_modules(Path(stdlib)).values()]
    return {
        "version": platform.python_version(),
        "machine": platform.machine(),
        "libc": list(platform.libc_ver()),
        "python": str(_interpreter()),
        "stdlib": stdlib,
        "frozen": sorted(_imp._frozen_module_names()),  # type: ignore[attr-defined]  # the only list there is
        "missing": missing,
        "stamp": hashlib.sha256(repr([_stamp(path) for path in watched]).encode()).hexdigest(),
        "links": {
            name: str(Path("/", name).readlink())
            for name in ("bin", "sbin", "lib", "lib64")
            if Path("/", name).is_symlink()
        },
    }


def collect(archive: tarfile.TarFile) -> None:
    """Write the inside to `archive`, in an order that depends on names only."""
    known = facts()
    _add(archive, "facts.json", json.dumps(known).encode())
    for target, source in sorted(_binaries().items()):
        _add(archive, f"root{target}", source.read_bytes(), executable=os.access(source, os.X_OK))
    stdlib = Path(known["stdlib"])
    for name, source in sorted(_modules(stdlib).items()):
        original = source.read_bytes()
        _add(archive, f"original/{name}", original)
        stripped = strip(original)
        _add(archive, f"root{stdlib}/{name}", stripped)
        _add(archive, f"root{stdlib}/{_cached(name)}", bytecode(stripped, f"{stdlib}/{name}"))


def compile_all(sources: tarfile.TarFile, archive: tarfile.TarFile, prefix: str) -> None:
    """Write the bytecode of every Python file in `sources` to `archive`; files that do not compile are left out."""
    for member in sources:
        file = sources.extractfile(member)
        if file is None or not member.name.endswith(".py"):
            continue
        try:
            content = bytecode(file.read(), f"{prefix}/{member.name}")
        except (SyntaxError, ValueError):
            continue  # data for a newer Python or a code generator's template: never imported by this one
        _add(archive, _cached(member.name), content)


def bytecode(source: bytes, filename: str) -> bytes:
    """Return the content of a `.pyc` that is never checked against its source (PEP 552, unchecked hash)."""
    code = compile(source, filename, "exec", dont_inherit=True)
    return b"".join((
        importlib.util.MAGIC_NUMBER,
        (0b01).to_bytes(4, "little"),
        importlib.util.source_hash(source),
        marshal.dumps(code),
    ))  # fmt: skip


def _cached(name: str) -> str:
    return importlib.util.cache_from_source(name)


def _interpreter() -> Path:
    return Path(sys.executable).resolve()


def _extensions() -> list[Path]:
    return sorted(Path(sysconfig.get_path("platstdlib"), "lib-dynload").glob("*.so"))


def _modules(stdlib: Path) -> dict[str, Path]:
    """Return the standard library's Python files by relative name; links that lead out of it are not followed."""
    found = {}
    for folder, folders, files in os.walk(stdlib):
        folders[:] = sorted(set(folders) - EXCLUDED)
        for file in files:
            path = Path(folder, file)
            if file.endswith(".py") and file not in EXCLUDED and path.resolve().is_relative_to(stdlib.resolve()):
                found[path.relative_to(stdlib).as_posix()] = path
    return found


def _tools() -> tuple[dict[str, Path], list[str]]:
    """Return where each program is, and which indispensable ones are missing."""
    found, missing = {}, []
    for line in Path(__file__).with_name("tools.txt").read_text().split("\n"):
        name = line.strip().removeprefix("!")
        if not name or name.startswith("#"):
            continue
        places = [path for path in (Path("/usr/bin", name), Path("/bin", name)) if path.exists()]
        if places:
            found[name] = places[0]
        elif line.startswith("!"):
            missing.append(name)
    return found, missing


def _binaries() -> dict[str, Path]:
    """Return every binary of the inside: where it lies there, and where its bytes are here."""
    tools, _ = _tools()
    programs = [_interpreter(), *tools.values(), *_extensions()]
    needed = {Path(path) for path in _linked(programs)}
    home = next(path.parent for path in needed if path.name.startswith(("libc.so", "libc.musl", "ld-musl")))
    needed |= {home / name for name in LIBRARIES if (home / name).exists()}
    found = {str(_settled(path)): path for path in (*programs, *needed)}
    # A library in an unusual folder is found through the base's own cache of names, which does not come along.
    found |= {str(_settled(home / path.name)): path for path in needed}
    return found


def _linked(programs: Iterable[Path]) -> Iterator[str]:
    """Yield the shared libraries that the programs are linked with, as the loader finds them here."""
    # `ldd` exits 1 when one of many files is static; its complaint about that file is no fault.
    listing = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    for match in _LIBRARY_LINE.finditer(listing.stdout):
        yield match.group(1)


def _settled(path: Path) -> Path:
    """Resolve links of the folder, not of the file: a library keeps the name it is asked for by."""
    return path.parent.resolve() / path.name


def _stamp(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns


def _add(archive: tarfile.TarFile, name: str, content: bytes, *, executable: bool = False) -> None:
    member = tarfile.TarInfo(name.removeprefix("/"))
    member.size = len(content)
    member.mode = 0o755 if executable else 0o644
    archive.addfile(member, io.BytesIO(content))


def main(arguments: list[str]) -> None:
    """Do what `arguments` ask for, on standard input and output."""
    if arguments == ["facts"]:
        sys.stdout.write(json.dumps(facts()))
        return
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        if arguments[0] == "compile":
            with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as sources:
                compile_all(sources, archive, arguments[1])
        else:
            collect(archive)


if __name__ == "__main__":
    main(sys.argv[1:])
