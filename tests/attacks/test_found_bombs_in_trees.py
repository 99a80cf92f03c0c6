"""Git trees of a few kilobytes that stand for more files, or more bytes, than any machine holds."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lineage.world import git

ROOT = Path(__file__).parents[2]
READ = """
import sys
from pathlib import Path
from agent.errors import SuccessorError
from agent.lineage.repository import Repository
with Repository.open(Path(sys.argv[1])) as repository:
    try:
        repository.tree(repository.resolve("bomb"))
    except SuccessorError as error:
        print(type(error).__name__)
"""
GIB = 1 << 30


def read_bomb(folder):
    """Read the tree of branch `bomb` in a process of its own, within a gigabyte and a minute."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder)],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (GIB, GIB)),
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]
    return done.stdout.decode().strip()


def plant(folder, tree):
    made = git(folder, "commit-tree", tree, "-p", "main", "-m", "bomb")
    git(folder, "update-ref", "refs/heads/bomb", made)


def tree_of(folder, *lines):
    return git(folder, "mktree", stdin="".join(f"{line}\n" for line in lines).encode())


def blob_of_zeros(folder, size):
    return git(folder, "hash-object", "-w", "--stdin", stdin=bytes(size))


@pytest.mark.parametrize("leaf", ["nothing", "a file too deep"])
def test_folders_that_hold_the_same_folder_ten_times_over(world, leaf):
    """Ten to the power of eighteen folders in nineteen objects."""
    blob = blob_of_zeros(world.folder, 1)
    tree = tree_of(world.folder, *([] if leaf == "nothing" else [f"100644 blob {blob}\tf"]))
    for _ in range(18 if leaf == "nothing" else 25):
        tree = tree_of(world.folder, *(f"040000 tree {tree}\td{n}" for n in range(10)))
    plant(world.folder, tree)

    assert read_bomb(world.folder) == "UnsafeTree"


def test_one_large_blob_under_very_many_names(world):
    blob = blob_of_zeros(world.folder, 16_000_000)
    plant(world.folder, tree_of(world.folder, *(f"100644 blob {blob}\tf{n:05}" for n in range(400))))

    assert read_bomb(world.folder) == "UnsafeTree"


def test_a_blob_that_does_not_fit_into_memory(world):
    hashed = subprocess.run(
        f"head -c {2 * GIB} /dev/zero | git hash-object -w --stdin",
        shell=True,  # constant
        cwd=world.folder,
        capture_output=True,
        check=True,
    )
    plant(world.folder, tree_of(world.folder, f"100644 blob {hashed.stdout.decode().strip()}\tf"))

    assert read_bomb(world.folder) in ("UnsafeTree", "GitFailed")
