"""The folder that the agent works in: text files by relative path, and nothing outside."""

from collections.abc import Iterator
from pathlib import Path

from scaffold.files import MAX_BYTES, read_sources, source_paths
from scaffold.refused import Refused

IGNORED = (".pyc", ".so", ".png", ".jpg", ".gif", ".zip", ".gz", ".pdf")


class Folder:
    """A folder seen as text files."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def place(self, path: str) -> Path:
        """Return where a path leads; raise when that is not within the folder, links followed."""
        place = (self.root / path).resolve()
        if place == self.root or not place.is_relative_to(self.root):
            raise Refused(f"{path!r} is not a file in the folder")
        return place

    def content(self, path: str) -> bytes:
        """Return the bytes of a file that is there and not too large."""
        place = self.place(path)
        if not place.is_file():
            raise Refused(f"there is no file {path!r}")
        if place.stat().st_size > MAX_BYTES:
            raise Refused(f"{path!r} has {place.stat().st_size} bytes; look at it with a command")
        return place.read_bytes()

    def text(self, path: str) -> str:
        """Return a file's text, line ends as they are."""
        try:
            return self.content(path).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused(f"{path!r} is not text in UTF-8") from error

    def store(self, path: str, content: bytes) -> None:
        """Write a file, in place of what was there."""
        place = self.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def sources(self) -> dict[str, str]:
        """Map the path of each Python file to its text, for reading only."""
        return read_sources(self.root)

    def paths(self) -> Iterator[str]:
        """Yield the relative paths of all files that may be text, in the same order on every machine."""
        for path in source_paths(self.root, ("",)):
            if not path.name.endswith(IGNORED):
                yield path.relative_to(self.root).as_posix()

    def listing(self, most: int = 200) -> str:
        """Return the paths, one a line, and how many more there are."""
        paths = list(self.paths())
        rest = [f"... and {len(paths) - most} more files"] if len(paths) > most else []
        return "\n".join([*paths[:most], *rest]) or "(it is empty)"

    def lines_with(self, wanted: str, most: int = 60) -> list[str]:
        """Return `path:number: line` for each line that holds a text."""
        found: list[str] = []
        for path in self.paths():
            try:
                lines = self.text(path).split("\n")
            except Refused:
                continue  # neither text nor small
            found += [f"{path}:{n}: {line.strip()[:200]}" for n, line in enumerate(lines, 1) if wanted in line]
            if len(found) > most:
                return [*found[:most], "... and more"]
        return found
