"""The workspace's git repository, through GitPython: the only place where git is run.

What git is told is constant: every argument vector in this file is a literal. Names and IDs go through standard input
after a strict check, contents go in as packs, and nothing that a candidate wrote ever reaches an argument, a ref name
or a configuration. Git itself is told to honour no hook, no file-system monitor, no replacement object, no system or
user configuration and no protocol, and it is always named its repository, so it never discovers one.

Whoever can write `.git` still runs code on this machine (filters, for instance); candidates cannot: it is never
mounted.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import git
import git.exc

from agent.edits.tree import Tree
from agent.errors import GitFailed, Misuse, UnknownId
from agent.gate.review import BRANCH_PREFIX, CANDIDATE_ID
from agent.lineage.gate_log import LOG_BRANCH
from agent.lineage.generations import Generations
from agent.lineage.objects import MAX_FILE_BYTES, Commit, Kind, NewObjects, is_object_id, parse_commit
from agent.workspace import STATE_FOLDER

MAIN_BRANCH = "main"

_REVISION = re.compile(r"(?:origin/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,3}")
_SUCCESSOR_REF = re.compile(rf"refs/heads/{BRANCH_PREFIX}{CANDIDATE_ID}")
_ABSENT = "0" * 40
_HARDENED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_COUNT": "5",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": os.devnull,
    "GIT_CONFIG_KEY_1": "core.fsmonitor",
    "GIT_CONFIG_VALUE_1": "false",
    "GIT_CONFIG_KEY_2": "protocol.allow",
    "GIT_CONFIG_VALUE_2": "never",
    "GIT_CONFIG_KEY_3": "core.attributesFile",
    "GIT_CONFIG_VALUE_3": os.devnull,
    "GIT_CONFIG_KEY_4": "gc.auto",
    "GIT_CONFIG_VALUE_4": "0",
}


@dataclass(frozen=True)
class Move:
    """One ref to be moved: from `old` (`None`: it must not exist yet) to the commit `new`."""

    ref: str
    new: str
    old: str | None


class Repository:
    """An open repository with a work tree. Use as a context manager, or `close` it: git processes wait behind it.

    Not for several threads at once: they would share those processes.
    """

    def __init__(self, repo: git.Repo) -> None:
        self._repo = repo
        self._folder = Path(repo.common_dir)
        work_tree = repo.working_tree_dir
        if work_tree is None:
            raise Misuse(f"{repo.git_dir} is a bare repository", why="a workspace needs its files beside it")
        self._work_tree = Path(work_tree)
        self._generations = Generations(self.read)
        repo.git.update_environment(**_HARDENED, **_located(Path(repo.git_dir), self._folder, self._work_tree))

    @classmethod
    def open(cls, path: Path) -> Repository:
        """Open the repository whose top folder is `path`. Raises `Misuse` when there is none, or it is bare."""
        try:
            return cls(git.Repo(path, search_parent_directories=False, expand_vars=False))
        except (git.exc.InvalidGitRepositoryError, git.exc.NoSuchPathError) as error:
            raise Misuse(f"{path} is not a git repository", mend="Make a workspace with: successor init DIR") from error
        except (OSError, ValueError) as error:
            raise GitFailed(f"the repository at {path} cannot be opened", why=str(error)) from error

    @classmethod
    def init(cls, path: Path) -> Repository:
        """Make a new repository in the folder `path`, with branch `main` and no hooks. Raises `Misuse`, `GitFailed`."""
        if (path / ".git").exists():
            raise Misuse(f"{path} already holds a git repository")
        try:
            path.mkdir(parents=True, exist_ok=True)
            runner = git.Git(path)
            runner.update_environment(**_HARDENED, GIT_DIR=str(path / ".git"), GIT_WORK_TREE=str(path))
            runner.execute(["git", "init", "--quiet", "--template=", "--initial-branch=main"])
            exclude = path / ".git" / "info" / "exclude"
            exclude.parent.mkdir(exist_ok=True)
            exclude.write_text(f"/{STATE_FOLDER}/\n", encoding="ascii")
        except (git.exc.GitError, OSError) as error:
            raise GitFailed(f"no repository can be made at {path}", why=_reason(error)) from error
        return cls.open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the git processes behind this object."""
        self._repo.close()

    @property
    def work_tree(self) -> Path:
        """The folder that holds the workspace's files."""
        return self._work_tree

    def head(self) -> str:
        """Return the ID of the commit that is checked out. Raises `Misuse` when there is none yet."""
        found = self._lookup("HEAD^{commit}")
        if found is None:
            raise Misuse(f"{self._work_tree} has no commits yet", mend="Make the first one with: successor init")
        return found

    def resolve(self, revision: str) -> str:
        """Return the commit that a person named: a branch, a tag, or an ID of at least four digits.

        Raises `UnknownId` for what does not exist, and for every expression (`~`, `@{...}`, `:`) and odd name: this
        text comes from outside.
        """
        odd = ".." in revision or revision.endswith((".lock", ".")) or _REVISION.fullmatch(revision) is None
        found = None if odd else self._lookup(f"{revision}^{{commit}}")
        if found is None:
            raise UnknownId(f"no commit or branch is called {revision[:80]!a}")
        return found

    def branch(self, name: str) -> str | None:
        """Return the commit of a branch of ours (`main`, `gate-log`, `successor/<id>`), or `None`."""
        return self._lookup(f"{_checked_ref('refs/heads/' + name)}^{{commit}}")

    def read(self, name: str, kind: Kind) -> bytes:
        """Return the body of an object by its full ID. Raises `GitFailed` when it is missing or of another kind."""
        try:
            if not is_object_id(name):
                raise ValueError(f"{name[:50]!a} is not an object ID")
            _, found, size = self._repo.git.get_object_header(name)
            if int(size) > MAX_FILE_BYTES:
                raise ValueError(f"it has {int(size)} bytes, more than {MAX_FILE_BYTES}")
            _, found, _, body = self._repo.git.get_object_data(name)
            found = _text(found)
        except (git.exc.GitError, ValueError, OSError) as error:
            raise GitFailed(f"{kind} {name[:40]} cannot be read", why=_reason(error)) from error
        if found != kind:
            raise GitFailed(f"{kind} {name} cannot be read", why=f"it is a {found}")
        return body

    def commit(self, commit_id: str) -> Commit:
        """Return a parsed commit. Raises `GitFailed`, `SignatureRefused`."""
        return parse_commit(self.read(commit_id, "commit"))

    def tree(self, commit_id: str) -> Tree:
        """Return the files of a commit. Raises `UnsafeTree` for links, submodules and what else is never in a tree."""
        return self._generations.tree(self.commit(commit_id).tree)

    def changed(self) -> tuple[str, ...]:
        """Return the paths in the work tree that differ from the commit checked out, untracked ones included."""
        listing = self._run(["git", "status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames"])
        return tuple(line[3:] for line in listing.split("\0") if line)

    def write(self, objects: NewObjects) -> None:
        """Store new objects; nothing points at them yet. Raises `GitFailed`, after which nothing has changed."""
        self._run(["git", "unpack-objects", "-q"], objects.pack())
        self._repo.git.clear_cache()  # the waiting git processes have not seen the new objects

    def move(self, moves: Sequence[Move]) -> None:
        """Move several refs in one transaction, all or none. Raises `GitFailed` when one is not where it was."""
        lines = ["start"]
        for move in moves:
            if not is_object_id(move.new) or not (move.old is None or is_object_id(move.old)):
                raise ValueError("a ref moves between full commit IDs")
            lines.append(f"update {_checked_ref(move.ref)} {move.new} {move.old or _ABSENT}")
        lines += ["prepare", "commit", ""]
        self._run(["git", "update-ref", "--stdin"], "\n".join(lines).encode("ascii"))

    def check_out_main(self) -> None:
        """Write the files of branch `main` into a work tree that holds none of them yet. Raises `GitFailed`."""
        self._run(["git", "reset", "--hard", "--quiet", "refs/heads/main"])

    def export(self, target: Path) -> None:
        """Write all branches and what they lead to into the new file `target`, a git bundle. Raises `GitFailed`."""
        names = f"HEAD\n{self._run(['git', 'for-each-ref', '--format=%(refname)', 'refs/heads/'])}"
        content = self._run_bytes(["git", "bundle", "create", "--quiet", "-", "--stdin"], names.encode())
        with target.open("xb") as file:
            file.write(content)

    def check_out(self, commit_id: str) -> None:
        """Put the files of a commit in the work tree, on no branch. What differs there is lost. Raises `GitFailed`."""
        if not is_object_id(commit_id):
            raise ValueError("what is checked out is named by a full commit ID")
        line = f"update HEAD {commit_id}\n".encode("ascii")
        self._run(["git", "update-ref", "--no-deref", "--stdin"], line)
        self._run(["git", "reset", "--hard", "--quiet"])

    def _lookup(self, expression: str) -> str | None:
        """Ask git for an object's ID through a pipe, never through an argument."""
        try:
            return _text(self._repo.git.get_object_header(expression)[0])
        except (git.exc.GitError, ValueError, OSError) as error:
            if "could not be resolved" in str(error):  # what GitPython makes of git's answer "missing"
                return None
            self._run(["git", "rev-parse", "--git-dir"])  # no answer at all: let git say itself what is wrong
            raise GitFailed("git cannot read the repository", why=_reason(error)) from error

    def _run_bytes(self, command: list[str], stdin: bytes) -> bytes:
        """The same for what is no text: it goes through a file, and is read once git has ended well."""
        with tempfile.TemporaryFile() as result:
            self._run(command, stdin, result)
            result.seek(0)
            return result.read()

    def _run(self, command: list[str], stdin: bytes = b"", output: IO[bytes] | None = None) -> str:
        try:
            with tempfile.TemporaryFile() as source:
                source.write(stdin)
                source.seek(0)
                return str(
                    self._repo.git.execute(command, istream=source, output_stream=output, strip_newline_in_stdout=False)
                )
        except (git.exc.GitError, OSError) as error:
            raise GitFailed(f"git {command[1]} failed", why=_reason(error)) from error


def successor_ref(candidate: str) -> str:
    """Return the full ref name of a successor branch. Raises `Misuse` for an ID of another form."""
    return _checked_ref(f"refs/heads/{BRANCH_PREFIX}{candidate}")


def _checked_ref(ref: str) -> str:
    if ref in (f"refs/heads/{MAIN_BRANCH}", f"refs/heads/{LOG_BRANCH}") or _SUCCESSOR_REF.fullmatch(ref):
        return ref
    raise Misuse(f"{ref[:80]!a} is no branch of a workspace")


def _located(git_folder: Path, common: Path, work_tree: Path) -> dict[str, str]:
    """Name every part of the repository, so that no variable inherited from a hook or a shell points elsewhere."""
    return {
        "GIT_DIR": str(git_folder),
        "GIT_COMMON_DIR": str(common),
        "GIT_WORK_TREE": str(work_tree),
        "GIT_INDEX_FILE": str(git_folder / "index"),
        "GIT_OBJECT_DIRECTORY": str(common / "objects"),
    }


def _text(answer: str | bytes) -> str:
    """Return what GitPython read from git as text: its annotations say `str`, its values are bytes."""
    return answer.decode("ascii") if isinstance(answer, bytes) else answer


def _reason(error: Exception) -> str:
    """Return the first line that git said, or what the system said."""
    text = str(getattr(error, "stderr", "") or error)
    words = (line.strip().removeprefix("stderr:").strip(" '\"") for line in text.splitlines())
    lines = [line for line in words if line]
    return (lines[0] if lines else type(error).__name__)[:300]
