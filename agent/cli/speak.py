"""How the program speaks: one JSON document or lines for people on standard output, everything else on standard error.

Exit codes: 0 done, 1 refused or found wanting, 2 misuse, 3 infrastructure, 130 interrupted.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from agent import log
from agent.cli.key import KEY_VARIABLE, MONITOR_KEY_VARIABLE, take_key
from agent.errors import Infrastructure, Misuse, SuccessorError
from agent.gate.hidden import is_hidden
from sandbox.errors import SandboxError

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", metavar="DIR", help="The workspace, or a folder inside it.", show_default="here")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
HERE = Path()


class Voice:
    """Where a command says what it found."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Console(highlight=False, soft_wrap=True, emoji=False)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    @property
    def interactive(self) -> bool:
        """Whether a person sits at both ends."""
        return not self.as_json and sys.stdin.isatty() and sys.stdout.isatty()

    def answer(self, document: Mapping[str, Any], human: Callable[[Console], None]) -> None:
        """Give the command's one answer: `document` under `--json`, else what `human` prints.

        JSON is plain ASCII: nothing in it acts on a terminal, whatever characters a candidate chose.
        """
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
        else:
            human(self.out)

    def step(self, text: str) -> None:
        """Say what is being done, while it takes long."""
        if self.err.is_terminal:
            self.err.print(f"[dim]· {escape(visible(text))}[/dim]")
        else:
            self.err.print(f"· {escape(visible(text))}")


@contextmanager
def speaking(*, as_json: bool) -> Iterator[Voice]:
    """Run one command: configure logging, turn every error of ours into one line and an exit code.

    The key of the model is taken away first: nothing that a command starts, git and its hooks included, finds it.
    """
    take_key(KEY_VARIABLE)
    take_key(MONITOR_KEY_VARIABLE)
    log.configure(as_json=as_json)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal need not know every character
    voice = Voice(as_json=as_json)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield voice
    except SuccessorError as error:
        _fail(voice, type(error).__name__, error.what, error.why, error.mend, error.exit_code)
    except SandboxError as error:
        _fail(voice, type(error).__name__, error.what, "", error.mend, Infrastructure.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing is wrong, and nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        mend = "Nothing was committed; mend the file system and try again"
        _fail(voice, "Infrastructure", f"the system refused{place}", error.strerror or str(error), mend, 3)
    except UnicodeError:
        _fail(
            voice, "Misuse", "an argument is not text", "its bytes are not UTF-8", "Write it in UTF-8", Misuse.exit_code
        )
    except KeyboardInterrupt:
        mend = "Nothing was lost. Start it again; a run or a proposal goes on with: successor resume"
        _fail(voice, "Interrupted", "interrupted", "", mend, 130)


def command_line(*words: str | Path, workspace: Path | None = None) -> str:
    """Return a command of this program as it can be typed here: paths short, quoted, and the program where it is."""
    where = () if workspace is None or workspace == Path.cwd() else ("--workspace", workspace)
    return shlex.join([*_program(), *(_short(word) if isinstance(word, Path) else word for word in (*words, *where))])


def _program() -> list[str]:
    """How this program is called: by name if the shell finds it, else as it was started."""
    started = Path(sys.argv[0])
    if shutil.which("successor"):
        return ["successor"]
    return [_short(started)] if started.name == "successor" else [sys.executable, "-m", "agent"]


def _short(path: Path) -> str:
    """A path relative to here if it is below, else absolute."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill ends like Ctrl-C: everything is closed on the way out."""
    raise KeyboardInterrupt


def _fail(voice: Voice, kind: str, what: str, why: str, mend: str, code: int) -> None:
    """Say what happened, why, and what to do next; then end with `code`."""
    if voice.as_json:
        document = {"error": {"kind": kind, "what": what, "why": why, "mend": mend, "exit": code}}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        line = SuccessorError(what, why=why, mend=mend)
        voice.err.print(f"[bold red]{'refused' if code == 1 else 'error'}:[/bold red] {escape(visible(str(line)))}")
    raise typer.Exit(code)


def plain(text: str) -> str:
    """Return `text` for a line with markup: neither markup nor anything else in it has an effect."""
    return escape(visible(text))


def visible(text: str) -> str:
    r"""Return `text` with every character that could act on a terminal, or hide, written as an escape.

    A candidate's bytes never reach a terminal in any other form. Newline, tab and visible characters stay.
    """
    return "".join(c.encode("unicode_escape").decode("ascii") if is_hidden(c) else c for c in text)
