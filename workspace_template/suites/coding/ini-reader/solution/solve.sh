#!/bin/bash
# The oracle's answer.
set -eu
cd /app
cat > ini.py <<'EOF'
"""Reading settings: `[section]`, `key = value`, values that go on in indented lines, and `@name` for a value above."""


class IniError(ValueError):
    """A line that cannot be read; its number is in the words."""


class Reading:
    """What is known while one file is read."""

    def __init__(self):
        self.section = ""
        self.key = None
        self.value = []
        self.number = 0
        self.known = {}

    def error(self, message):
        """Return an error for the current line."""
        return IniError(f"line {self.number}: {message}")

    def take(self, line):
        """Take a line; return the (section, key, value) that it shows to be whole, or None."""
        self.number += 1
        text = line.strip()
        if line[:1] in (" ", "\t") and text:
            if self.key is None:
                raise self.error("this goes on where nothing began")
            self.value.append(text)
            return None
        return self.finish()

    def begin(self, text):
        """Begin what a line that goes nothing on begins: a section, a value, or nothing."""
        if text.startswith("["):
            name = text[1:-1].strip()
            if not text.endswith("]") or not name:
                raise self.error("a section is [name]")
            self.section = name
        elif text and not text.startswith("#"):
            name, equals, rest = text.partition("=")
            if not equals or not name.strip():
                raise self.error("this is neither a section nor a value")
            if f"{self.section}.{name.strip()}" in self.known:
                raise self.error(f"{name.strip()} stands twice")
            self.key, self.value = name.strip(), [rest.strip()]

    def finish(self):
        """End the value that is being read and return (section, key, value), or None when there is none."""
        if self.key is None:
            return None
        text = "\n".join(self.value)
        if text.startswith("@"):
            if text[1:] not in self.known:
                raise self.error(f"there is no {text[1:]} above")
            text = self.known[text[1:]]
        self.known[f"{self.section}.{self.key}"] = text
        done = (self.section, self.key, text)
        self.key, self.value = None, []
        return done


def events(lines):
    """Yield (section, key, value) in the order of the lines, each as soon as a later line, or the end, shows it whole.

    A value `@section.key` is the value of that key, if it stands above. Keys before the first section belong to the
    section with the empty name. Raises IniError.
    """
    reading = Reading()
    for line in lines:
        done = reading.take(line)
        if done:
            yield done
        if not (line[:1] in (" ", "\t") and line.strip()):
            reading.begin(line.strip())
    done = reading.finish()
    if done:
        yield done


def read(lines):
    """Return the settings by section and key; raise IniError for what cannot be read."""
    settings = {}
    for name, entry, text in events(lines):
        settings.setdefault(name, {})[entry] = text
    return settings
EOF
