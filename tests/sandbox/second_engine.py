"""A Docker engine of the test's own, which can be stopped and started without disturbing anybody.

It has its own socket, state and process files and touches no network of the machine. Whatever happens, its processes
are gone at the end: they are known by the folder that all of them name.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

START_SECONDS = 60


class SecondEngine:
    """One engine below one folder, whose path is short because a socket's must be. `settings`: its daemon.json."""

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self._settings = settings or {}
        self.folder = Path(tempfile.mkdtemp(prefix="engine-"))
        self.address = f"unix://{self.folder}/s"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers; skip the test where that cannot be."""
        (self.folder / "config.json").write_text(json.dumps(self._settings))
        line = [
            *("dockerd", "--config-file", f"{self.folder}/config.json", "--host", self.address),
            *("--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec"),
            *("--pidfile", f"{self.folder}/pid", "--bridge", "none", "--iptables=false", "--ip6tables=false"),
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() >= until:
                said = (self.folder / "log").read_text().strip().split("\n")[-1]
                pytest.skip(f"no second engine can be started here: {said}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as door, suppress(OSError):
            door.settimeout(5)
            door.connect(f"{self.folder}/s")
            door.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in door.recv(100)
        return False

    def stop(self, number: int) -> None:
        """Send it a signal, and wait until it has ended."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(60)
        # Killed hard, it takes its containerd along, and would take a dead one that nobody buried for a living one.
        (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def close(self) -> None:
        """End everything of it, whatever state it is in, and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
        until = time.monotonic() + 20
        while (left := self._processes()) and time.monotonic() < until:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        assert left == [], "processes of the second engine survive"
        for mount in reversed(self._mounts()):
            subprocess.run(["umount", "-l", mount], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not self.folder.exists()

    def _processes(self) -> list[int]:
        """Its daemons, and what runs in its containers: children of a shim that names the folder."""
        found, parents = [], {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError, IndexError):
                    stat = (entry / "stat").read_text().rpartition(")")[2].split()
                    parents[int(entry.name)] = int(stat[1])
                    named = f"{self.folder}/".encode() in (entry / "cmdline").read_bytes()
                    if named and stat[0] != "Z":
                        found.append(int(entry.name))
        return found + [pid for pid, parent in parents.items() if parent in found and pid not in found]

    def _mounts(self) -> list[str]:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return [line.split()[4] for line in lines if line.split()[4].startswith(f"{self.folder}/")]


def second_engine(settings: Mapping[str, Any] | None = None) -> SecondEngine:
    """Return one that is not started yet, or skip the test."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("a second engine needs dockerd and root")
    return SecondEngine(settings)
