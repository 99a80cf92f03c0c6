"""Inside a fresh sandbox: which of some sentences can be read anywhere that Python code here would look.

Reads a JSON list of sentences from standard input; prints a JSON list of the indexes of those found.
Searched: the interpreter, every library it has mapped, and all text and extension files below `sys.path`, the
dependency layer and the system's Python folders. White space and what is glued to the first and last word are ignored,
because in a binary a length byte may print as a letter.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOTS = ("opt/*", "usr/lib/python*", "usr/local/lib/python*", "usr/share/doc/python*")
TEXT = (".py", ".pyi", ".pyc", ".txt", ".rst", ".md", ".html", "METADATA")
KEY_WORDS = 3
BLOCK = 4_000_000
OVERLAP = 4_096

_UNPRINTABLE = re.compile(rb"[^\x20-\x7e\x80-\xff\t\r\n]+")


def words_of(content: bytes) -> list[str]:
    """Return the words of the printable runs of a file."""
    return _UNPRINTABLE.sub(b" ", content).decode("utf-8", "replace").split()


def index_sentences(sentences: list[str]) -> dict[tuple[str, ...], list[tuple[int, list[str]]]]:
    """Index each sentence by its second to fourth word; one with fewer words cannot be told apart and is left out."""
    keys: dict[tuple[str, ...], list[tuple[int, list[str]]]] = {}
    for number, sentence in enumerate(sentences):
        words = sentence.split()
        if len(words) > KEY_WORDS + 1:
            keys.setdefault(tuple(words[1 : KEY_WORDS + 1]), []).append((number, words))
    return keys


def search(words: list[str], keys: dict[tuple[str, ...], list[tuple[int, list[str]]]]) -> set[int]:
    """Return the numbers of the sentences that these words hold."""
    found = set()
    triples = zip(words, words[1:], words[2:], strict=False)
    for at, key in enumerate(triples):
        for number, sentence in keys.get(key, ()):
            if _matches(words, at, sentence):
                found.add(number)
    return found


def _matches(words: list[str], at: int, sentence: list[str]) -> bool:
    """Whether the sentence without its first word stands at `at`, and the word before ends with its first word."""
    end = at + len(sentence) - 1
    middle_fits = words[at : end - 1] == sentence[1:-1]
    last_fits = end <= len(words) and words[end - 1].startswith(sentence[-1].rstrip(".,;:"))
    return middle_fits and last_fits and at > 0 and words[at - 1].endswith(sentence[0])


def files() -> Iterator[str]:
    """Yield every file to search, each once."""
    seen = {os.path.realpath(sys.executable)}
    with Path("/proc/self/maps").open(encoding="utf-8", errors="replace") as maps:
        seen.update(line.split(maxsplit=5)[5].strip() for line in maps if "/" in line)
    roots = (str(folder) for pattern in ROOTS for folder in Path("/").glob(pattern))
    for folder in (*sys.path, *roots):
        for parent, _, names in os.walk(folder):
            seen.update(os.path.realpath(f"{parent}/{name}") for name in names if name.endswith(TEXT) or ".so" in name)
    yield from sorted(path for path in seen if Path(path).is_file())


def blocks(path: str) -> Iterator[list[str]]:
    """Yield the words of a file in blocks that overlap, so that a large file does not fill the memory."""
    tail = b""
    with Path(path).open("rb") as stream:
        while content := stream.read(BLOCK):
            yield words_of(tail + content)
            tail = content[-OVERLAP:]


def main() -> None:
    """Search everything and print the result."""
    keys = index_sentences(json.load(sys.stdin))
    found: set[int] = set()
    for path in files():
        try:
            for words in blocks(path):
                found |= search(words, keys)
        except OSError:
            # What this user may not read, a candidate may not read either.
            continue
    json.dump(sorted(found), sys.stdout)


if __name__ == "__main__":
    main()
