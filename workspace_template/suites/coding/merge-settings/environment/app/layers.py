"""Settings in layers, and where each value is from."""

from merge import merge


def paths(settings, above=""):
    """Return the paths, such as `server.port`, of all values that are no dict, in their order; of empty dicts too."""
    found = []
    for key, value in settings.items():
        path = f"{above}.{key}" if above else key
        if isinstance(value, dict):
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
        for path in paths(layer):
            origins[path] = name
    return settings, origins
