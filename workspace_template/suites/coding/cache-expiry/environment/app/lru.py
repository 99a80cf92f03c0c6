"""A cache that holds a limited number of values and drops what was used longest ago."""

from collections import OrderedDict


class Cache:
    """Up to `size` values by key. To get and to put a value is to use it; to ask whether it is there is not."""

    def __init__(self, size):
        if size <= 0:
            raise ValueError("a cache has room for one value at least")
        self._size = size
        self._values = OrderedDict()

    def get(self, key, default=None):
        """Return the value of a key, or the default."""
        if key not in self._values:
            return default
        self._values.move_to_end(key)
        return self._values[key]

    def put(self, key, value):
        """Keep a value, in place of the one that the key had."""
        if key not in self._values and len(self._values) == self._size:
            self._values.popitem(last=False)
        self._values[key] = value
        self._values.move_to_end(key)

    def keys(self):
        """Return the keys as a list, from the one used longest ago to the one used last."""
        return list(self._values)

    def __contains__(self, key):
        return key in self._values

    def __len__(self):
        return len(self._values)
