"""What our interpreter does first in an image that is not its own, where this lies as `sitecustomize`.

There PYTHONPATH and its like are the image's, for the image's own Python. Ours finds its packages without them, and
the scaffold when it is what was started; and what the image says to its Python is kept for the programs that come of
us. None of this where the environment is to be ignored (`-I`, `-E`).
"""

import os
import sys

CANDIDATE = "/cand"
DEPENDENCIES = "/opt/successor/site"
FIRST = "SUCCESSOR_FIRST"
"""Set for what the host starts, and for nothing that comes of it."""
HANDED = "SUCCESSOR_HANDED"
"""A JSON object: variables for programs of the image."""


def settle() -> None:
    """Find our packages, and hand on what is the image's."""
    if sys.flags.ignore_environment:
        return
    sys.path[0:0] = [CANDIDATE, DEPENDENCIES] if os.environ.pop(FIRST, "") else [DEPENDENCIES]
    handed = os.environ.pop(HANDED, "")
    if handed:
        import json  # noqa: PLC0415  # hardly ever needed, and each start would pay for it

        for name, value in json.loads(handed).items():
            os.environ.setdefault(name, value)


settle()
