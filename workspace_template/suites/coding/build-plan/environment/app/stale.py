"""What is out of date."""


class MissingError(ValueError):
    """Something that is needed is neither there nor made by a rule."""


def stale(rules, phony, ordered, times):
    """Return those of the ordered names that have to be made, in their order.

    `times` holds, by name, when a file was changed last; what is not in it does not exist. A target is made when it does
    not exist, is phony, or needs something that is newer than itself or is made now. Equal times are up to date. A
    phony target is made even if there is a file of its name. Names without a rule are never made, and have to exist:
    MissingError otherwise, unless they are phony.
    """
    made = []
    for name in ordered:
        if name not in rules:
            if name not in times:
                raise MissingError(f"there is no {name}")
            continue
        newest = max((times.get(need, 0) for need in rules[name].needs), default=0)
        if name not in times or newest >= times[name]:
            made.append(name)
    return made
