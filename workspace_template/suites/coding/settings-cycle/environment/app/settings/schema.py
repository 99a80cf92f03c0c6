"""What settings there may be."""

from dataclasses import dataclass
from typing import Any

MISSING = object()


@dataclass(frozen=True)
class Field:
    """A setting of a kind (`int`, `bool`, `text` or `list`); without a default it has to be set."""

    name: str
    kind: str = "text"
    default: Any = MISSING

    def parse(self, value, text):
        """Return the value as this field's kind."""
        from settings.loader import SettingsError, line_of

        if self.kind == "int":
            try:
                return int(value)
            except ValueError:
                raise SettingsError(f"{self.name} must be a number, not {value!r}", line_of(text, self.name)) from None
        if self.kind == "bool":
            if value not in ("yes", "no"):
                raise SettingsError(f"{self.name} must be yes or no", line_of(text, self.name))
            return value == "yes"
        if self.kind == "list":
            return [part.strip() for part in value.split(",") if part.strip()]
        return value


def check(text, values, fields):
    """Return every field's value by name: parsed, or its default."""
    from settings.loader import SettingsError, line_of

    known = {field.name for field in fields}
    for key in values:
        if key not in known:
            raise SettingsError(f"there is no setting {key}", line_of(text, key))
    settings = {}
    for field in fields:
        if field.name in values:
            settings[field.name] = field.parse(values[field.name], text)
        elif field.default is MISSING:
            raise SettingsError(f"{field.name} has to be set")
        else:
            settings[field.name] = field.default
    return settings
