"""A repository written straight into a pack: generations that differ in a file, and the gate log beside them."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from agent.edits.tree import File, Tree
from agent.gate.note import NoteSigner, sign_checkpoint
from agent.lineage.gate_log import (
    CHECKPOINT_FILE,
    FRONTIER_FILE,
    ROOT_FILE,
    Head,
    LogEntry,
    entry_files,
    log_tree,
)
from agent.lineage.log_folders import LogFolders
from agent.lineage.objects import FOLDER_MODE, Entry, format_tree, gate_commit, object_id
from bench.packs import PackWriter

_KEPT = 4


@dataclass(frozen=True)
class _Drawn:
    """A generation as git stores it: the entries of each folder by name, and the lines of its manifest."""

    folders: dict[str, dict[str, Entry]]
    lines: dict[str, bytes]
    new: tuple[str, ...]
    """Folders that differ from the generation that it was made from, deepest first."""
    path: str


class PackedLog:
    """Writes one repository. Everything goes into one pack; `close` indexes it and writes the refs."""

    def __init__(self, folder: Path, tree: Tree, gate: NoteSigner, head: Head) -> None:
        self.head = head
        self.previous: LogEntry | None = None
        self._folder = folder
        self._gate = gate
        self._pack = PackWriter(folder / "objects" / "pack" / "pack-1.pack")
        self._folders = LogFolders()
        self._tip: str | None = None
        self._drawn = {tree.git_id: self._whole(tree)}

    def changed(self, tree: Tree, path: str, file: File) -> Tree:
        """Return `tree` with other content in a file that it has."""
        before = self._drawn[tree.git_id]
        folders, new, name = dict(before.folders), [], path
        entry = Entry(file.mode, path.rpartition("/")[2], object_id("blob", file.content))
        while True:
            folder, _, name = name.rpartition("/")
            folders[folder] = {**folders[folder], entry.name: entry}
            new.append(folder)
            tree_id = object_id("tree", format_tree(folders[folder].values()))
            if not folder:
                break
            entry, name = Entry(FOLDER_MODE, folder.rpartition("/")[2], tree_id), folder
        lines = {**before.lines, path: _line(path, file)}
        while len(self._drawn) >= _KEPT:
            del self._drawn[next(iter(self._drawn))]
        self._drawn[tree.git_id] = before
        self._drawn[tree_id] = _Drawn(folders, lines, tuple(new), path)
        return Tree.vouched({**tree, path: file}, b"".join(lines.values()), tree_id)

    def commit(self, tree: Tree, parent: str | None, seconds: int, message: str) -> str:
        """Write a generation signed by the gate: the files and folders that are new in it, and its commit."""
        drawn = self._drawn[tree.git_id]
        for path in [drawn.path] if drawn.path else list(tree):
            self._pack.add("blob", tree[path].content, f"file {path}")
        for folder in drawn.new or sorted(drawn.folders, reverse=True):
            self._pack.add("tree", format_tree(drawn.folders[folder].values()), f"folder {folder}")
        return self._pack.add("commit", gate_commit(tree.git_id, parent, seconds, message, self._gate), "commit")

    def record(self, entry: LogEntry, bundle: Tree) -> None:
        """Write the next entry of the gate log and its commit."""
        self.head = self.head.after(entry, bundle)
        self.previous = entry
        files = entry_files(entry, bundle)
        names = {name: self._pack.add("blob", file.content, f"log {name}") for name, file in files.items()}
        body = format_tree([Entry("100644", name, blob) for name, blob in names.items()])
        self._folders = self._folders.with_entry(entry.index, self._pack.add("tree", body, "log"))
        for level, folder in enumerate(self._folders.bodies):
            self._pack.add("tree", folder, f"log {level}")
        tops = {
            CHECKPOINT_FILE: sign_checkpoint(self.head.checkpoint, self._gate).content,
            FRONTIER_FILE: self.head.frontier.content,
            ROOT_FILE: self.head.root,
        }
        blobs = {name: self._pack.add("blob", content, f"log {name}") for name, content in tops.items()}
        tree = self._pack.add("tree", log_tree(self._folders.tree_id, blobs), "log top")
        self._tip = self._pack.add(
            "commit", gate_commit(tree, self._tip, entry.time, entry.message, self._gate), "log commit"
        )

    def close(self, refs: dict[str, str]) -> None:
        """Make of all this a repository that git can read."""
        self._pack.close()
        pack = self._folder / "objects" / "pack" / "pack-1.pack"
        subprocess.run(["git", "index-pack", "--threads=2", str(pack)], check=True, stdout=subprocess.DEVNULL)
        refs = {**refs, "refs/heads/gate-log": self._tip or ""}
        lines = "".join(f"{refs[name]} {name}\n" for name in sorted(refs))
        (self._folder / "packed-refs").write_text("# pack-refs with: peeled fully-peeled sorted \n" + lines, "ascii")
        (self._folder / "HEAD").write_text("ref: refs/heads/main\n", "ascii")

    def _whole(self, tree: Tree) -> _Drawn:
        folders: dict[str, dict[str, Entry]] = {"": {}}
        for path, file in tree.items():
            folder, _, name = path.rpartition("/")
            folders.setdefault(folder, {})[name] = Entry(file.mode, name, object_id("blob", file.content))
            while folder:
                above, _, _ = folder.rpartition("/")
                folders.setdefault(above, {})
                folder = above
        for folder in sorted(folders, key=lambda one: one.count("/") + bool(one), reverse=True):
            if folder:
                above, _, name = folder.rpartition("/")
                tree_id = object_id("tree", format_tree(folders[folder].values()))
                folders[above][name] = Entry(FOLDER_MODE, name, tree_id)
        return _Drawn(folders, {path: _line(path, file) for path, file in tree.items()}, (), "")


def _line(path: str, file: File) -> bytes:
    return f"{file.mode} {hashlib.sha256(file.content).hexdigest()} {path}\n".encode()
