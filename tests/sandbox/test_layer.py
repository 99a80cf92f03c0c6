"""The dependency layer: hashes required, and the lock read for the runtime's Python, not ours."""

import re
import sys
from pathlib import Path

import pytest

from sandbox.errors import BackendUnavailable
from sandbox.image.layer import LOCK, Target, install, pip_command, selected

TARGET = Target(version="3.12.4", machine="x86_64", glibc=36)
HASH = "--hash=sha256:" + "a" * 64


def names(lock: str, version: str) -> list[str]:
    return [line.split("==")[0] for line in selected(lock, version).splitlines() if "==" in line]


def test_markers_are_read_for_the_runtimes_python():
    lock = (
        f"colorama==0.4.6 ; sys_platform == 'win32' \\\n    {HASH}\n"
        f"pyyaml==6.0.3 ; python_full_version != '3.13.*' \\\n    {HASH} \\\n    {HASH}\n"
        f"pyyaml-ft==8.0.0 ; python_full_version == '3.13.*' and sys_platform == 'linux' \\\n    {HASH}\n"
        f"pytest==9.2.0 \\\n    {HASH}\n"
        f"new==1 ; python_full_version >= '3.12' \\\n    {HASH}\n"
        f"old==1 ; python_full_version < '3.12.10' \\\n    {HASH}\n"
    )
    assert names(lock, "3.12.4") == ["pyyaml", "pytest", "new", "old"]
    assert names(lock, "3.13.1") == ["pyyaml-ft", "pytest", "new"]
    assert names(lock, "3.11.12") == ["pyyaml", "pytest", "old"]
    assert selected(lock, "3.12.4").count(HASH) == 5
    assert ";" not in selected(lock, "3.12.4")


@pytest.mark.parametrize(
    "marker", ["python_version < '3.12'", "implementation_name == 'pypy'", "sys_platform == 'linux' or x"]
)
def test_a_marker_we_cannot_read_is_refused_not_guessed(marker):
    with pytest.raises(BackendUnavailable, match="marker"):
        selected(f"a==1 ; {marker} \\\n    {HASH}\n", "3.12.4")


def test_a_requirement_without_hash_is_refused():
    with pytest.raises(BackendUnavailable, match="no hash for b==2"):
        selected(f"a==1 \\\n    {HASH}\nb==2\n", "3.12.4")


@pytest.mark.parametrize("version", ["3.11.2", "3.12.4", "3.13.1"])
def test_the_shipped_lock_gives_every_supported_python_what_it_was_asked_for(version):
    wanted = [line.split(">")[0] for line in LOCK.with_suffix(".in").read_text().splitlines() if re.match(r"\w", line)]
    assert set(wanted) == {"pytest", "libcst", "anthropic"}
    assert set(wanted) <= set(names(LOCK.read_text(), version))
    assert not {"colorama", "httpx2-jsfetch"} & set(names(LOCK.read_text(), version))


def test_pip_is_called_so_that_nothing_unlocked_can_come_along():
    line = pip_command(TARGET, Path("/w"), Path("/d"))
    assert line[:4] == [sys.executable, "-m", "pip", "install"]
    for flag in ("--require-hashes", "--no-deps", "--no-compile"):
        assert flag in line
    assert line[line.index("--only-binary") + 1] == ":all:"
    assert line[line.index("--python-version") + 1] == "3.12"
    platforms = [line[at + 1] for at, part in enumerate(line) if part == "--platform"]
    assert platforms[0] == "manylinux_2_36_x86_64"
    assert platforms[-2:] == ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]


def test_a_wheel_with_another_hash_is_refused(tmp_path):
    lock = f"iniconfig==2.3.1 \\\n    {HASH}\n"
    with pytest.raises(BackendUnavailable, match="could not be fetched"):
        install(lock, TARGET, tmp_path / "site")
