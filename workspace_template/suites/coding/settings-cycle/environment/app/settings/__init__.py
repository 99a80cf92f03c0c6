"""Settings from a text with lines `key = value`."""

from settings.loader import SettingsError, load

__all__ = ["SettingsError", "load"]
