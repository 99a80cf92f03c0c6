"""Read the source files of a repository."""

import os
from collections.abc import Iterator
from pathlib import Path

SKIPPED_FOLDERS = frozenset({".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", "build", "dist"})
MAX_BYTES = 2_000_000


def source_paths(root: Path, suffixes: tuple[str, ...] = (".py",)) -> Iterator[Path]:
    """Yield the regular files below `root` that end in one of `suffixes`, in the same order on every machine."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in SKIPPED_FOLDERS)
        for file in sorted(files):
            path = Path(folder, file)
            if file.endswith(suffixes) and path.is_file() and not path.is_symlink():
                yield path


def read_sources(root: Path, max_bytes: int = MAX_BYTES) -> dict[str, str]:
    """Map each source file's path, relative to `root` and with forward slashes, to its text.

    Files above `max_bytes` are left out. Bytes that are not UTF-8 become U+FFFD: the text is for reading and ranking,
    never for writing back.
    """
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in source_paths(root)
        if path.stat().st_size <= max_bytes
    }
