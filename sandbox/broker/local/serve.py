"""The process that the weights are loaded in: `python -m sandbox.broker.local.serve`, started by `process.py` alone.

Reads its settings as one line of JSON on standard input, writes one line to standard output when the model is loaded
(`{"ready": true}`) or cannot be (`{"error": ...}`), and ends when its standard input does: with whoever started it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from typing import Any


def main() -> None:
    """Load and serve until standard input ends."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what native code prints is no answer of ours
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    given = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    told: dict[str, Any] = {"ready": True}
    server = None
    try:
        server = _load(given)
    except (RuntimeError, ImportError, AttributeError, TypeError, ValueError, OSError) as error:
        told = {"error": f"{type(error).__name__}: {error}"}
    os.write(answers, json.dumps(told).encode() + b"\n")
    if server is not None:
        threading.Event().wait()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # native threads are not asked


def _load(given: dict[str, Any]) -> Any:
    """Return the server, which serves for as long as it is held."""
    import xllamacpp  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: PLC0415  # the extra

    params = xllamacpp.CommonParams()
    params.model.path = given["path"]
    params.n_parallel = given["parallel"]
    params.n_ctx = given["context"] * given["parallel"]  # the server divides it among the calls
    params.cpuparams.n_threads = given["threads"]
    params.cache_ram_mib = given["cached_mib"]
    params.use_jinja = True
    params.hostnames = [given["socket"]]
    params.api_keys = [given["key"]]
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    params.offline = True
    params.verbosity = 1  # errors
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
