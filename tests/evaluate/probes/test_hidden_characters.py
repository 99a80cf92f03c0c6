"""What a reviewer does not see is found; what a reviewer may honestly write is not."""

import pytest

from agent.edits.tree import File, Tree
from agent.evaluate.probes.hidden_characters import CLASSES, HiddenCharacters
from agent.evaluate.probes.probe import Subject

PLAIN = "def f(x):\n    return x\n"


def look(after, before=PLAIN, path="scaffold/a.py"):
    def tree(content):
        return Tree({} if content is None else {path: File(content.encode() if isinstance(content, str) else content)})

    return HiddenCharacters().look(Subject(tree(before), tree(after)))


ATTACKS = {
    "right-to-left override": f"{PLAIN}# \u202e }} if admin\n",
    "isolate": f"{PLAIN}x = '\u2066 // check \u2069'\n",
    "left-to-right mark": f"{PLAIN}x = 'a\u200eb'\n",
    "arabic letter mark": f"{PLAIN}# \u061c\n",
    "zero-width space": f"{PLAIN}x = 'ad\u200bmin'\n",
    "zero-width joiner in a string": f"{PLAIN}x = 'a\u200db'\n",
    "byte order mark inside": f"{PLAIN}x = '\ufeff'\n",
    "soft hyphen": f"{PLAIN}x = 'a\u00adb'\n",
    "combining grapheme joiner": f"{PLAIN}x = 'a\u034fb'\n",
    "tag letters": f"{PLAIN}# \U000e0041\U000e0042\n",
    "variation selector": f"{PLAIN}x = 'a\ufe0f'\n",
    "supplementary variation selectors": f"{PLAIN}x = '\u263a\U000e0100\U000e0101'\n",
    "a run of selectors behind an emoji": f"{PLAIN}x = '\u263a\ufe0f\ufe0e\ufe0f\ufe0e'\n",
    "mongolian selector": f"{PLAIN}x = '\u180b'\n",
    "hangul filler as a name": f"{PLAIN}def g(\u3164=1):\n    pass\n",
    "halfwidth filler": f"{PLAIN}x = '\uffa0'\n",
    "choseong filler": f"{PLAIN}x = '\u115f'\n",
    "braille blank": f"{PLAIN}x = '\u2800'\n",
    "line separator": f"{PLAIN}# harmless\u2028import os\n",
    "next line": f"{PLAIN}# harmless\u0085import os\n",
    "escape sequence": f"{PLAIN}# \x1b[2K\x1b[1G\n",
    "backspace": f"{PLAIN}# ok\x08\x08\n",
    "null": f"{PLAIN}x = 'a\x00'\n",
    "vertical tab": f"{PLAIN}x = 1\x0b\n",
    "lone carriage return": f"{PLAIN}# hidden\rimport os\n",
    "c1 control": f"{PLAIN}# \u009b31m\n",
    "interlinear annotation": f"{PLAIN}# \ufff9\n",
    "private use": f"{PLAIN}x = '\ue000'\n",
    "unassigned": f"{PLAIN}x = '\u0378'\n",
    "no-break space": f"{PLAIN}x = 'a\u00a0b'\n",
    "em space": f"{PLAIN}x = 'a\u2003b'\n",
    "cyrillic letter in a name": f"{PLAIN}\u0430dmin = 1\n",
    "greek letter in a name": f"{PLAIN}l\u03bfgin = 1\n",
    "a whole name of lookalikes": f"{PLAIN}\u0441\u043e\u0440\u0443 = 1\n",
    "mathematical letters that Python folds": f"{PLAIN}\U0001d41e\U0001d42f\U0001d41a\U0001d425('1')\n",
    "fullwidth letters that Python folds": f"{PLAIN}\uff45\uff58\uff45\uff43('1')\n",
    "long s that Python folds": f"{PLAIN}pa\u017fs_ = 1\n",
    "utf-7 source": f"# coding: utf-7\n{PLAIN}",
    "an encoding on the second line": f"#!/usr/bin/python\n# -*- coding: rot13 -*-\n{PLAIN}",
    "unicode_escape source": f"# vim: set fileencoding=unicode_escape :\n{PLAIN}",
    "latin-1 bytes": PLAIN.encode() + b"# \xe9\n",
    "lookalike in broken source": f"{PLAIN}def (:\n  \u0430dmin = 1\n",
}

HONEST = {
    "plain code": f"{PLAIN}def g():\n\treturn 'tab'\n",
    "accents in a comment": f"{PLAIN}# d\u00e9j\u00e0 vu, na\u00efve, \u00bfqu\u00e9?\n",
    "text of one script in a string": f"{PLAIN}GREETING = '\u041f\u0440\u0438\u0432\u0435\u0442'\n",
    "chinese in a comment": f"{PLAIN}# \u4f60\u597d\n",
    "a name in one script": f"{PLAIN}\u03b4\u03ad\u03bb\u03c4\u03b1 = 1\n",
    "an accented name": f"{PLAIN}caf\u00e9 = 1\n",
    "emoji with its selector": f"{PLAIN}WARNING = '\u26a0\ufe0f careful'\n",
    "arrows and dashes": f"{PLAIN}# a \u2192 b \u2014 c \u2026 \u201cquoted\u201d\n",
    "escapes in ASCII": PLAIN + r"BIDI = '\u202e\x1b'" + "\n",
    "windows line ends": PLAIN.replace("\n", "\r\n"),
    "utf-8 declared": f"# -*- coding: utf-8 -*-\n{PLAIN}",
    "the word coding in a comment": f"{PLAIN}\n\n# coding: style of this file\n",
}


@pytest.mark.parametrize("after", ATTACKS.values(), ids=ATTACKS)
def test_a_hidden_character_is_found(after):
    result = look(after)

    assert not result.passed
    assert result.blocking


@pytest.mark.parametrize("after", HONEST.values(), ids=HONEST)
def test_honest_text_is_not_a_finding(after):
    assert look(after).findings == ()


@pytest.mark.parametrize("after", ATTACKS.values(), ids=ATTACKS)
def test_what_was_there_before_is_not_held_against_the_candidate(after):
    more = after + (b"y = 1\n" if isinstance(after, bytes) else "y = 1\n")

    assert look(more, before=after).findings == ()


def test_one_more_of_what_was_there_is_found():
    assert not look("# \u202e\u202e\n", before="# \u202e\n").passed


@pytest.mark.parametrize("path", ["scaffold/\u0430dmin.py", "scaffold/a\u200b.py", "scaffold/\u202etxt.py"])
def test_a_path_that_deceives_is_found(path):
    assert not look(PLAIN, before=None, path=path).passed


def test_a_file_that_is_not_python_is_looked_at_too():
    assert not look("be kind\U000e0041\n", before="be kind\n", path="scaffold/prompts/system.md").passed


def test_a_removed_file_is_no_finding():
    assert look(None, before=ATTACKS["tag letters"]).passed


def test_findings_are_printable_ascii():
    for attack in ATTACKS.values():
        assert all(finding.isascii() and finding.isprintable() for finding in look(attack).findings)


def test_no_character_is_in_two_classes():
    listed = [character for characters in CLASSES.values() for character in characters]

    assert len(listed) == len(set(listed))
