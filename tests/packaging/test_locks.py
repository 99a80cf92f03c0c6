"""The lock files: what `make install` gives everyone is what pyproject.toml asks for, by hash."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-local.lock")
APART = {"local": "requirements-local.lock"}  # extras that not every machine can install, so not everyone is given them


def entries(name: str) -> list[str]:
    """The entries of a lock, each a requirement with its hashes on one line."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def pins(name: str) -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for entry in entries(name):
        requirement = Requirement(entry.partition("--hash=")[0].strip())
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def declared() -> list[Requirement]:
    every = PROJECT["project"]["optional-dependencies"]
    extras = [wanted for extra, wanted in every.items() if extra not in APART]
    runtime = [*PROJECT["project"]["dependencies"], *(name for extra in extras for name in extra)]
    return [Requirement(text) for text in [*runtime, *PROJECT["dependency-groups"]["build"]]]


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_is_pinned_to_one_version_and_has_hashes(name):
    for entry in entries(name):
        requirement, *hashes = entry.split("--hash=")
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[^\s;,]+\s*(;.*)?", requirement.strip()), requirement
        assert hashes, f"{requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value.strip()) for value in hashes)


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_what_pyproject_asks_for_is_locked_within_its_bounds(requirement):
    locked = pins("requirements.lock").get(canonicalize_name(requirement.name), [])

    assert locked, f"{requirement.name} is not in requirements.lock; make it anew with: make lock"
    for pin in locked:
        (specifier,) = pin.specifier
        assert Version(specifier.version) in requirement.specifier


@pytest.mark.parametrize("extra", APART)
def test_an_extra_that_is_locked_apart_is_locked_within_its_bounds_and_changes_nothing(extra):
    locked, everyone = pins(APART[extra]), pins("requirements.lock")
    for text in PROJECT["project"]["optional-dependencies"][extra]:
        requirement = Requirement(text)
        (pin,) = locked[canonicalize_name(requirement.name)]
        (specifier,) = pin.specifier
        assert Version(specifier.version) in requirement.specifier
    for name in locked.keys() & everyone.keys():
        assert {str(pin) for pin in locked[name]} == {str(pin) for pin in everyone[name]}


@pytest.mark.parametrize("python", ["3.11.2", "3.12.1", "3.13.0"])
def test_each_python_finds_exactly_one_version_of_each_dependency(python):
    world = {"python_full_version": python, "python_version": python.rpartition(".")[0], "sys_platform": "linux"}
    for name, locked in pins("requirements-dev.lock").items():
        holding = [pin for pin in locked if pin.marker is None or pin.marker.evaluate(world)]
        assert len(holding) <= 1, name
    direct = {canonicalize_name(r.name) for r in declared() if r.marker is None or r.marker.evaluate(world)}
    for name in direct:
        assert any(p.marker is None or p.marker.evaluate(world) for p in pins("requirements.lock")[name]), name


def test_development_adds_to_the_lock_and_changes_nothing_in_it():
    """`make install-dev` installs one after the other: two versions of one package would undo each other."""
    development = pins("requirements-dev.lock")
    for name, found in pins("requirements.lock").items():
        assert {str(pin.specifier) for pin in found} == {str(pin.specifier) for pin in development[name]}


def test_the_locks_name_no_index():
    """Where packages come from is the machine's business; a lock with a mirror in it works for one place only."""
    for name in LOCKS:
        text = (ROOT / name).read_text("utf-8")
        assert "://" not in text
        assert "--index" not in text
