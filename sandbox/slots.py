"""Slots: empty folders that a container is made with, filled when it is known what shall be seen there.

A mount cannot be added to a container that runs, but what is in a folder that is mounted already can be.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from sandbox.errors import SandboxBroken
from sandbox.scratch import Scratch

PREFIX = "successor-slots-"


class Slots:
    """Makes slots in a folder of this process. Safe to use from several threads."""

    def __init__(self) -> None:
        self._scratch = Scratch(PREFIX)

    def make(self) -> Path:
        """Return a new empty slot. Raises `SandboxBroken` when there is no room for one."""
        try:
            # Its name is seen inside, and a number would tell how many sandboxes there were before.
            slot = self._scratch.folder() / secrets.token_hex(8)
            slot.mkdir()
            slot.chmod(0o755)
        except OSError as error:
            raise SandboxBroken(f"no folder could be made to mount: {error.strerror}", mend="Free some disk") from error
        return slot

    def close(self) -> None:
        """Remove every slot. May be called twice."""
        self._scratch.close()


def fill(slot: Path, source: Path) -> None:
    """Show in `slot` what is in `source`: same names, contents and modes, by hard links where they can be had.

    Inside, a slot is mounted read-only, so that a link is as safe as a copy. Raises `SandboxBroken`.
    """
    try:
        _fill(slot, source)
    except OSError as error:
        raise SandboxBroken(f"a tree could not be put in its place: {error}", mend="Free some disk") from error


def _fill(folder: Path, source: Path) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            target = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                target.mkdir()
                _fill(target, Path(entry.path))
            elif entry.is_symlink():
                target.symlink_to(Path(entry.path).readlink())
            else:
                _give(Path(entry.path), target)
    # Last, because both say what was in the folder when.
    shutil.copystat(source, folder)


def _give(file: Path, target: Path) -> None:
    try:
        os.link(file, target, follow_symlinks=False)
    except OSError:  # another file system, or not ours to link
        shutil.copy2(file, target)
