"""In which order things are made."""


class CycleError(ValueError):
    """Targets that need each other; `path` leads from one of them round to itself."""

    def __init__(self, path):
        super().__init__(" -> ".join(path))
        self.path = path


def order(rules, wanted):
    """Return everything that is needed for the wanted targets, with themselves: what is needed stands before who needs it.

    Otherwise in the order of `wanted` and of each target's needs; each name once, names without a rule included. Raises
    CycleError for a circle, with the first one that is met that way: its path begins and ends with the target of the
    circle that is come to first, and holds the circle alone.
    """
    done, seen = [], []

    def visit(name):
        if name in seen:
            raise CycleError([*seen, name])
        seen.append(name)
        for need in rules[name].needs if name in rules else []:
            visit(need)
        if name not in done:
            done.append(name)

    for name in wanted:
        visit(name)
    return done
