"""What the loop itself costs beside the trials: processor time of the host process, for each candidate."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import Measure

CANDIDATES = 1


def measures() -> list[Measure]:
    """Run the loop for one candidate on a fresh demo workspace and read what the run says it cost the host."""
    with tempfile.TemporaryDirectory(prefix="successor-bench-") as folder:
        workspace = Path(folder) / "ws"
        successor = [sys.executable, "-m", "agent"]
        subprocess.run(
            [*successor, "demo", str(workspace), "--json"], check=False, stdin=subprocess.DEVNULL, capture_output=True
        )
        # A second candidate on the same parent: what a run costs when everything is prepared.
        done = subprocess.run(
            [*successor, "run", "--yes", "--seed", "7", "--json", "--workspace", str(workspace)],
            check=True, stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
    run = json.loads(done.stdout)
    seconds = run["host_cpu_ms"] / 1000 / max(1, len(run["candidates"]))
    return [Measure("loop.host_cpu_s_p50", round(seconds, 2), "s", "<= 0.5", f"{run['trials']} trials", CANDIDATES)]
