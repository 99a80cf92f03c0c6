#!/bin/bash
# The oracle's answer.
set -eu
cd /app
cat > wrap.py <<'EOF'
"""Breaking text into lines."""


def wrap(text, width):
    """Return the lines of `text`, each at most `width` characters long, as a list.

    Words are separated by any white space and joined by single spaces; each line holds as many words as fit. A word that
    is longer than `width` begins a line of its own and is cut into pieces of `width` characters; the next words follow
    behind its last piece where they fit. No words give no lines. A width below 1 raises ValueError.
    """
    if width < 1:
        raise ValueError("a line has room for one character at least")
    lines = []
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) <= width:
            line += f" {word}"
            continue
        if line:
            lines.append(line)
        while len(word) > width:
            lines.append(word[:width])
            word = word[width:]
        line = word
    return [*lines, line] if line else lines
EOF
