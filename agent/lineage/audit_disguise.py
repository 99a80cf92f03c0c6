"""What lies in a git folder so that git finds another ref, or another object, than the auditor: read from files alone.

Git looks for a short name such as `main` in six places and takes the first (gitrevisions(7)); a tag comes before a
branch, and tags come with every clone. It takes a symbolic link among the refs for a symbolic ref, searches packed refs
as if they were sorted, and believes an index over all packs.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from agent.gate.review import BRANCH_PREFIX
from agent.lineage.gate_log import LOG_BRANCH

MAIN_BRANCH = "main"

_BEFORE_BRANCHES = ("", "refs/", "refs/tags/")
_BEFORE_REMOTES = (*_BEFORE_BRANCHES, "refs/heads/")


def disguises(folder: Path, refs: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield (slug, reason) for each of these in a git folder whose refs are `refs`, by their full names."""
    if any((folder / "objects" / "pack").glob("multi-pack-index*")):
        yield "multi-pack-index", "an index over all packs is here, which this auditor does not read"
    for place in _links(folder):
        yield "linked-ref", f"{place} is a symbolic link"
    if reason := _packed_fault(folder / "packed-refs"):
        yield "packed-refs", reason
    for ref, short, place in _shadows(folder, refs):
        yield "shadowed", f"{short} means {place} to git, not {ref}"


def is_protected(branch: str) -> bool:
    """Whether a branch is one of the record's, in whatever letter case: where case is lost, both are one file."""
    folded = branch.casefold()
    return folded in (MAIN_BRANCH, LOG_BRANCH) or folded.startswith(BRANCH_PREFIX)


def _links(folder: Path) -> Iterator[str]:
    for name in ("HEAD", "packed-refs", "refs"):
        if (folder / name).is_symlink():
            yield name
    for parent, folders, files in os.walk(folder / "refs"):
        yield from (ascii(name)[1:-1] for name in (*folders, *files) if Path(parent, name).is_symlink())


def _packed_fault(path: Path) -> str:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"the packed refs cannot be read ({error.strerror})"
    names = [line.split(b" ", 1)[-1] for line in lines if line and line[:1] not in b"#^"]
    if len(set(names)) < len(names):
        return "one ref stands twice among the packed refs"
    says_sorted = b" sorted" in lines[0]
    return "the packed refs are not in the order that they claim" if says_sorted and names != sorted(names) else ""


def _shadows(folder: Path, refs: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield ref, short name and what git finds first under that name, for every branch of the record."""
    for ref in refs:
        kind, _, short = ref.removeprefix("refs/").partition("/")
        branch = short.partition("/")[2] if kind == "remotes" else short
        if kind not in ("heads", "remotes") or not is_protected(branch):
            continue
        places = [(short, _BEFORE_BRANCHES if kind == "heads" else _BEFORE_REMOTES), (branch, _BEFORE_BRANCHES)]
        for name, before in dict(places).items():
            for place in (f"{prefix}{name}" for prefix in before):
                if place in refs or (place != "" and (folder / place).is_file()):
                    yield ref, name, place
