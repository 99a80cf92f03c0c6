"""What a patch is as files, lines and characters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.edits.tree import File, Tree
from agent.errors import UnsafeTree
from agent.gate.hidden import hidden_characters, in_ascii
from agent.gate.patch_facts import (
    MAX_DISTANCE,
    file_facts,
    hidden_facts,
    is_build,
    line_changes,
    odd_paths,
)
from agent.workspace import Zones

ZONES = Zones(mind=["scaffold/**", "tests/scaffold/**"], kept=["policies/**", "tests/kept/**", "successor.toml"])


def tree(**files):
    return Tree({name.replace("__", "/"): File(content) for name, content in files.items()})


def one(path, before, after):
    (found,) = file_facts(Tree({path: before} if before else {}), Tree({path: after} if after else {}), ZONES)
    return found


def test_a_changed_file_is_described_in_full():
    found = one("scaffold/a.py", File(b"x = 1\ny = 2\n"), File(b"x = 1\ny = 3\nz = 44\n"))

    assert found.model_dump() == {
        "path": "scaffold/a.py",
        "zone": "mind",
        "change": "changed",
        "added": 2,
        "removed": 1,
        "longest_line": 6,
        "mode": "same",
        "readable": True,
        "build": False,
    }


def test_added_and_deleted_files_count_every_line():
    assert (one("scaffold/a.py", None, File(b"1\n2\n3\n")).added, one("scaffold/a.py", None, File(b"")).added) == (3, 0)
    gone = one("scaffold/a.py", File(b"1\n2"), None)
    assert (gone.change, gone.added, gone.removed) == ("deleted", 0, 2)


@pytest.mark.parametrize(
    ("before", "after", "mode"),
    [
        (File(b"x"), File(b"x", executable=True), "made_executable"),
        (File(b"x", executable=True), File(b"x"), "made_plain"),
        (None, File(b"x", executable=True), "made_executable"),
        (None, File(b"x"), "same"),
        (File(b"x", executable=True), None, "same"),
        (File(b"x", executable=True), File(b"y", executable=True), "same"),
    ],
)
def test_a_change_of_mode_is_seen(before, after, mode):
    assert one("scaffold/a", before, after).mode == mode


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b", b"\x89PNG\r\n", "é".encode("latin-1")])
def test_bytes_that_are_no_text_are_named(content):
    assert not one("scaffold/a.py", File(b"x\n"), File(content)).readable


def test_deleting_a_binary_file_leaves_nothing_unreadable():
    assert one("scaffold/a.bin", File(b"\0"), None).readable


@pytest.mark.parametrize(
    ("path", "zone"),
    [
        ("scaffold/x.py", "mind"),
        ("tests/scaffold/x.py", "mind"),
        ("policies/x.yaml", "kept"),
        ("Policies/x.yaml", "kept"),
        ("POLICIES/X.YAML", "kept"),
        ("tests/Kept/x.py", "kept"),
        ("Successor.toml", "kept"),
        ("p\u043elicies/x.yaml", "unknown"),  # a Cyrillic o
        ("\uff50olicies/x.yaml", "unknown"),  # a full-width p
        ("Scaffold/x.py", "unknown"),  # letter case never leads into the mind
        ("\u017fcaffold/x.py", "unknown"),  # a long s, which folds to s
        ("scaffold", "unknown"),
        ("scaffold.py", "unknown"),
        ("json.py", "unknown"),
        ("tests/x.py", "unknown"),
    ],
)
def test_the_zone_of_a_path_cannot_be_talked_round(path, zone):
    assert one(path, None, File(b"x\n")).zone == zone


@pytest.mark.parametrize(
    "path",
    [
        "scaffold/../policies/x.yaml",
        "./policies/x.yaml",
        "scaffold//x.py",
        "/policies/x",
        "scaffold\\..\\policies\\x",
        "scaffold/x\n.py",
        ".git/config",
        "scaffold/.GIT/config",
    ],
)
def test_a_path_that_leads_elsewhere_is_no_path_at_all(path):
    with pytest.raises(UnsafeTree):
        Tree({path: File(b"x")})


@pytest.mark.parametrize(
    "path",
    [
        "scaffold/s\u0435arch.py",
        "scaffold/caf\u00e9.py",
        "scaffold/x\u200b.py",
        "scaffold/-rf",
        "scaffold/ x.py",
        "scaffold/x.py ",
        "scaffold/x.py.",
        "scaffold/a;b.py",
        "scaffold/$(x).py",
        "scaffold/SEARCH.py",
    ],
)
def test_a_path_that_is_not_what_it_looks_like_is_named(path):
    before = Tree({"scaffold/search.py": File(b"x\n")})

    assert odd_paths(before, before.with_file(path, File(b"x\n"))) == (path,)


def test_ordinary_paths_are_not_odd():
    names = ("scaffold/a_b-c.py", "scaffold/x/__init__.py", "scaffold/.keep", "scaffold/a b.md", "scaffold/v1.2+x.txt")

    assert odd_paths(Tree({}), Tree({name: File(b"x\n") for name in names})) == ()


def test_an_odd_path_of_the_base_that_does_not_change_is_not_the_patchs():
    before = Tree({"scaffold/caf\u00e9.py": File(b"x\n"), "scaffold/a.py": File(b"x\n")})

    assert odd_paths(before, before.with_file("scaffold/a.py", File(b"y\n"))) == ()


@pytest.mark.parametrize(
    "path",
    [
        "pyproject.toml", "scaffold/setup.py", "setup.cfg", "requirements.txt", "scaffold/dev-requirements.txt",
        "requirements-dev.in", "uv.lock", "Makefile", "Dockerfile", "Dockerfile.dev", "scaffold/x.pth", "sitecustomize.py",
        "tests/scaffold/pytest.ini", "tox.ini", ".gitattributes", "scaffold/.gitmodules", ".github/workflows/ci.yml",
        "scaffold/__pycache__/x.cpython-312.pyc", "scaffold/x.so", "scaffold/native.c", "PYPROJECT.TOML", ".coveragerc",
    ],
)  # fmt: skip
def test_files_of_builds_and_start_up_are_known(path):
    assert is_build(path)


@pytest.mark.parametrize(
    "path", ["scaffold/search.py", "scaffold/prompt.md", "scaffold/words.txt", "scaffold/build.py"]
)
def test_files_of_the_scaffold_are_not_build_files(path):
    assert not is_build(path)


HIDDEN = "\u202e\u2066\u200b\u200d\u2060\ufeff\u00ad\u034f\u115f\u3164\uffa0\u2800\u00a0\u2028\u2029\u0085\x0b\x0c\x1b\x7f\ufe0f"
HIDDEN += "\U000e0041\U000e0100\ue000\u061c\u180e\u3000\u2003"


@pytest.mark.parametrize("character", HIDDEN, ids=lambda c: f"U+{ord(c):04X}")
def test_every_hidden_character_is_found_where_it_stands(character):
    before = Tree({"scaffold/a.py": File(b"x = 1\n")})
    after = Tree({"scaffold/a.py": File(f"x = 1\ny = 'a{character}b'\n".encode())})

    assert [(h.path, h.line, h.character) for h in hidden_facts(before, after)] == [
        ("scaffold/a.py", 2, f"U+{ord(character):04X}")
    ]


def test_a_carriage_return_hides_text_within_a_line_but_not_at_its_end():
    assert [h.line for h in hidden_facts(Tree({}), tree(scaffold__a=b"ok\r\nbad\rgood\r\n"))] == [2]


def test_ordinary_letters_of_other_alphabets_are_not_hidden():
    assert hidden_characters("caf\u00e9 \u043f\u0440\u0438\u0432\u0435\u0442 \u4f60\u597d \u2713 \U0001f600\n\t") == ()


def test_a_hidden_character_of_the_base_is_not_the_patchs():
    before = tree(scaffold__a=b"x = 1\n" + "y = '\u200b'\n".encode())
    after = tree(scaffold__a=b"x = 2\n" + "y = '\u200b'\n".encode())

    assert list(hidden_facts(before, after)) == []
    doubled = tree(scaffold__a=b"x = 1\n" + "y = '\u200b'\n".encode() * 2)
    assert [h.line for h in hidden_facts(before, doubled)] == [3]


def test_a_hidden_character_in_a_path_stands_at_line_0():
    found = list(hidden_facts(Tree({}), Tree({"scaffold/a\u200b.py": File(b"x\n")})))

    assert [(h.line, h.character) for h in found] == [(0, "U+200B")]


def test_text_for_people_is_plain_ascii():
    assert in_ascii("p\u043elicies\x1b[2K\u202e\U000e0041\n") == r"p\u043elicies\x1b[2K\u202e\U000e0041\n"


# Line counts --------------------------------------------------------------------------------------------------------


def reference(before: bytes, after: bytes) -> tuple[int, int]:
    """Added and removed lines by the longest common subsequence, the slow and sure way."""

    def lines(content):
        parts = content.split(b"\n")
        return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])

    old, new = lines(before), lines(after)
    table = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, a in enumerate(old):
        for j, b in enumerate(new):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return len(new) - table[-1][-1], len(old) - table[-1][-1]


texts = st.lists(st.sampled_from([b"a", b"b", b"c", b""]), max_size=12).map(b"\n".join)


@given(texts, texts)
@settings(max_examples=300, deadline=None)
def test_line_counts_are_those_of_a_shortest_edit(before, after):
    assert line_changes(before, after) == reference(before, after)


def test_a_missing_final_newline_and_line_endings_are_changes():
    assert line_changes(b"a\n", b"a") == (1, 1)
    assert line_changes(b"a\nb\n", b"a\r\nb\r\n") == (2, 2)
    assert line_changes(b"a", b"a") == (0, 0)


def test_a_rewrite_too_large_to_compare_never_looks_smaller_than_it_is():
    before = b"".join(b"%d\n" % i for i in range(MAX_DISTANCE))
    after = b"".join(b"x%d\n" % i for i in range(MAX_DISTANCE))

    assert line_changes(before, after) == (MAX_DISTANCE, MAX_DISTANCE)


def test_a_line_is_long_even_when_it_is_the_only_one():
    assert one("scaffold/a.py", File(b"x\n"), File(b"x" * 5000)).longest_line == 5000
