#!/bin/bash
# The oracle's answer.
set -eu
cd /app
mkdir -p settings
cat > settings/errors.py <<'EOF'
"""Saying where settings are wrong."""


class SettingsError(ValueError):
    """Settings that cannot be used; `line` is where, counted from 1, or 0 when it is no line's fault."""

    def __init__(self, message, line=0):
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


def line_of(text, key):
    """Return the number of the line that sets `key`, or 0."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.partition("=")[0].strip() == key and "=" in line:
            return number
    return 0
EOF
python3 -I - <<'EOF'
from pathlib import Path


def replace(path, old, new):
    text = Path(path).read_text()
    assert text.count(old) == 1, (path, old)
    Path(path).write_text(text.replace(old, new))


replace(
    "settings/loader.py",
    r'''"""Reading settings and saying where they are wrong."""


class SettingsError(ValueError):
    """Settings that cannot be used; `line` is where, counted from 1, or 0 when it is no line's fault."""

    def __init__(self, message, line=0):
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


def line_of(text, key):
    """Return the number of the line that sets `key`, or 0."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.partition("=")[0].strip() == key and "=" in line:
            return number
    return 0
''',
    r'''"""Reading settings."""

from settings.errors import SettingsError, line_of
from settings.schema import check

__all__ = ["SettingsError", "line_of", "load", "read"]
''',
)
replace(
    "settings/loader.py",
    r'''    from settings.schema import check

''',
    r'''''',
)
replace(
    "settings/schema.py",
    r'''from typing import Any

''',
    r'''from typing import Any

from settings.errors import SettingsError, line_of

''',
)
replace(
    "settings/schema.py",
    r'''        """Return the value as this field's kind."""
        from settings.loader import SettingsError, line_of

''',
    r'''        """Return the value as this field's kind."""
''',
)
replace(
    "settings/schema.py",
    r'''    """Return every field's value by name: parsed, or its default."""
    from settings.loader import SettingsError, line_of

''',
    r'''    """Return every field's value by name: parsed, or its default."""
''',
)
EOF
