"""Laying settings over others."""


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
    result = dict(base)
    for key, value in over.items():
        if value is None and key in result:
            del result[key]
        elif key.endswith("+"):
            result.setdefault(key[:-1], []).extend(value)
        elif isinstance(value, dict) and key in result:
            result[key].update(value)
        else:
            result[key] = value
    return result
