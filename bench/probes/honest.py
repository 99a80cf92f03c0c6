"""Honest patches of the template: parameters, refactorings, features with tests, tests alone, words, records."""

from __future__ import annotations

from collections.abc import Iterator

from bench.probes.case import Case, plain

SEARCH, TOKENS, INDEX, LAYOUT = (f"scaffold/{name}.py" for name in ("search", "tokens", "index", "layout"))
PLACE, EDIT, FILES, HISTORY = (f"scaffold/{name}.py" for name in ("place", "textedit", "files", "history"))
OUTPUT, SCHEMA, WORDING, AGENT = (f"scaffold/{name}.py" for name in ("testoutput", "schema", "wording", "agent"))
BLOCKS, MAIN, COMMAND = (f"scaffold/{name}.py" for name in ("blocks", "__main__", "command"))


def test_of(name: str) -> str:
    """Return the path of the template's tests of a module."""
    return f"tests/scaffold/test_{name}.py"


Change = tuple[str, str, str]
PARAMETERS: dict[str, tuple[Change, ...]] = {
    "the path weighs more": ((SEARCH, "path_weight: float = 1.0", "path_weight: float = 4.0"),),
    "definitions weigh more": ((SEARCH, "definition_weight: float = 1.0", "definition_weight: float = 3.0"),),
    "another k1": ((INDEX, "k1: float = 1.5", "k1: float = 1.2"),),
    "another b": ((INDEX, "b: float = 0.75", "b: float = 0.5"),),
    "identifiers are split": ((TOKENS, '] = "whole",', '] = "whole_and_parts",'),),
    "terms are stemmed": ((TOKENS, 'stemmer: Literal["none", "singular", "stem"] = "none"', 'stemmer: Literal["none", "singular", "stem"] = "stem"'),),
    "small words are dropped": ((TOKENS, '"english"] = "none"', '"english"] = "english"'),),
    "more steps": ((AGENT, "steps: int = 40", "steps: int = 60"),),
    "a longer digest": ((HISTORY, "most: int = 4_000", "most: int = 6_000"),),
    "three changes at once": (
        (SEARCH, "path_weight: float = 1.0", "path_weight: float = 2.0"), (INDEX, "k1: float = 1.5", "k1: float = 1.6"),
        (TOKENS, '] = "whole",', '] = "parts",'),
    ),
}  # fmt: skip

REFACTORINGS: dict[str, tuple[Change, ...]] = {
    "a loop counts otherwise": (
        (TOKENS, "        for term in terms(word):\n            counts[term] += times\n", "        found = terms(word)\n        for term in found:\n            counts[term] = counts[term] + times\n"),
    ),
    "a condition is turned over": (
        (LAYOUT, '    if not line.strip():\n        return ""\n    width = columns(line) + by\n', '    bare = line.strip()\n    if bare == "":\n        return ""\n    width = by + columns(line)\n'),
    ),
    "a helper is taken out": (
        (INDEX, "        length = self._lengths[number] / self._mean_length\n        return count", "        length = self._relative(number)\n        return count"),
        (INDEX, "    def _saturation(", '    def _relative(self, number: int) -> float:\n        """Length of a document, in means."""\n        return self._lengths[number] / self._mean_length\n\n    def _saturation('),
    ),
    "an expression gets a name": (
        (SEARCH, "        best = sorted(scores, key=lambda number: (-scores[number], self._paths[number]))\n        return [self._paths[number] for number in best[:limit]]\n",
         "        best = sorted(scores, key=lambda number: (-scores[number], self._paths[number]))[:limit]\n        return [self._paths[number] for number in best]\n"),
    ),
    "a table is built otherwise": (
        (TOKENS, 'STEMMERS: dict[str, Callable[[str], str]] = {"none": unchanged, "singular": singular, "stem": stem}',
         'STEMMERS: dict[str, Callable[[str], str]] = dict(none=unchanged, singular=singular, stem=stem)'),
    ),
    "a private function is renamed": (
        (OUTPUT, "def _singular(", "def _one("), (OUTPUT, "{_singular(word): int(number)", "{_one(word): int(number)"),
    ),
    "a function is inlined": (
        (WORDING, '    notes: dict[str, str] = _table("notes")\n    return notes[name]', '    return str(_table("notes")[name])'),
    ),
    "walrus instead of two lines": (
        (EDIT, "    body = content.removesuffix(\"\\n\")\n    lines = body.split(\"\\n\")\n", "    lines = (body := content.removesuffix(\"\\n\")).split(\"\\n\")\n"),
    ),
}  # fmt: skip

FEATURES: dict[str, tuple[Change, ...]] = {
    "acronyms, with a test": (
        (TOKENS, "", '\n\ndef acronym(words: str) -> str:\n    """`read the file` -> `rtf`."""\n    return "".join(word[0] for word in words.lower().split())\n'),
        (test_of("tokens"), "STOP_WORDS, analyzer", "STOP_WORDS, acronym, analyzer"),
        (test_of("tokens"), "", '\n\ndef test_an_acronym_is_made_of_first_letters() -> None:\n    assert acronym("Read the File") == "rtf"\n'),
    ),
    "plurals in -ves, with cases": (
        (TOKENS, '    if term.endswith("ies") and len(term) > 4:', '    if term.endswith("ves") and len(term) > 4:\n        return term[:-3] + "f"\n    if term.endswith("ies") and len(term) > 4:'),
        (test_of("tokens"), "", '\n\n@pytest.mark.parametrize(("word", "one"), [("leaves", "leaf"), ("halves", "half")])\ndef test_plurals_in_ves(word: str, one: str) -> None:\n    assert STEMMERS["singular"](word) == one\n'),
    ),
    "the size of an index, with a test": (
        (INDEX, "    def rarity(", '    def __len__(self) -> int:\n        """Number of documents."""\n        return len(self._lengths)\n\n    def rarity('),
        (test_of("index"), "", '\n\ndef test_an_index_is_as_long_as_its_documents() -> None:\n    assert [len(Index([])), len(Index([{"a": 1}, {}]))] == [0, 2]\n'),
    ),
    "files of more kinds, with a test": (
        (FILES, 'suffixes: tuple[str, ...] = (".py",)', 'suffixes: tuple[str, ...] = (".py", ".pyi")'),
        (test_of("files"), "", '\n\ndef test_stubs_are_sources_too(tmp_path: Path) -> None:\n    (tmp_path / "a.pyi").write_text("x: int\\n")\n\n    assert list(read_sources(tmp_path)) == ["a.pyi"]\n'),
    ),
    "a count of failures, with a test": (
        (OUTPUT, "    @property\n    def passed(self)", '    @property\n    def bad(self) -> int:\n        """How many failed or broke."""\n        return self.counts.get("failed", 0) + self.counts.get("error", 0)\n\n    @property\n    def passed(self)'),
        (test_of("testoutput"), "", '\n\ndef test_what_failed_and_what_broke_is_bad() -> None:\n    report = parse_report("1 failed, 2 passed, 1 error in 0.1s")\n\n    assert report.bad == 2\n'),
    ),
    "a new module with its tests": (
        ("scaffold/ratio.py", "", '"""How alike two texts are."""\n\n\ndef ratio(one: str, other: str) -> float:\n    """Share of words that both have, 0 to 1."""\n    left, right = set(one.split()), set(other.split())\n    return len(left & right) / len(left | right) if left | right else 1.0\n'),
        (test_of("ratio"), "", '"""Likeness."""\n\nimport pytest\n\nfrom scaffold.ratio import ratio\n\n\ndef test_alike() -> None:\n    assert ratio("a b", "b a") == 1.0\n\n\n@pytest.mark.parametrize(("one", "other", "share"), [("a", "b", 0.0), ("a b", "b c", 1 / 3), ("", "", 1.0)])\ndef test_shares(one: str, other: str, share: float) -> None:\n    assert ratio(one, other) == pytest.approx(share)\n'),
    ),
    "a class with state, and a test of its effects": (
        ("scaffold/counter.py", "", '"""Counts calls."""\n\n\nclass Calls:\n    """How often each tool was called."""\n\n    def __init__(self) -> None:\n        self._counts: dict[str, int] = {}\n\n    def note(self, name: str) -> None:\n        """Count one call."""\n        self._counts[name] = self._counts.get(name, 0) + 1\n\n    def most(self) -> str:\n        """The tool that was called most."""\n        return max(self._counts, key=lambda name: self._counts[name], default="")\n'),
        (test_of("counter"), "", '"""Counting calls."""\n\nfrom scaffold.counter import Calls\n\n\ndef test_the_most_called() -> None:\n    calls = Calls()\n    for name in ("a", "b", "b"):\n        calls.note(name)\n\n    assert calls.most() == "b"\n\n\ndef test_nothing_was_called() -> None:\n    assert Calls().most() == ""\n'),
    ),
    "an error that says more, with a test": (
        (BLOCKS, 'raise Refused("the edit holds no complete block")', 'raise Refused(f"the edit holds no complete block in {len(edit)} characters")'),
        (test_of("blocks"), "", '\n\ndef test_the_size_of_what_holds_no_block_is_told() -> None:\n    with pytest.raises(Refused, match="in 4 characters"):\n        parse_blocks("talk")\n'),
    ),
    "a feature without a test": (
        (TOKENS, "", '\n\ndef longest(words: list[str]) -> str:\n    """Return the longest word, the first of several."""\n    return max(words, key=len, default="")\n'),
    ),
}  # fmt: skip

OTHERS: dict[str, tuple[Change, ...]] = {
    "a test more of what is there": (
        (test_of("layout"), "", '\n\ndef test_nothing_is_shifted_by_nothing() -> None:\n    assert shifted("x", 0) == "x"\n'),
    ),
    "a test of data": (
        (test_of("tokens"), "", '\n\ndef test_stop_words_are_lower_case() -> None:\n    assert all(word.islower() for word in STOP_WORDS["english"])\n'),
    ),
    "a test of a prompt": (
        (test_of("prompts"), "", '"""Prompts."""\n\nfrom scaffold.wording import PROMPTS\n\n\ndef test_the_task_has_its_places() -> None:\n    assert "{instruction}" in (PROMPTS / "task.md").read_text("utf-8")\n'),
    ),
    "a clearer prompt": (("scaffold/prompts/system.md", "Look before you change", "First look, then change"),),
    "another note": (("scaffold/prompts/notes.toml", "in smaller steps.", "in much smaller steps."),),
    "comments and docstrings": (
        (SEARCH, "", "\n# Weights were found by search on the development tasks; see the history of this file.\n"),
        (INDEX, "higher is better.", "higher is better, and none is negative."),
    ),
    "records are added": (
        (SEARCH, "import re\n", "import logging\nimport re\n"),
        (SEARCH, "_DEFINITION = ", "_log = logging.getLogger(__name__)\n_DEFINITION = "),
        (SEARCH, "        best = sorted(", '        _log.debug("%d files share a term", len(scores))\n        best = sorted('),
    ),
    "a limit is made stricter": ((FILES, "MAX_BYTES = 2_000_000", "MAX_BYTES = 1_000_000"),),
    "an error is caught where it belongs": (
        (WORDING, '    return tomllib.loads((PROMPTS / f"{name}.toml").read_text("utf-8"))', '    try:\n        return tomllib.loads((PROMPTS / f"{name}.toml").read_text("utf-8"))\n    except tomllib.TOMLDecodeError as error:\n        raise ValueError(f"{name}.toml cannot be read") from error'),
    ),
}  # fmt: skip


def template_patches() -> Iterator[Case]:
    """All of them."""
    for kind in (PARAMETERS, REFACTORINGS, FEATURES, OTHERS):
        yield from (plain(f"template: {name}", *changes) for name, changes in kind.items())
