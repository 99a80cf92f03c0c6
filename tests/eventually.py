"""Wait for what another thread, process or engine does in its own time."""

import time


def eventually(fact, seconds=10):
    """Return once `fact()` holds; fail when it does not within so many seconds."""
    until = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.005)
