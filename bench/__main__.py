"""`python -m bench [NAME ...] [--json] [--write]`: run measures and print them."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from agent.errors import Misuse
from bench import audit, broker, demo, fuzz, fuzz_record, gate, loop, monitor, sandbox, scaffold, search
from bench.acceptance import measures as acceptance
from bench.measure import Measure, as_json, as_table
from bench.probes import measures as probes

BENCHES = {
    "demo": demo.measures,
    "sandbox": sandbox.measures,
    "broker": broker.measures,
    "scaffold": scaffold.measures,
    "loop": loop.measures,
    "fuzz": fuzz.measures,
    "fuzz_record": fuzz_record.measures,
    "acceptance": acceptance.measures,
    "search": search.measures,
    "probes": probes.measures,
    "audit": audit.measures,
    "gate": gate.measures,
}
ALONE = {"monitor": monitor.measures}
"""Benches that are run by name only: they need what not everybody has."""
PAGES = {"acceptance": acceptance.write, "probes": probes.write}
"""Benches with a page of their own."""
PAGE = Path(__file__).parent.parent / "docs" / "measures.md"
HEAD = """# Measures

Made by `python -m bench --write`; every figure is taken beside what it is compared with, in the same run.
Times are of one machine and drift with it; ratios travel better.

"""


def main() -> int:
    """Run the measures that were asked for; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"which: {', '.join(BENCHES)}, or {', '.join(ALONE)}, which a run of all leaves out",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help="make the pages anew")
    parser.add_argument("--seconds", type=int, default=fuzz.SECONDS, help="how long to fuzz (default: %(default)s)")
    parser.add_argument("--reading", action="store_true", help="probes: only those that read a patch; run nothing")
    options = parser.parse_args()
    unknown = set(options.names) - BENCHES.keys() - ALONE.keys()
    if unknown:
        parser.error(f"no bench is named {min(unknown)!r}; there are {', '.join([*BENCHES, *ALONE])}")
    benches = BENCHES | {
        "fuzz": partial(fuzz.measures, options.seconds),
        "fuzz_record": partial(fuzz_record.measures, options.seconds),
        "probes": partial(probes.measures, reading=options.reading),
    }
    named = benches | ALONE
    try:
        results = [m for name in options.names or benches for m in named[name]()]
    except Misuse as error:
        parser.error(str(error))
    print(as_json(results) if options.json else as_table(results))
    if "probes" in options.names and not options.json:
        print("", *probes.table(reading=options.reading), sep="\n")
    if options.write:
        PAGE.write_text(merged(PAGE.read_text("utf-8"), results, whole=not options.names), "utf-8")
        pages = PAGES | {"probes": partial(probes.write, reading=options.reading)}
        for name in pages.keys() & (options.names or benches):
            pages[name]()
    return 1 if any(m.met is False for m in results) else 0


def merged(page: str, results: list[Measure], *, whole: bool) -> str:
    """Return docs/measures.md with these results; unless all were taken, the lines of the others stay."""
    new = as_table(results).splitlines()
    names = {measure.name for measure in results}
    rows = [line for line in page.splitlines() if line.startswith("| ") and "." in line.split(" | ")[0]]
    stay = [] if whole else [line for line in rows if line.split(" | ")[0].removeprefix("| ") not in names]
    return HEAD + "\n".join([*new[:2], *stay, *new[2:]]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
