#!/bin/bash
# The oracle's answer.
set -eu
cd /app
rm legacy.py
python3 -I - <<'EOF'
from pathlib import Path


def replace(path, old, new):
    text = Path(path).read_text()
    assert text.count(old) == 1, (path, old)
    Path(path).write_text(text.replace(old, new))


replace(
    "money.py",
    r'''from decimal import Decimal

''',
    r'''from decimal import ROUND_HALF_UP, Decimal

''',
)
replace(
    "money.py",
    r'''def show(amount):
''',
    r'''def round_half_up(amount):
    """Return an amount with two digits after the point; half a cent goes away from zero."""
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def show(amount):
''',
)
replace(
    "orders.py",
    r'''import legacy
from money import read, show
''',
    r'''from money import read, round_half_up, show
''',
)
replace(
    "orders.py",
    r'''    amounts = [legacy.round_half_up(count''',
    r'''    amounts = [round_half_up(count''',
)
replace(
    "taxes.py",
    r'''from legacy import round_half_up
from money import read, show
''',
    r'''from money import read, round_half_up, show
''',
)
EOF
