#!/bin/bash
# The oracle's answer.
set -eu
cd /app
cat > slug.py <<'EOF'
"""The last part of an address, made of a title."""

import re


def slug(title, limit=None):
    """Return the words of `title` in lower case with `-` between them; what is no letter or digit ends a word.

    With a limit, only as many whole words as fit into that many characters; a first word that is too long is cut.
    """
    if limit is not None and limit < 1:
        raise ValueError("a limit is at least 1")
    words = re.findall(r"[a-z0-9]+", title.lower())
    if limit is None or not words:
        return "-".join(words)
    made = words[0][:limit]
    for word in words[1:]:
        if len(made) + 1 + len(word) > limit:
            break
        made += f"-{word}"
    return made
EOF
