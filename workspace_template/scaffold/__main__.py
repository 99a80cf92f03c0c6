"""Command line: one JSON document per line in, one answer per line out.

    python -m scaffold rank --corpus DIR [--limit N]   {"id", "query"} -> {"id", "ranking": [path, ...]}
    python -m scaffold edit                            {"id", "path", "content", "edit"} -> {"id", "content"}

A line that cannot be answered gets {"id", "refused": reason}; its id is null when the line did not tell it.
"""

import argparse
import json
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
    options = parser.parse_args(arguments)
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
