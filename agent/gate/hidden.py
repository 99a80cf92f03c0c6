"""Characters that a reader does not see, or takes for others.

Unicode categories do not suffice: variation selectors are marks, the Hangul fillers are letters and the Braille blank
is a symbol, so those are listed. Letters that only look like ASCII ones are not hidden; where they would deceive, in
paths and in Python names, they are reported by who reads those.
"""

from __future__ import annotations

import unicodedata

_LISTED = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"  # joiners, fillers and blanks
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))  # variation selectors

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})


def is_hidden(character: str) -> bool:
    """Whether `character` is invisible, changes how others are shown, or is a space that is not the space bar's."""
    if " " <= character <= "~" or character in "\n\t":
        return False
    category = unicodedata.category(character)
    return category in _HIDDEN_CATEGORIES or category == "Zs" or character in _LISTED


def hidden_characters(text: str) -> tuple[str, ...]:
    """Return the code points of all hidden characters in `text`, in order, such as `U+202E`."""
    return () if text.isascii() and text.isprintable() else tuple(code_point(c) for c in text if is_hidden(c))


def code_point(character: str) -> str:
    """Name a character by its number, as Unicode writes it."""
    return f"U+{ord(character):04X}"


def in_ascii(text: str) -> str:
    r"""Return `text` with everything that is not printable ASCII written as an escape such as `\u202e`.

    For sentences shown to a person: what the candidate chose can neither hide, nor move the cursor, nor imitate.
    """
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode("ascii") for c in text)
