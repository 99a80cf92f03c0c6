"""Characters that a reviewer does not see or takes for others, newly present in a changed file.

Unicode's categories are not enough: variation selectors are marks, fillers are letters, the Braille blank is a symbol.
So there are explicit lists beside the categories. What a file had before is not held against the candidate.
"""

from __future__ import annotations

import io
import re
import tokenize
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from agent.candidate import ProbeResult
from agent.evaluate.probes.probe import Change, Subject, result


def _span(*ranges: tuple[int, int]) -> frozenset[str]:
    return frozenset(chr(code) for first, last in ranges for code in range(first, last + 1))


CLASSES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "bidirectional control": _span((0x061C, 0x061C), (0x200E, 0x200F), (0x202A, 0x202E), (0x2066, 0x2069)),
        "zero-width character": _span(
            (0x00AD, 0x00AD), (0x034F, 0x034F), (0x180E, 0x180E), (0x200B, 0x200D), (0x2060, 0x2065), (0xFEFF, 0xFEFF)
        ),
        "tag character": _span((0xE0000, 0xE007F)),
        "variation selector": _span((0xFE00, 0xFE0F), (0xE0100, 0xE01EF), (0x180B, 0x180D), (0x180F, 0x180F)),
        "filler": _span((0x115F, 0x1160), (0x17B4, 0x17B5), (0x2800, 0x2800), (0x3164, 0x3164), (0xFFA0, 0xFFA0)),
        "line or paragraph separator": _span((0x0085, 0x0085), (0x2028, 0x2029)),
        "control character": _span((0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x84), (0x86, 0x9F)),
        "deprecated or interlinear format": _span((0x206A, 0x206F), (0xFFF9, 0xFFFB), (0x1D173, 0x1D17A)),
        "space that is not the space bar's": _span(
            (0x00A0, 0x00A0), (0x1680, 0x1680), (0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)
        ),
    }
)
_BY_CHARACTER = {character: name for name, characters in CLASSES.items() for character in characters}
_FALLBACK_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cn", "Cs"})
_EMOJI_SELECTOR = re.compile("(?<=[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff])[\ufe0e\ufe0f](?![\ufe00-\ufe0f])")
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_PLAIN_CODINGS = frozenset({"utf-8", "utf8", "ascii", "us-ascii"})
# Letters of other scripts that look like ASCII ones (Unicode TR39, the common part).
_LOOKALIKES = frozenset("аеорсухіјѕԁԛԝһӏАВЕКМНОРСТХІЈЅԌοανικτυρΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")


class HiddenCharacters:
    """Looks at the text, the names and the encoding of every changed file, and at its path."""

    name = "hidden_characters"
    blocking = True

    def look(self, subject: Subject) -> ProbeResult:
        """Report each class of character and each deceiving name once for each file."""
        return result(self, [finding for change in subject.changes() for finding in _in_change(change)])


def hidden(text: str) -> Counter[str]:
    """Count hidden characters as `class U+XXXX`. A carriage return before a newline and an emoji's selector are not."""
    text = _EMOJI_SELECTOR.sub("", text.replace("\r\n", "\n"))
    found: Counter[str] = Counter()
    for character, times in Counter(text).items():
        name = _BY_CHARACTER.get(character)
        if name is None and character not in "\n\t" and unicodedata.category(character) in _FALLBACK_CATEGORIES:
            name = "character without a shape"
        if name is not None:
            found[f"{name} U+{ord(character):04X}"] += times
    return found


def deceiving(name: str) -> str:
    """Say why an identifier deceives, or return an empty string."""
    if name.isascii():
        return ""
    if unicodedata.normalize("NFKC", name) != name:
        return "is another name to Python than to the eye"
    letters = [character for character in name if character.isalpha()]
    if len({_script(character) for character in letters}) > 1:
        return "mixes scripts"
    return "looks like an ASCII name" if letters and all(c in _LOOKALIKES for c in letters) else ""


def _in_change(change: Change) -> Iterator[str]:
    if change.after is None:
        return
    if change.before is None:
        yield from (f"{change.path!a}: {what} in the path" for what in hidden(change.path))
        if any(deceiving(part) for part in re.split(r"[/.]", change.path)):
            yield f"{change.path!a}: the path mixes scripts or looks like another"
    coding = _coding(change.after)
    if change.is_python and coding and coding not in _PLAIN_CODINGS and coding != _coding(change.before or b""):
        yield f"{change.path!a}: declares the encoding {coding!a}, so its text is not what is shown"
    text = _decode(change.after)
    if text is None:
        if _decode(change.before or b"") is not None:
            yield f"{change.path!a}: is not UTF-8"
        return
    before = _decode(change.before or b"") or ""
    yield from (f"{change.path!a}: {what}, {times} times" for what, times in (hidden(text) - hidden(before)).items())
    if change.is_python:
        yield from (
            f"{change.path!a}: the name {name!a} {why}"
            for name in sorted(_names(text) - _names(before))
            if (why := deceiving(name))
        )


def _names(text: str) -> set[str]:
    """Names in Python source, as far as it can be split into tokens."""
    names: set[str] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME:
                names.add(token.string)
    except (tokenize.TokenError, SyntaxError, ValueError):
        # Broken source is denied elsewhere; here every word counts as a name.
        names.update(re.findall(r"\w+", text))
    return names


def _script(character: str) -> str:
    """First word of the character's name: LATIN, CYRILLIC, GREEK, CJK and so on; ASCII counts as LATIN."""
    return unicodedata.name(character, "UNNAMED").split(" ")[0]


def _coding(content: bytes) -> str:
    """The encoding that the first two lines declare, in lower case, or an empty string (PEP 263)."""
    for line in content.split(b"\n")[:2]:
        match = _CODING.match(line)
        if match is not None:
            return match.group(1).decode("ascii", "replace").lower().replace("_", "-")
    return ""


def _decode(content: bytes) -> str | None:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None
