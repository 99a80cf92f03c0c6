#!/bin/bash
# The oracle's answer.
set -eu
cd /app
cat > lru.py <<'EOF'
"""A cache that holds a limited number of values for some time, and drops what was used longest ago."""

import time
from collections import OrderedDict

_SAME = object()


class Cache:
    """Up to `size` values by key. To get and to put a value is to use it; to ask whether it is there is not.

    A value is gone when `ttl` seconds have passed on the clock since it was put; with None it stays.
    """

    def __init__(self, size, ttl=None, clock=time.monotonic):
        if size <= 0:
            raise ValueError("a cache has room for one value at least")
        self._size = size
        self._ttl = _checked(ttl)
        self._clock = clock
        self._values = OrderedDict()
        self._stats = dict.fromkeys(("hits", "misses", "dropped", "expired"), 0)

    def get(self, key, default=None):
        """Return the value of a key, or the default."""
        self._expire()
        if key not in self._values:
            self._stats["misses"] += 1
            return default
        self._stats["hits"] += 1
        self._values.move_to_end(key)
        return self._values[key][0]

    def put(self, key, value, ttl=_SAME):
        """Keep a value, in place of the one that the key had, for the usual time or its own."""
        ttl = self._ttl if ttl is _SAME else _checked(ttl)
        self._expire()
        if key not in self._values and len(self._values) == self._size:
            self._values.popitem(last=False)
            self._stats["dropped"] += 1
        self._values[key] = (value, None if ttl is None else self._clock() + ttl)
        self._values.move_to_end(key)

    def keys(self):
        """Return the keys as a list, from the one used longest ago to the one used last."""
        self._expire()
        return list(self._values)

    def stats(self):
        """Return how many gets found something or nothing, and how many values were dropped or have expired."""
        self._expire()
        return dict(self._stats)

    def __contains__(self, key):
        self._expire()
        return key in self._values

    def __len__(self):
        self._expire()
        return len(self._values)

    def _expire(self):
        now = self._clock()
        for key in [key for key, (_, end) in self._values.items() if end is not None and now >= end]:
            del self._values[key]
            self._stats["expired"] += 1


def _checked(ttl):
    if ttl is not None and ttl <= 0:
        raise ValueError("a time to live is above zero")
    return ttl
EOF
