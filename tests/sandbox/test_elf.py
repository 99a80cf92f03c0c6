"""Programs tied to a loader and libraries of their own run where nothing of theirs is in its usual place."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.elf import interpreter, tied
from sandbox.errors import BackendUnavailable

PROGRAM = Path("/bin/cat")


@pytest.fixture
def program():
    content = PROGRAM.read_bytes() if PROGRAM.exists() else b""
    if interpreter(content) is None:
        pytest.skip("no dynamic ELF program of 64 bits here")
    return content


def test_a_program_takes_the_loader_and_the_libraries_it_is_tied_to(program, tmp_path):
    loader, libraries = Path("/tmp/sld"), tmp_path / "libraries"  # short, as a loader's path must be
    listing = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
    library = next(line.split()[2] for line in listing.splitlines() if "libc.so" in line)
    libraries.mkdir()
    shutil.copy(library, libraries)
    made = tmp_path / "cat"
    made.write_bytes(tied(program, str(loader), [str(libraries), "/nowhere"]))
    made.chmod(0o755)
    loader.unlink(missing_ok=True)
    loader.symlink_to(interpreter(program))
    try:
        maps = subprocess.run([made, "/proc/self/maps"], capture_output=True, text=True, check=True, env={}).stdout
    finally:
        loader.unlink()

    assert str(libraries) in maps
    assert interpreter(made.read_bytes()) == str(loader)
    with pytest.raises(FileNotFoundError):  # without its loader it is none
        subprocess.run([made], check=False)


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(60), b"text"])
def test_what_is_no_such_program_stays_as_it_is(content):
    assert tied(content, "/l", ["/x"]) == content
    assert interpreter(content) is None


def test_a_library_stays_as_it_is():
    library = next(Path(sys.prefix).rglob("*.so"), None)
    if library is None:
        pytest.skip("no library here")

    assert tied(library.read_bytes(), "/l", ["/x"]) == library.read_bytes()


def test_a_program_without_room_is_refused(program):
    with pytest.raises(BackendUnavailable, match="no room for a path"):
        tied(program, "/" + "long" * 20, ["/x"])
    with pytest.raises(BackendUnavailable, match="no room for the names"):
        tied(program, "/l", ["/x" * 5000])


def test_a_damaged_program_is_refused(program):
    with pytest.raises(BackendUnavailable, match="damaged"):
        tied(program[:70], "/l", ["/x"])
