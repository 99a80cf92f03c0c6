"""What the model is told at first."""

from pathlib import Path

from scaffold.folder import Folder
from scaffold.task import MOST_CONTEXT, opening


def test_it_is_told_the_task_the_files_and_the_source_that_it_is_about(tmp_path: Path) -> None:
    (tmp_path / "lion.py").write_text("def roar(loudness):\n    return loudness\n")
    (tmp_path / "zebra.py").write_text("def stripes():\n    return 7\n")
    (tmp_path / "data.csv").write_text("1,2\n")
    told = opening("Make the lion roar at any {loudness}.", Folder(tmp_path))

    assert "Make the lion roar at any {loudness}." in told
    assert "data.csv\nlion.py\nzebra.py" in told
    assert "return loudness" in told
    assert "return 7" not in told
    assert str(tmp_path) not in told


def test_it_is_told_no_more_than_fits(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / f"m{number}.py").write_text(f"def lion{number}():\n    return 'lion'\n" * 200)

    assert len(opening("lion", Folder(tmp_path))) < MOST_CONTEXT + 4_000


def test_an_empty_folder_is_no_fault(tmp_path: Path) -> None:
    assert "(it is empty)" in opening("Write it.", Folder(tmp_path))
