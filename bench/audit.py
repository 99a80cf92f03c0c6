"""What an audit costs, by the length of the history: time, memory, size; and `git verify-commit` beside it.

SUCCESSOR_BENCH_HISTORY names the lengths, such as `1000,10000`: to make a hundred thousand signed generations takes
longer than to audit them.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.gate.signature import GIT_NAMESPACE, Signature
from agent.lineage.audit_git import Clone
from agent.lineage.objects import parse_commit
from bench import history
from bench.measure import Measure

LENGTHS = "1000,10000,100000"
SAMPLE = 200
SIGNATURES = 6
"""Of a successor: two commits, the checkpoint, and the statements of evaluator, gate and reviewer."""
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Taken:
    """What one audit took: wall time, and the most memory that all its processes held at once."""

    seconds: float
    mebibytes: float


def measures() -> list[Measure]:
    """Make the histories, and measure each."""
    lengths = [int(word) for word in os.environ.get("SUCCESSOR_BENCH_HISTORY", LENGTHS).split(",")]
    found: list[Measure] = []
    taken: dict[int, Taken] = {}
    with tempfile.TemporaryDirectory(prefix="successor-bench-") as folder:
        for length in lengths:
            made = history.make(Path(folder) / str(length), length)
            taken[length] = audited(made)
            found += _of_length(made, taken[length])
            if length == lengths[min(1, len(lengths) - 1)]:
                found += [*_speed(made, taken[length]), *_size(made, Path(folder))]
    return [*found, *_linear(taken)]


def audited(made: history.History) -> Taken:
    """Audit a history in a process of its own, as a person would, and watch it."""
    command = [sys.executable, "-m", "agent", "audit", str(made.folder), "--root", made.root, "--json"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        watch = _Watch(process.pid)
        answer = json.loads(process.stdout.read() if process.stdout else b"{}")
        seconds = time.perf_counter() - started
        most = watch.stop()
    if not answer.get("ok") or answer["successors"] != made.successors:
        raise RuntimeError(f"the audit of a good history found {answer}")
    return Taken(seconds, most / MEBIBYTE)


class _Watch:
    """Looks at the resident memory of a process and all below it, twenty times a second."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._most = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Return the most bytes that were held at once."""
        self._done.set()
        self._thread.join()
        return self._most

    def _look(self) -> None:
        while not self._done.wait(0.05):
            self._most = max(self._most, sum(_resident(pid) for pid in _family(self._process)))


def _family(process: int) -> Iterator[int]:
    yield process
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _of_length(made: history.History, taken: Taken) -> list[Measure]:
    name = f"{made.successors // 1000}k"
    goals = {"100k": ("<= 120", "<= 1024")}.get(name, ("", ""))
    against = f"{made.entries} entries, {os.cpu_count()} processors"
    return [
        Measure(f"audit.seconds_{name}", round(taken.seconds, 2), "s", goals[0], against, made.successors),
        Measure(f"audit.rss_mb_{name}", round(taken.mebibytes), "MiB", goals[1], "all processes", made.successors),
    ]


def _linear(taken: dict[int, Taken]) -> list[Measure]:
    if len(taken) < 2:
        return []
    *_, shorter, longer = sorted(taken)
    ratio = taken[longer].seconds / taken[shorter].seconds / (longer / shorter)
    memory = taken[longer].mebibytes / taken[shorter].mebibytes
    against = f"{longer} successors and {shorter}"
    return [
        Measure("audit.linearity", round(ratio, 3), "ratio", "<= 1.2", against, longer),
        Measure("audit.memory_growth", round(memory, 3), "ratio", f"<= {longer // shorter}", against, longer),
    ]


def _speed(made: history.History, taken: Taken) -> list[Measure]:
    """`git verify-commit` on some commits, beside the audit, which checks everything about all of them, and beside the
    part of the audit that does what git does, by itself and on one processor."""
    listing = ["git", "-C", str(made.folder), "rev-list", "--all"]
    commits = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
    sample = random.Random(1).sample(commits, min(SAMPLE, len(commits)))
    with tempfile.TemporaryDirectory() as folder:
        signers = Path(folder) / "signers"
        signers.write_text(f'gate namespaces="git" {made.gate}\n', "ascii")
        verify = ["git", "-C", str(made.folder), "-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-commit"]
        started = time.perf_counter()
        for commit in sample:
            subprocess.run([*verify, commit], check=True, capture_output=True)
        each = (time.perf_counter() - started) / len(sample)
    ours = taken.seconds / len(commits)
    alone, bare = _signatures(made.folder, sample)
    least = SIGNATURES * made.entries * bare / len(commits) / (os.cpu_count() or 1)
    theirs = f"git verify-commit {each * 1000:.1f} ms a commit"
    return [
        Measure(
            "audit.per_commit_speedup", round(each / ours, 1), "ratio", ">= 50",
            f"{theirs}, the whole audit {ours * 1000:.2f} ms", len(sample),
        ),
        Measure(
            "audit.signature_speedup", round(each / alone, 1), "ratio", "",
            f"{theirs}, reading it and checking its signature {alone * 1000:.2f} ms", len(sample),
        ),
        Measure(
            "audit.most_speedup", round(each / least, 1), "ratio", "",
            f"{theirs}, {SIGNATURES} Ed25519 signatures an entry and nothing else {least * 1000:.2f} ms", len(sample),
        ),
    ]  # fmt: skip


def _signatures(folder: Path, sample: list[str]) -> tuple[float, float]:
    """Return the seconds that an auditor takes to read a commit and check who signed it, and to check that alone."""
    clone = Clone.open(folder)
    try:
        started = time.perf_counter()
        read = [parse_commit(clone.read(name, "commit")) for name in sample]
        signed = [(Signature.parse_armor(commit.signatures[0]), commit.payload) for commit in read]
        between = time.perf_counter()
        for signature, payload in signed:
            signature.verify(GIT_NAMESPACE, payload)
        ended = time.perf_counter()
    finally:
        clone.close()
    return (ended - started) / len(sample), (ended - between) / len(sample)


def _size(made: history.History, folder: Path) -> list[Measure]:
    """A plain clone, and of it what is code: generations with their commits, without the log."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", "--bare", made.folder.as_uri(), str(clone)], check=True)
    whole = sum(path.stat().st_size for path in (clone / "objects").rglob("*.pack"))
    code = ["git", "-C", str(clone), "pack-objects", "--revs", "--stdout", "--quiet"]
    names = subprocess.run(
        ["git", "-C", str(clone), "for-each-ref", "--format=%(objectname)", "refs/heads/main", "refs/heads/successor"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    alone = len(subprocess.run(code, input=names, check=True, capture_output=True).stdout)
    each = (whole - alone) / made.successors
    against = f"the clone's pack without the code, {alone / MEBIBYTE:.1f} MiB"
    return [Measure("audit.clone_bytes", round(each), "bytes", "<= 4096", against, made.successors)]
