"""The folder: text by relative path, and nothing outside."""

from pathlib import Path

import pytest

from scaffold.folder import Folder
from scaffold.refused import Refused


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "", ".", "link/x", "file"])
def test_what_leads_out_of_the_folder_is_refused(path: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link").symlink_to(tmp_path)
    (inner / "file").symlink_to("/etc/passwd")
    with pytest.raises(Refused, match="is not a file in the folder"):
        Folder(inner).text(path)
    with pytest.raises(Refused, match="is not a file in the folder"):
        Folder(inner).store(path, b"")


def test_an_absolute_path_into_the_folder_is_one_of_it(tmp_path: Path) -> None:
    Folder(tmp_path).store(str(tmp_path / "new" / "a.txt"), b"a\r\n")

    assert Folder(tmp_path).text("new/a.txt") == "a\r\n"


def test_a_folder_reached_by_a_link_is_the_folder_itself(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "app").symlink_to("real")
    Folder(tmp_path / "app").store("a", b"x")

    assert (tmp_path / "real" / "a").read_bytes() == b"x"
    assert Folder(tmp_path / "real").text(str(tmp_path / "app" / "a")) == "x"


def test_what_is_no_small_text_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    (tmp_path / "large").write_bytes(b"x" * 2_000_001)
    folder = Folder(tmp_path)
    for path, said in (("latin", "not text"), ("large", "2000001 bytes"), ("none", "no file")):
        with pytest.raises(Refused, match=said):
            folder.text(path)


def test_files_are_listed_in_one_order_and_not_for_ever(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.py", "a.pyc", ".git/x", "__pycache__/y", "a/b.md"):
        Folder(tmp_path).store(name, b"")

    assert list(Folder(tmp_path).paths()) == ["b.txt", "a/b.md", "a/c.py"]
    assert Folder(tmp_path).listing(2) == "b.txt\na/b.md\n... and 1 more files"
    assert Folder(tmp_path / "a" / "none").listing() == "(it is empty)"


def test_lines_are_found_in_every_text_and_cut_at_some_number(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.store("a.toml", b"x = 1\n  y = lion # " + b"z" * 500 + b"\n")
    folder.store("b.bin", b"lion\xff")

    (line,) = folder.lines_with("lion")
    assert line.startswith("a.toml:2: y = lion")
    assert len(line) < 250
    folder.store("c.txt", b"lion\n" * 100)
    assert len(folder.lines_with("lion", 5)) == 6
