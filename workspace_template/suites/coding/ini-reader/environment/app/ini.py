"""Reading settings: `[section]`, `key = value`, values that go on in indented lines, and `@name` for a value above."""

section = ""
key = None
value = []
number = 0
known = {}
error = None


class IniError(ValueError):
    """A line that cannot be read; its number is in the words."""


def fail(message):
    """Raise an error for the current line and remember it."""
    global error
    error = f"line {number}: {message}"
    raise IniError(error)


def last_error():
    """Return the words of the error that came last, or None."""
    return error


def start(line):
    """Begin a section."""
    global section
    name = line[1:-1].strip()
    if not line.endswith("]") or not name:
        fail("a section is [name]")
    section = name


def finish():
    """End the value that is being read and return (section, key, value), or None when there is none."""
    global key, value
    if key is None:
        return None
    text = "\n".join(value)
    if text.startswith("@"):
        if text[1:] not in known:
            fail(f"there is no {text[1:]} above")
        text = known[text[1:]]
    known[f"{section}.{key}"] = text
    done = (section, key, text)
    key, value = None, []
    return done


def events(lines):
    """Yield (section, key, value) in the order of the lines, each as soon as a later line, or the end, shows it whole.

    A value `@section.key` is the value of that key, if it stands above. Keys before the first section belong to the
    section with the empty name. Raises IniError.
    """
    global section, key, value, number, known
    section, key, value, number, known = "", None, [], 0, {}
    for line in lines:
        number += 1
        text = line.strip()
        if line[:1] in (" ", "\t") and text:
            if key is None:
                fail("this goes on where nothing began")
            value.append(text)
            continue
        done = finish()
        if done:
            yield done
        if text.startswith("["):
            start(text)
        elif text and not text.startswith("#"):
            name, equals, rest = text.partition("=")
            if not equals or not name.strip():
                fail("this is neither a section nor a value")
            if f"{section}.{name.strip()}" in known:
                fail(f"{name.strip()} stands twice")
            key, value = name.strip(), [rest.strip()]
    done = finish()
    if done:
        yield done


def read(lines):
    """Return the settings by section and key; raise IniError for what cannot be read."""
    settings = {}
    for name, entry, text in events(lines):
        settings.setdefault(name, {})[entry] = text
    return settings
