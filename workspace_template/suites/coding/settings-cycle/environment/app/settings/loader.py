"""Reading settings and saying where they are wrong."""


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


def read(text):
    """Return the values of a text by key; raise SettingsError for a line that is none or a key that comes twice."""
    values = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key:
            raise SettingsError("this is no `key = value`", number)
        if key in values:
            raise SettingsError(f"{key} is set twice", number)
        values[key] = value
    return values


def load(text, fields):
    """Return the settings that a text makes of the fields; raise SettingsError when it does not fit them."""
    from settings.schema import check

    return check(text, read(text), fields)
