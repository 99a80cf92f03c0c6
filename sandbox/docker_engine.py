"""The Docker engine, reduced to the calls the wall needs. Its errors become ours; `docker` is imported nowhere else.

The client library is not safe to share between threads, so each thread gets its own client.
"""

from __future__ import annotations

import io
import json
import math
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import docker
import docker.errors
import docker.utils
import requests
import urllib3.exceptions

from sandbox.errors import BackendUnavailable, EngineAway, ImageRefused, SandboxBroken, SandboxError

CALL_SECONDS = 30
LONG_SECONDS = 900
_EARLY = 256 * 1024
_BUILD_LINES = 12
_BUILD_SAID = 800
_BUILD_SHM = 64 * 1024 * 1024
_BUILD_LOOKS, _BUILD_LOOK_SECONDS = 20, 0.1


class Stream:
    """The raw stream of a command: its `connection`, non-blocking, and the bytes that came `early`, with the header."""

    def __init__(self, response: Any, connection: socket.socket) -> None:
        self._response = response
        self.connection = connection
        connection.setblocking(False)
        buffered = response.raw._fp.fp
        # The library hands out the socket from under its own buffered reader, which may hold the first frames.
        self.early: bytes = (buffered.read1(_EARLY) if isinstance(buffered, io.BufferedReader) else b"") or b""

    def end(self) -> None:
        """Let nobody wait for us: an engine that is not read does not notice the death of a container."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self._response.close()
        self.connection.close()


class Engine:
    """The engine on this machine, at `address` or where the environment's DOCKER_HOST says."""

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._version = "auto"
        self._local = threading.local()

    def describe(self) -> Mapping[str, Any]:
        """Return what the engine says of itself. Raises `BackendUnavailable` when none answers on this machine."""
        try:
            api = self._api
            if not api.base_url.startswith("http+docker://localhost"):
                raise BackendUnavailable(
                    "the Docker engine is not on this machine",
                    mend="Unset DOCKER_HOST; staged folders are mounted from here",
                )
            return dict(api.info())
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise _unavailable(error) from error

    def create(self, config: Mapping[str, Any]) -> str:
        """Create a container from the engine's own JSON; return its ID."""
        with translated("make a container"):
            api: Any = self._api  # untyped in the stubs
            return str(api.create_container_from_config(dict(config))["Id"])

    def start(self, container: str) -> None:
        """Start a created container."""
        with translated("start a container"):
            self._api.start(container)

    def kill(self, container: str) -> bool:
        """Kill everything in a container; return False when it was not running any more."""
        try:
            with translated("kill a container"):
                self._api.kill(container)
        except _Conflict:
            return False
        return True

    def state(self, container: str) -> Mapping[str, Any]:
        """Return the `State` of a container."""
        with translated("look at a container"):
            return dict(self._api.inspect_container(container)["State"])

    def remove(self, container: str) -> None:
        """Remove a container with everything in it; one that is gone already is fine."""
        with suppress(_Gone, _Conflict), translated("remove a container"):
            self._api.remove_container(container, force=True, v=True)

    def containers(self, label: str) -> list[Mapping[str, Any]]:
        """Return all containers, running or not, that carry `label` (`name=value`)."""
        with translated("list containers"):
            return list(self._api.containers(all=True, filters={"label": label}))

    def prepare_command(self, container: str, given: Mapping[str, Any]) -> str:
        """Set up a command in a running container, from the arguments of `exec_create`; return its ID."""
        with translated("set up a command"):
            return str(self._api.exec_create(container, **given)["Id"])

    def open(self, command: str) -> Stream:
        """Start a command that was set up; return its raw stream."""
        with translated("start a command"):
            wrapper: Any = self._api.exec_start(command, socket=True)
        # Private names of the library, which offers no other way to an upgraded connection.
        return Stream(wrapper._response, wrapper._sock)

    def command_state(self, command: str) -> Mapping[str, Any]:
        """Return whether a command is `Running` and its `ExitCode`."""
        with translated("look at a command"):
            return dict(self._api.exec_inspect(command))

    def image(self, reference: str) -> Mapping[str, Any] | None:
        """Return what the engine knows of an image, or None when it has none by that name or ID."""
        try:
            with translated("look at an image"):
                api: Any = self._api  # untyped in the stubs
                return dict(api.inspect_image(reference))
        except _Gone:
            return None

    def images(self, label: str) -> list[str]:
        """Return the IDs of the images that carry `label` (`name=value`)."""
        with translated("list images"):
            return [str(image["Id"]) for image in self._api.images(filters={"label": label})]

    def remove_image(self, image: str) -> bool:
        """Remove an image that nothing uses; return whether it is gone."""
        with suppress(_Conflict, _Gone), translated("remove an image"):
            self._api.remove_image(image)
            return True
        return False

    def pull(self, reference: str) -> str:
        """Fetch an image from its registry; return its ID."""
        with translated(f"pull {reference}"), self._patient() as api:
            name, _, tag = reference.partition("@") if "@" in reference else reference.rpartition(":")
            for line in api.pull(name, tag=tag, stream=True, decode=True):
                if "error" in line:
                    raise SandboxBroken(f"the engine could not pull {reference}: {line['error']}")
        found = self.image(reference)
        if found is None:
            raise SandboxBroken(f"the engine pulled {reference} and does not have it")
        return str(found["Id"])

    def import_image(self, archive: Path, name: str, tag: str, changes: list[str]) -> str:
        """Make an image of one layer from a tar of a file system; return its ID."""
        with translated("import an image"), self._patient() as api, archive.open("rb") as stream:
            said = api.import_image(src=stream, repository=name, tag=tag, changes=changes)
        return str(json.loads(said.strip().split("\n")[-1])["status"])

    def build(self, context: BinaryIO, given: Mapping[str, Any], seconds: float) -> None:
        """Build an image from a tar of a folder. Raises `ImageRefused`, with the last that the build said, and when it
        does not end in time."""
        said: deque[str] = deque(maxlen=_BUILD_LINES)
        # What marks its containers as this build's, and nothing in a Dockerfile could.
        mark, until = _BUILD_SHM + secrets.randbelow(_BUILD_SHM), time.monotonic() + seconds
        # A proxy of this machine is none of the build's business, and nothing is fetched because it is newer.
        options = {"custom_context": True, "rm": True, "forcerm": True, "pull": False, "use_config_proxy": False}
        try:
            with translated("build an image"), self._patient(seconds) as api:
                builder: Any = api  # the stubs know no keywords
                for line in builder.build(
                    fileobj=context, decode=True, shmsize=mark, timeout=seconds, **options, **given
                ):
                    said.extend(str(line.get("stream") or line.get("error") or "").splitlines())
                    if "error" in line:
                        raise ImageRefused(f"the build failed: {_last(said)}", mend="Mend the Dockerfile")
                    if time.monotonic() > until:
                        raise EngineAway("the build goes on")
        except SandboxBroken as error:
            self._end_build(mark)
            why = f"did not end in {seconds:.0f} s" if time.monotonic() > until else f"failed: {error.what}"
            raise ImageRefused(f"the build {why}; {_last(said)}", mend="Mend the Dockerfile") from error

    def _end_build(self, mark: int) -> None:
        """Kill what a build runs: an engine goes on with it when nobody listens any more."""
        for _ in range(_BUILD_LOOKS):
            with suppress(SandboxError), translated("end a build"):
                for one in self._api.containers():
                    if self._api.inspect_container(one)["HostConfig"].get("ShmSize") == mark:
                        self._api.kill(one["Id"])
                        return
            time.sleep(_BUILD_LOOK_SECONDS)

    def export(self, container: str, archive: Path, most: int) -> None:
        """Write the file system of a container to a tar of at most `most` bytes. Raises `ImageRefused` for more."""
        size = 0
        with translated("read an image"), self._patient() as api, archive.open("wb") as file:
            for piece in api.export(container):
                size += len(piece)
                if size > most:
                    raise ImageRefused(f"it holds more than {most} bytes", mend="Make it smaller")
                file.write(piece)

    @property
    def _api(self) -> docker.APIClient:
        if hasattr(self._local, "api"):
            _knock(self._given()["base_url"])
        else:
            self._local.api = self._client(CALL_SECONDS)
        return self._local.api  # type: ignore[no-any-return]  # a thread-local has no types

    def _client(self, seconds: int) -> docker.APIClient:
        given = self._given()
        _knock(given["base_url"])
        client = docker.APIClient(**given, version=self._version, timeout=seconds)
        self._version = client.api_version  # asked for once, not by each thread
        # No proxy leads to an engine on this machine, and the environment may change while another thread reads it.
        client.trust_env = False
        # The library keeps a pool of connections for every address, and each container has addresses of its own.
        client.headers["Connection"] = "close"
        return client

    def _given(self) -> dict[str, Any]:
        given = {"base_url": self._address} if self._address else dict(docker.utils.kwargs_from_env())
        return {"base_url": "unix:///var/run/docker.sock", **given}

    @contextmanager
    def _patient(self, seconds: float = LONG_SECONDS) -> Iterator[docker.APIClient]:
        client = self._client(math.ceil(seconds))
        try:
            yield client
        finally:
            client.close()


def _knock(address: str) -> None:
    """Raise `OSError` when nobody listens at a local address; the library would leave its own socket open then."""
    scheme, _, path = address.partition("://")
    if scheme in {"unix", "http+unix"}:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(CALL_SECONDS)
            door.connect("/" + path.lstrip("/"))


def _last(said: Sequence[str]) -> str:
    """The last lines of a build, printable."""
    text = " | ".join(line.strip() for line in said if line.strip())
    return "".join(c if " " <= c <= "~" else "?" for c in text[-_BUILD_SAID:])


class _Gone(SandboxBroken):
    """The engine has nothing by that name."""


class _Conflict(SandboxBroken):
    """The engine cannot do that to it in its present state."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn every error of the engine, its client and the way to it into `SandboxBroken`."""
    try:
        yield
    except SandboxError:
        raise
    except docker.errors.APIError as error:
        kind = {404: _Gone, 409: _Conflict}.get(error.status_code or 0, SandboxBroken)
        raise kind(f"the engine could not {what}: {error.explanation or error}", mend="See the engine's log") from error
    except (docker.errors.DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise EngineAway(f"the engine could not {what}: {error}", mend="Check that the engine runs") from error


def _unavailable(error: Exception) -> BackendUnavailable:
    if "Permission denied" in str(error):
        return BackendUnavailable(
            "a Docker engine is here but refuses this user", mend="Add the user to the group `docker` and log in again"
        )
    return BackendUnavailable(
        "no Docker engine answers", mend="Install and start one (`apt install docker.io`), or use bubblewrap"
    )
