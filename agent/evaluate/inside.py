"""Ask the inside of a sandbox what it gives away, before any candidate has been there.

An answer that can be read inside is worth nothing as an answer: docstrings survive in the interpreter's binary (frozen
modules), in C extensions and in installed packages that copy the standard library's text. The question is asked in a
fresh sandbox of the same runtime, with our own code only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from agent.errors import SandboxDown
from sandbox.contract import GUEST, Backend, Command, Ending, Limits
from sandbox.errors import SandboxError

DEADLINE_SECONDS = 300


Inside = Callable[[Sequence[str]], frozenset[str]]
"""From sentences to those that a candidate could read inside."""


def survey(backend: Backend, limits: Limits) -> Inside:
    """Return the function that asks a fresh sandbox of `backend`."""

    def ask(sentences: Sequence[str]) -> frozenset[str]:
        command = Command(
            argv=("python", "-I", f"{GUEST}/find_sentences.py"),
            deadline=DEADLINE_SECONDS,
            stdin=json.dumps(list(sentences)).encode(),
        )
        try:
            with backend.start((), limits) as sandbox:
                outcome = sandbox.run(command)
        except SandboxError as error:
            raise SandboxDown("the inside could not be searched", why=error.what, mend=error.mend) from error
        if outcome.ending is not Ending.EXITED or outcome.exit_code != 0:
            last = outcome.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise SandboxDown("the inside could not be searched", why=f"{outcome.ending} {''.join(last)}")
        return _read(outcome.stdout, sentences)

    return ask


def _read(stdout: bytes, sentences: Sequence[str]) -> frozenset[str]:
    try:
        return frozenset(sentences[int(index)] for index in json.loads(stdout))
    except (ValueError, TypeError, IndexError) as error:
        raise SandboxDown("the search of the inside gave no readable answer", why=str(error)) from error
