"""From a clone to "awaiting review", as a newcomer would do it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.measure import Measure

ROOT = Path(__file__).parent.parent


def measures() -> list[Measure]:
    """Clone, `make demo` with an empty cache, and read the evidence of the candidate that waits for review."""
    with tempfile.TemporaryDirectory(prefix="successor-bench-") as folder:
        clone, cache = Path(folder) / "clone", Path(folder) / "cache"
        cache.mkdir(mode=0o755)
        Path(folder).chmod(0o755)
        environment = {**os.environ, "SUCCESSOR_CACHE": str(cache)}
        started = time.monotonic()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        subprocess.run(
            ["make", "-s", "demo", f"PYTHON={sys.executable}"], cwd=clone, env=environment, check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        seconds = time.monotonic() - started
        comparison = _heldout(clone)
    gain = comparison["gain_low_ppm"] / 1e6
    return [
        Measure("demo.seconds", round(seconds, 1), "s", "<= 300", "installs and image included", 1),
        Measure("demo.heldout_gain_low", round(gain, 4), "MRR", "> 0", "parent on the same tasks", comparison["tasks"]),
    ]


def _heldout(clone: Path) -> dict[str, int]:
    """Return the held-out comparison on the search suite of the candidate that waits for review."""
    successor = [str(clone / ".venv/bin/successor"), "review"]
    where = ["--workspace", str(clone / "demo-workspace"), "--json"]
    waiting = json.loads(subprocess.check_output([*successor, "list", *where]))["candidates"]
    shown = json.loads(subprocess.check_output([*successor, "show", waiting[0]["id"], *where]))
    return next(c for c in shown["evidence"]["comparisons"] if (c["suite"], c["split"]) == ("search", "heldout"))
