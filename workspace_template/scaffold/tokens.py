"""From text to terms: which words two texts must share to be about the same thing."""

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Literal

Analyzer = Callable[[str], tuple[str, ...]]

_WORD = re.compile(r"[^\W\d]\w*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\dA-Za-z_]+|\d+")
_ENGLISH = "a an and are as at be by for from has have if in into is it its not of on or so that the this to was with"

STOP_WORDS = {"none": frozenset[str](), "english": frozenset(_ENGLISH.split())}


def whole(word: str) -> tuple[str, ...]:
    """`readFile_2` -> `readfile_2`: an identifier is one term."""
    return (word.lower(),)


def parts(word: str) -> tuple[str, ...]:
    """`readFile_2` -> `read file 2`: an identifier is the words it is made of."""
    return tuple(part.lower() for part in _PART.findall(word))


def whole_and_parts(word: str) -> tuple[str, ...]:
    """`readFile_2` -> `readfile_2 read file 2`; a word of one part stays one term."""
    pieces = parts(word)
    return pieces if len(pieces) == 1 else whole(word) + pieces


SPLITTERS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "whole": whole,
    "parts": parts,
    "whole_and_parts": whole_and_parts,
}


def unchanged(term: str) -> str:
    """Keep every form of a word apart."""
    return term


def singular(term: str) -> str:
    """`entries` -> `entry`, `files` -> `file`, `class` -> `class`."""
    if term.endswith("ies") and len(term) > 4:
        return term[:-3] + "y"
    if term.endswith("s") and not term.endswith(("ss", "us", "is")) and len(term) > 3:
        return term[:-1]
    return term


def stem(term: str) -> str:
    """`parsing`, `parsed`, `parses` -> `pars`: light suffix stripping that never leaves fewer than three letters."""
    term = singular(term)
    for suffix in ("ation", "ing", "ed", "er", "or", "ly", "e"):
        if term.endswith(suffix) and len(term) - len(suffix) >= 3:
            return term[: -len(suffix)]
    return term


STEMMERS: dict[str, Callable[[str], str]] = {"none": unchanged, "singular": singular, "stem": stem}


def analyzer(
    split: Literal["whole", "parts", "whole_and_parts"] = "whole",
    stemmer: Literal["none", "singular", "stem"] = "none",
    stop_words: Literal["none", "english"] = "none",
) -> Analyzer:
    """Return the function from one word to its terms. It remembers words, because source repeats them."""
    splitter, normal, stopped = SPLITTERS[split], STEMMERS[stemmer], STOP_WORDS[stop_words]

    @cache
    def terms(word: str) -> tuple[str, ...]:
        return tuple(normal(term) for term in splitter(word) if term not in stopped)

    return terms


def count_terms(text: str, terms: Analyzer) -> Counter[str]:
    """Count the terms of a text."""
    counts: Counter[str] = Counter()
    for word, times in Counter(_WORD.findall(text)).items():
        for term in terms(word):
            counts[term] += times
    return counts
