"""Choose the wall for this machine. There is no answer without one: the alternative to a sandbox is a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sandbox.bubblewrap_backend import BubblewrapBackend
from sandbox.contract import Backend, Progress
from sandbox.errors import BackendUnavailable

Kind = Literal["auto", "docker", "bubblewrap"]


def choose(
    kind: Kind,
    cache: Path,
    base: str | None = None,
    *,
    warm: int = 0,
    runtime: str = "",
    progress: Progress = lambda _: None,
) -> Backend:
    """Return the backend that `kind` asks for, probed; `auto` is docker when an engine answers, else bubblewrap.

    `cache` is a folder of ours that may be kept between runs. `base` is the image reference that a Docker image is made
    from (see `docker_image`). Up to `warm` containers of a kind stand ready where that can be had: as many as there are
    workers; a backend that keeps any is to be closed. `runtime` is one of the engine's with a kernel of its own: then
    nothing less is given, and the backend is prepared already, because only what runs inside shows that kernel;
    `progress` is told. Raises `BackendUnavailable`, saying what to install.
    """
    if runtime:
        if kind not in {"auto", "docker"}:
            raise BackendUnavailable(
                f"a runtime belongs to a Docker engine, and {kind} has none ({runtime} was asked for)",
                mend="Ask for docker, or take `runtime` out of successor.toml",
            )
        hardened = _docker(cache, base, warm, runtime)
        hardened.prepare(progress)
        return hardened
    if kind == "docker":
        return _docker(cache, base, warm, "")
    if kind == "bubblewrap":
        return _bubblewrap(cache)
    if kind != "auto":
        raise BackendUnavailable(f"there is no sandbox called {kind!r}", mend="Ask for auto, docker or bubblewrap")
    return _best(cache, base, warm)


def _best(cache: Path, base: str | None, warm: int) -> Backend:
    try:
        return _docker(cache, base, warm, "")
    except BackendUnavailable as no_docker:
        try:
            return _bubblewrap(cache)
        except BackendUnavailable as no_bubblewrap:
            raise BackendUnavailable(
                f"no sandbox can be had here: {no_docker.what}; {no_bubblewrap.what}",
                mend="Install a Docker engine (`apt install docker.io`) or bubblewrap (`apt install bubblewrap`)",
            ) from no_bubblewrap


def backends(cache: Path, *, warm: int = 0) -> tuple[Backend, ...]:
    """Return every kind of wall there is, best first, none of them probed: for who wants to say what works here."""
    from sandbox.docker_backend import DockerBackend  # noqa: PLC0415

    return (DockerBackend(cache, warm=warm), BubblewrapBackend(cache))


def _docker(cache: Path, base: str | None, warm: int, runtime: str) -> Backend:
    # Loaded only when asked for, so that a machine without an engine never loads its client.
    from sandbox.docker_backend import DockerBackend  # noqa: PLC0415

    backend = DockerBackend(cache, base, warm=warm, runtime=runtime)
    backend.check()
    return backend


def _bubblewrap(cache: Path) -> Backend:
    backend = BubblewrapBackend(cache)
    backend.check()
    return backend
