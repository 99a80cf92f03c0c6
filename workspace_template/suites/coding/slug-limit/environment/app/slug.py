"""The last part of an address, made of a title."""

import re


def slug(title):
    """Return the words of `title` in lower case with `-` between them; what is no letter or digit ends a word."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))
