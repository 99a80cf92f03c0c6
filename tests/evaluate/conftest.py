"""A small standard library without a sandbox, the tiny workspace, and both real walls."""

import ast
from pathlib import Path

import hypothesis
import pytest

from agent.workspace import parse_settings
from sandbox.choose import choose
from sandbox.contract import Runtime
from sandbox.errors import BackendUnavailable
from tests.evaluate.world import REAL_MODULES, SETTINGS, strip, tiny_tree

# No test depends on absolute time, and the machine may be busy.
hypothesis.settings.register_profile("no-deadline", deadline=None)
hypothesis.settings.load_profile("no-deadline")


@pytest.fixture(scope="session")
def base():
    return tiny_tree()


@pytest.fixture(scope="session")
def settings():
    return parse_settings(SETTINGS)


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """A runtime over some files of this interpreter's own library; no sandbox belongs to it."""
    root = tmp_path_factory.mktemp("library")
    source = Path(ast.__file__).parent
    for name in REAL_MODULES:
        file = source / f"{name}.py"
        if not file.is_file():
            continue
        for side in ("original", "stripped"):
            (root / side / name).parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text("utf-8")
        (root / "original" / f"{name}.py").write_text(text)
        (root / "stripped" / f"{name}.py").write_text(strip(text))
    return Runtime(
        digest="sha256:" + "1" * 64,
        python_version="3",
        stdlib=root / "original",
        stripped_stdlib=root / "stripped",
    )


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def wall(request, cache):
    """A real backend and its prepared runtime."""
    try:
        backend = choose(request.param, cache)
        return backend, backend.prepare()
    except BackendUnavailable as error:
        pytest.skip(f"{request.param}: {error}")
