#!/bin/bash
# The oracle's answer.
set -eu
cd /app
python3 -I - <<'EOF'
from pathlib import Path


def replace(path, old, new):
    text = Path(path).read_text()
    assert text.count(old) == 1, (path, old)
    Path(path).write_text(text.replace(old, new))


replace(
    "prices.py",
    r'''"""Prices as they stand in our lists, in whole cents."""

''',
    r'''"""Prices as they stand in our lists, in whole cents."""

import re

''',
)
replace(
    "prices.py",
    r'''    whole, _, fraction = text.strip().partition(".")
    return int(whole) * 100 + int(fraction or 0)
''',
    r'''    match = re.fullmatch(r"(-?)([0-9]+)(?:[.]([0-9]{1,2}))?", text.strip())
    if match is None:
        raise ValueError(f"no price: {text!r}")
    sign, whole, fraction = match.groups()
    cents = int(whole) * 100 + int((fraction or "").ljust(2, "0"))
    return -cents if sign else cents
''',
)
EOF
