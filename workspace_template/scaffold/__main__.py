"""Command line: JSON in, JSON out.

    python -m scaffold rank --corpus DIR [--limit N]   {"id", "query"} -> {"id", "ranking": [path, ...]}
    python -m scaffold edit                            {"id", "path", "content", "edit"} -> {"id", "content"}
    python -P -m scaffold solve [--max-steps N ...]    {"instruction"} -> {"ended", "steps", "summary"}

The first two answer line by line. A line that cannot be answered gets {"id", "refused": reason}; its id is null when
the line did not tell it. The last works on one task in the current folder, with the model that SCAFFOLD_MODEL names
behind the unix socket SCAFFOLD_SOCKET, asking for at most SCAFFOLD_ANSWER_TOKENS at once; it exits with 1 when that
never answered. With `-P` a copy of the scaffold in that folder is worked on, and is not what works.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from scaffold.files import read_sources
from scaffold.refused import Refused
from scaffold.search import Search
from scaffold.textedit import apply_edit

Answer = Callable[[dict[str, Any]], dict[str, object]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command over standard input."""
    parser = argparse.ArgumentParser(prog="python -m scaffold", description="A small coding agent.")
    commands = parser.add_subparsers(dest="command", required=True)
    rank = commands.add_parser("rank", help="rank the files of a repository for each query")
    rank.add_argument("--corpus", type=Path, required=True, help="folder of the repository")
    rank.add_argument("--limit", type=int, default=20, help="most paths per answer")
    commands.add_parser("edit", help="apply SEARCH/REPLACE blocks to each content")
    work = commands.add_parser("solve", help="work on a task in the current folder")
    work.add_argument("--max-steps", type=int, default=40, help="most answers of the model")
    work.add_argument("--max-tokens", type=int, default=64_000, help="most tokens that it may write in all")
    work.add_argument("--max-prompt", type=int, default=120_000, help="tokens of a question that make a new beginning")
    options = parser.parse_args(arguments)
    if options.command == "solve":
        return work_on_task(options)
    if options.command == "rank" and not options.corpus.is_dir():
        parser.error(f"{options.corpus} is not a folder")
    answer = ranking(options.corpus, options.limit) if options.command == "rank" else edited
    serve(sys.stdin.buffer, sys.stdout.buffer, answer)
    return 0


def ranking(corpus: Path, limit: int) -> Answer:
    """Return what answers a query with the paths below `corpus` that match it, best first."""
    search = Search(read_sources(corpus))

    def answer(request: dict[str, Any]) -> dict[str, object]:
        return {"ranking": search.rank(_text(request, "query"), limit)}

    return answer


def edited(request: dict[str, Any]) -> dict[str, object]:
    """Answer an edit with the content it leads to."""
    return {"content": apply_edit(_text(request, "content"), _text(request, "edit"), _text(request, "path"))}


def work_on_task(options: argparse.Namespace) -> int:
    """Work on the task of standard input, and say what became of it."""
    from scaffold.agent import Limits  # noqa: PLC0415  # the other commands speak to no model and load nothing for it
    from scaffold.task import solve  # noqa: PLC0415

    try:
        instruction = _text(json.load(sys.stdin.buffer), "instruction")
        model = os.environ["SCAFFOLD_MODEL"]
    except (ValueError, TypeError, AttributeError, RecursionError, KeyError, Refused) as error:
        print(f"there is no task, or no model for it: {error}", file=sys.stderr)
        return 2
    limits = Limits(
        steps=options.max_steps,
        tokens=options.max_tokens,
        prompt=options.max_prompt,
        answer=min(Limits.answer, _number(os.environ.get("SCAFFOLD_ANSWER_TOKENS", ""), Limits.answer)),
    )
    socket = os.environ.get("SCAFFOLD_SOCKET", "/run/broker/model.sock")
    result, answered = solve(instruction, Path.cwd(), model, socket, limits)
    print(json.dumps({"ended": result.ended, "steps": result.steps, "summary": result.summary}))
    return 0 if answered else 1


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and int(text) else otherwise


def serve(lines: Iterable[bytes], out: BinaryIO, answer: Answer) -> None:
    """Answer each line that is not blank, in order."""
    for line in lines:
        if not line.strip():
            continue
        out.write(json.dumps(_answered(line, answer)).encode() + b"\n")
        out.flush()


def _answered(line: bytes, answer: Answer) -> dict[str, object]:
    """Return the answer to one line, whatever it holds."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return {"id": None, "refused": "the line is not JSON"}
    if not isinstance(request, dict) or not isinstance(request.get("id"), str):
        return {"id": None, "refused": "the line is not an object with an id that is a string"}
    try:
        return {"id": request["id"], **answer(request)}
    except Refused as refused:
        return {"id": request["id"], "refused": str(refused)}


def _text(request: dict[str, Any], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str):
        raise Refused(f"{name!r} is missing or is not a string")
    return value


if __name__ == "__main__":
    sys.exit(main())
