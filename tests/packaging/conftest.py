"""The distribution as others get it: built once from a clean copy of the sources, installed once in each way.

Nothing is downloaded: the build uses the running environment's hatchling, and the new environments see the running
one's libraries (but not the `successor` in it) through a path file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = {"workspace_template": "agent/_data/workspace_template", "policies": "agent/_data/policies"}
BUILD = [sys.executable, "-m", "build", "--no-isolation"]
PIP = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check"]

# What stays behind in a work tree in use and must reach nobody.
LITTER = (
    "__pycache__/x.cpython-311.pyc", ".pytest_cache/README.md", ".mypy_cache/x.json", ".ruff_cache/x",
    ".hypothesis/x", ".successor/state.db",
)  # fmt: skip


def run(argv: Iterable[str | Path], cwd: Path, **env: str) -> str:
    """Run a program that must succeed; return what it printed."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(word) for word in argv], cwd=cwd, capture_output=True, text=True, check=False, env={**clean, **env}
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def demand_clone() -> None:
    """Skip a test about what git tracks where there is no git: in an unpacked sdist."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: an unpacked sdist has real files for links, and no list of what is tracked")


def tracked(*folders: str) -> list[str]:
    """The files that git tracks, or would if they were added: what a clone holds."""
    demand_clone()
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders]
    names = run(listed, ROOT).split("\0")
    return sorted({name for name in names if name and os.path.lexists(ROOT / name)})


@dataclass(frozen=True)
class Installed:
    """An environment with successor in it and nothing of the work tree on its path."""

    folder: Path
    elsewhere: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def successor(self) -> Path:
        return self.folder / "bin" / "successor"

    def code(self, source: str) -> str:
        """What a program prints in this environment, run from a folder that holds nothing."""
        return run([self.python, "-c", source], self.elsewhere).strip()


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """A copy of all tracked files, as a clone gives them, with the litter of a work tree in use."""
    folder = tmp_path_factory.mktemp("checkout") / "successor"
    for name in tracked():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    for place in ("agent", "workspace_template", "workspace_template/scaffold", "policies", "sandbox/guest"):
        for name in LITTER:
            litter = folder / place / name
            litter.parent.mkdir(exist_ok=True)
            litter.write_bytes(b"litter")
    return folder


@pytest.fixture(scope="session")
def distributions(checkout, tmp_path_factory) -> Path:
    """The folder with the sdist, and the wheel that was built from that sdist, as `python -m build` does."""
    folder = tmp_path_factory.mktemp("dist")
    run([*BUILD, "--outdir", folder, checkout], folder)
    return folder


@pytest.fixture(scope="session")
def wheel(distributions) -> Path:
    (found,) = distributions.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def unpacked_sdist(distributions, tmp_path_factory) -> Path:
    """The sdist, unpacked."""
    (found,) = distributions.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(found) as archive:
        for member in archive.getmembers():
            assert member.isfile(), f"{member.name}: a link in an sdist is broken on machines that cannot make it"
        # Made here a moment ago, so there is nobody to distrust; Debian's first Python 3.11 knows no filters.
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (root,) = folder.iterdir()
    return root


def environment(folder: Path) -> Installed:
    """A new environment in which this one's libraries, but no successor, can be imported."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # A line in a path file adds a folder without reading the path files in it, such as that of an editable successor.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere = folder.parent / f"{folder.name}-elsewhere"
    elsewhere.mkdir()
    return Installed(folder, elsewhere)


@pytest.fixture(scope="session")
def from_wheel(wheel, tmp_path_factory) -> Installed:
    """successor installed from the wheel."""
    made = environment(tmp_path_factory.mktemp("env") / "wheel")
    run([*PIP, "--python", made.python, "install", "--no-index", "--no-deps", wheel], made.elsewhere)
    return made


@pytest.fixture(scope="session")
def editable(checkout, tmp_path_factory) -> Installed:
    """successor installed from the copy of the sources with `pip install -e`."""
    made = environment(tmp_path_factory.mktemp("env") / "editable")
    how = ["install", "--no-index", "--no-deps", "--no-build-isolation", "-e", checkout]
    run([*PIP, "--python", made.python, *how], made.elsewhere)
    return made


@pytest.fixture(scope="session", params=["from_wheel", "editable"])
def installed(request) -> Installed:
    """Each way in which successor can be installed."""
    return request.getfixturevalue(request.param)
