"""A clone in which git's own commands show another history than the auditor has read.

Git looks for a short name such as `main` in six places, trusts caches that it finds, and reads an object from the first
pack that claims to hold it. A folder that is handed over can hold all of these.
"""

import hashlib
import os
import struct
import zlib

import pytest

from agent.lineage.audit import audit
from agent.lineage.gate_log import LOG_BRANCH
from tests.lineage.world import git


@pytest.fixture
def evil(world):
    """A commit that nobody approved, with the files of the honest one and a line more."""
    tree = git(world.folder, "rev-parse", "main^{tree}")
    blob = git(world.folder, "hash-object", "-w", "--stdin", stdin=b"import os\n")
    git(world.folder, "read-tree", tree)
    git(world.folder, "update-index", "--add", "--cacheinfo", f"100644,{blob},scaffold/evil.py")
    made = git(world.folder, "commit-tree", git(world.folder, "write-tree"), "-m", "evil", "-p", "main")
    git(world.folder, "read-tree", tree)
    return made


def slugs(world):
    return {finding.slug for finding in audit(world.folder, world.root.fingerprint).findings}


def successor_branch(world):
    return git(world.folder, "for-each-ref", "--format=%(refname:short)", "refs/heads/successor").split()[0]


@pytest.mark.parametrize("name", ["main", LOG_BRANCH, "successor"])
@pytest.mark.parametrize("place", ["refs/tags/", "refs/", ""])
def test_a_short_name_that_git_finds_elsewhere_first(world, evil, name, place):
    branch = successor_branch(world) if name == "successor" else name
    path = world.folder / ".git" / f"{place}{branch}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(evil + "\n")
    assert git(world.folder, "rev-parse", branch) == evil  # what `git show` and `git checkout` would take

    assert "shadowed" in slugs(world)


def test_a_tag_that_shadows_a_branch_comes_with_a_plain_clone(world, evil, tmp_path):
    git(world.folder, "tag", "main", evil)
    git(tmp_path, "clone", "--quiet", str(world.folder), "clone")
    report = audit(tmp_path / "clone", world.root.fingerprint)

    assert "shadowed" in {finding.slug for finding in report.findings}


def test_a_tag_of_another_name_is_no_fault(world):
    git(world.folder, "tag", "v1", "main")

    assert audit(world.folder, world.root.fingerprint).ok


def test_the_default_branch_of_a_remote_is_a_commit_that_nobody_approved(world, evil):
    """`git log origin` follows refs/remotes/origin/HEAD."""
    git(world.folder, "update-ref", "refs/remotes/origin/HEAD", evil)
    assert git(world.folder, "rev-parse", "origin") == evil

    assert "outside" in slugs(world)


@pytest.mark.parametrize("name", ["Main", "MAIN", "Gate-Log", "Successor/c1"])
def test_a_branch_that_is_another_only_by_letter_case(world, evil, name):
    """On a file system without letter case both names are one file."""
    git(world.folder, "update-ref", f"refs/heads/{name}", evil)

    assert "outside" in slugs(world)


def test_one_ref_twice_among_the_packed_ones(world, evil):
    honest = git(world.folder, "rev-parse", "main")
    git(world.folder, "pack-refs", "--all")
    packed = world.folder / ".git" / "packed-refs"
    line = f"{honest} refs/heads/main\n"
    text = packed.read_text()
    assert line in text
    shown = []
    for doubled in (f"{evil} refs/heads/main\n{line}", f"{line}{evil} refs/heads/main\n"):
        packed.write_text(text.replace(line, doubled))
        shown.append(git(world.folder, "rev-parse", "main") == evil)
        assert slugs(world)
    assert any(shown)


def test_a_ref_that_is_a_link(world, evil):
    """Git reads where the link says it leads; the file system leads elsewhere."""
    folder = world.folder / ".git"
    honest = git(world.folder, "rev-parse", "main")
    git(world.folder, "update-ref", "refs/heads/zzz", evil)
    (folder / "refs" / "heads" / "main").unlink()
    (folder / "refs" / "heads" / "main").symlink_to("refs/heads/zzz")
    (folder / "refs" / "heads" / "refs" / "heads").mkdir(parents=True)
    (folder / "refs" / "heads" / "refs" / "heads" / "zzz").write_text(honest + "\n")
    assert git(world.folder, "rev-parse", "main") == evil

    assert slugs(world)


def pack_with_a_lying_index(world, body, kind, name):
    """Write a pack that holds `body`, and an index by which it is the object `name`."""
    header = bytes([(kind << 4) | (len(body) & 15) | (0x80 if len(body) > 15 else 0)])
    size = len(body) >> 4
    while size:
        header += bytes([(size & 0x7F) | (0x80 if size > 0x7F else 0)])
        size >>= 7
    entry = header + zlib.compress(body)
    pack = b"PACK" + struct.pack(">II", 2, 1) + entry
    pack += hashlib.sha1(pack).digest()
    oid = bytes.fromhex(name)
    index = b"\xfftOc" + struct.pack(">I", 2)
    index += b"".join(struct.pack(">I", int(byte >= oid[0])) for byte in range(256))
    index += oid + struct.pack(">I", zlib.crc32(entry)) + struct.pack(">I", 12) + pack[-20:]
    index += hashlib.sha1(index).digest()
    folder = world.folder / ".git" / "objects" / "pack"
    folder.mkdir(exist_ok=True)
    (folder / f"pack-{'f' * 40}.pack").write_bytes(pack)
    (folder / f"pack-{'f' * 40}.idx").write_bytes(index)
    for old in folder.glob("*"):
        if "f" * 40 not in old.name:
            os.utime(old, (1, 1))


def test_a_second_pack_that_gives_an_object_another_content(world):
    """Git takes an object from the newest pack that claims it and does not hash it again."""
    blob = git(world.folder, "rev-parse", "main:scaffold/search.py")
    git(world.folder, "repack", "-adq")
    pack_with_a_lying_index(world, b"import os\n", 3, blob)
    assert git(world.folder, "cat-file", "blob", blob) == "import os"

    assert slugs(world)


def test_a_loose_object_of_another_content_behind_an_honest_pack(world):
    """Whichever of the two git reads, the auditor must not be content with the other."""
    blob = git(world.folder, "rev-parse", "main:scaffold/search.py")
    git(world.folder, "repack", "-aq")
    loose = world.folder / ".git" / "objects" / blob[:2] / blob[2:]
    loose.parent.mkdir(exist_ok=True)
    if loose.exists():
        loose.chmod(0o644)
    loose.write_bytes(zlib.compress(b"blob 10\0import os\n"))

    assert slugs(world)


def test_an_index_over_all_packs_that_the_auditor_does_not_read(world):
    git(world.folder, "repack", "-adq")
    git(world.folder, "multi-pack-index", "write")

    assert "multi-pack-index" in slugs(world)


def test_a_cache_of_commits_that_tells_of_other_parents(world):
    """`git log` believes the commit-graph. One that says what the commits say is no fault."""
    git(world.folder, "commit-graph", "write", "--reachable")
    assert audit(world.folder, world.root.fingerprint).ok
    graph = world.folder / ".git" / "objects" / "info" / "commit-graph"
    content = bytearray(graph.read_bytes())
    branch = successor_branch(world)
    parent = git(world.folder, "rev-parse", f"{branch}^")
    tree = bytes.fromhex(git(world.folder, "rev-parse", f"{branch}^{{tree}}"))
    at = content.index(tree) + 20
    content[at : at + 4] = struct.pack(">I", 0x70000000)  # no parent
    graph.chmod(0o644)
    graph.write_bytes(content[:-20] + hashlib.sha1(content[:-20]).digest())
    assert parent not in git(world.folder, "log", "--format=%H", branch).split()

    assert "commit-graph" in slugs(world)
