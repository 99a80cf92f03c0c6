#!/bin/bash
# The oracle's answer.
set -eu
cd /app
cat > merge.py <<'EOF'
"""Laying settings over others."""

from copy import deepcopy


def merge(base, over):
    """Return the settings of `base` with those of `over` laid over them.

    - Where both hold a dict, these are merged in the same way, at every depth.
    - None takes the key away; where there is none, nothing happens.
    - A key `name+` holds a list whose items are put behind those of the list `name`, or begin it where there is none.
      ValueError when either of the two is not a list.
    - Anything else replaces what was there. A dict over something else replaces it too, and is itself merged onto
      an empty dict, so that None and `name+` mean the same within it.

    The order of keys is that of `base`, new ones follow in the order of `over`. Neither argument is changed, and the
    result shares no dict or list with them.
    """
    result = deepcopy(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif key.endswith("+"):
            there = result.setdefault(key[:-1], [])
            if not isinstance(there, list) or not isinstance(value, list):
                raise ValueError(f"{key}: items are put behind a list")
            there.extend(deepcopy(value))
        elif isinstance(value, dict):
            there = result.get(key)
            result[key] = merge(there if isinstance(there, dict) else {}, value)
        else:
            result[key] = deepcopy(value)
    return result
EOF
cat > layers.py <<'EOF'
"""Settings in layers, and where each value is from."""

from merge import merge


def paths(settings, above=""):
    """Return the paths, such as `server.port`, of all values that are no dict, in their order; of empty dicts too."""
    found = []
    for key, value in settings.items():
        path = f"{above}.{key}" if above else key
        if isinstance(value, dict) and value:
            found += paths(value, path)
        else:
            found.append(path)
    return found


def resolve(layers):
    """Return (settings, origins) of layers (name, settings), the lowest first.

    `origins` names, for each path of the settings and nothing else, the highest layer that set the value or put items
    behind it. A layer that takes a value away and a higher one that sets it again: then it is from the higher one.
    """
    settings, origins = {}, {}
    for name, layer in layers:
        settings = merge(settings, layer)
        touched = {path.removesuffix("+") for path in paths(layer)}
        origins = {
            path: name if path in touched or path not in origins else origins[path] for path in paths(settings)
        }
    return settings, origins
EOF
