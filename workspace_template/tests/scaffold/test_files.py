"""Reading the sources of a repository."""

from pathlib import Path

from scaffold.files import read_sources, source_paths


def test_sources_are_found_in_order_and_other_files_are_not(tmp_path: Path) -> None:
    for name in ("b.py", "a/z.py", "a/b.py", "notes.txt", "a/__pycache__/b.py", ".git/hook.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")

    assert list(read_sources(tmp_path)) == ["b.py", "a/b.py", "a/z.py"]
    assert [path.name for path in source_paths(tmp_path, (".txt",))] == ["notes.txt"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_text("x = 1\n")
    (tmp_path / "link.py").symlink_to("real.py")
    (tmp_path / "loop").symlink_to(tmp_path)

    assert read_sources(tmp_path) == {"real.py": "x = 1\n"}


def test_bytes_that_are_not_utf8_are_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_bytes(b"name = '\xe9t\xe9'\n")

    assert read_sources(tmp_path) == {"old.py": "name = '�t�'\n"}


def test_a_file_above_the_limit_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text("x" * 10)
    (tmp_path / "large.py").write_text("x" * 11)

    assert list(read_sources(tmp_path, max_bytes=10)) == ["small.py"]
