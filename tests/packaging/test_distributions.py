"""What is in the sdist and in the wheel: all of the product, and nothing else."""

import zipfile
from email.parser import BytesParser
from pathlib import Path, PurePosixPath

import pytest

from agent import __version__
from tests.packaging.conftest import DATA, LITTER, ROOT, demand_clone, tracked


def names_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


def metadata(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return BytesParser().parsebytes(archive.read(name))


def assert_no_litter(names: list[str]) -> None:
    folders = {PurePosixPath(name).parts[0] for name in LITTER}
    assert [name for name in names if folders & set(PurePosixPath(name).parts) or name.endswith(".pyc")] == []


def test_the_data_of_the_wheel_is_exactly_what_git_tracks(wheel):
    shipped = [name for name in names_in(wheel) if name.startswith("agent/_data/")]
    wanted = [f"agent/_data/{name}" for name in tracked(*DATA)]

    assert shipped == sorted(wanted)
    assert "agent/_data/workspace_template/.gitignore" in shipped


def test_the_data_of_the_wheel_is_byte_for_byte_that_of_the_repository(wheel):
    with zipfile.ZipFile(wheel) as archive:
        for name in tracked(*DATA):
            assert archive.read(f"agent/_data/{name}") == (ROOT / name).read_bytes(), name


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    wanted = [name for name in tracked("agent", "sandbox") if name not in DATA.values()]

    assert [name for name in wanted if name not in names_in(wheel)] == []
    assert {Path(name).suffix for name in wanted} >= {".py", ".sh", ".lock", ".txt", ".sql", ".toml", ".typed"}


@pytest.mark.parametrize(
    "name",
    [
        "agent/py.typed",
        "agent/loop/schema.sql",
        "agent/gate/capabilities.toml",
        "agent/evaluate/probes/sensing.toml",
        "sandbox/py.typed",
        "sandbox/system_calls.toml",
        "sandbox/guest/pytest_report.py",
        "sandbox/guest/find_sentences.py",
        "sandbox/image/make_base.sh",
        "sandbox/image/requirements.lock",
        "sandbox/image/tools.txt",
    ],
)
def test_a_file_that_is_read_at_run_time_is_in_the_wheel(wheel, name):
    assert name in names_in(wheel)


def test_the_wheel_brings_two_packages_its_metadata_and_nothing_else(wheel):
    info = f"successor-{__version__}.dist-info"

    assert {name.split("/")[0] for name in names_in(wheel)} == {"agent", "sandbox", info}
    assert_no_litter(names_in(wheel))


def test_the_licence_is_in_the_wheel(wheel):
    described = metadata(wheel)

    assert (described["License-Expression"], described["License-File"]) == ("Apache-2.0", "LICENSE")
    with zipfile.ZipFile(wheel) as archive:
        shipped = archive.read(f"successor-{__version__}.dist-info/licenses/LICENSE")
    assert shipped == (ROOT / "LICENSE").read_bytes()


def test_the_version_is_that_of_the_code(wheel):
    described = metadata(wheel)

    assert described["Version"] == __version__
    assert (described["Name"], described["Requires-Python"]) == ("successor", "<3.14,>=3.11")


def test_the_console_script_is_named(wheel):
    with zipfile.ZipFile(wheel) as archive:
        scripts = archive.read(f"successor-{__version__}.dist-info/entry_points.txt").decode()

    assert scripts.split() == ["[console_scripts]", "successor", "=", "agent.cli:main"]


def test_the_sdist_holds_every_tracked_file(unpacked_sdist):
    """As real files, the two data folders in both places: tests and documents name them where they are."""
    assert [name for name in tracked() if not (unpacked_sdist / name).exists()] == []
    for source, target in DATA.items():
        for name in tracked(source):
            inner = unpacked_sdist / target / PurePosixPath(name).relative_to(source)
            assert inner.read_bytes() == (unpacked_sdist / name).read_bytes() == (ROOT / name).read_bytes(), name


def test_the_sdist_holds_nothing_else(unpacked_sdist):
    found = [p.relative_to(unpacked_sdist).as_posix() for p in unpacked_sdist.rglob("*") if p.is_file()]
    wanted = {*tracked(), "PKG-INFO", *(f"agent/_data/{name}" for name in tracked(*DATA))}
    # Folders that are asked for by name bring what is in them; the copies in agent/_data, which are installed, do not.
    brought = {f"{folder}/{name}" for folder in ("workspace_template", "workspace_template/scaffold", "policies")
               for name in LITTER if name.startswith((".hypothesis", ".successor"))}  # fmt: skip

    assert sorted(set(found) - wanted - brought) == []


def test_the_data_folders_are_relative_links_within_the_repository():
    """A link that is absolute, or leads out, is broken in every other clone."""
    demand_clone()
    for source, place in DATA.items():
        link = ROOT / place
        assert link.is_symlink()
        assert not link.readlink().is_absolute()
        assert link.resolve() == (ROOT / source).resolve()
