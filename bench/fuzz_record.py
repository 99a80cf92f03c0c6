"""A coverage-guided fuzzer of every parser of the record: an auditor reads what whoever holds the gate's key wrote.

Half of the mutations change bytes. The others change what a document says and write it again in its one form, or hardly
any would get past the first check: of JSON a value, a key or a list, and of an envelope its payload.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from agent.digest import canonical_json
from agent.errors import SuccessorError
from bench.guided import Guided
from bench.measure import Measure
from bench.record_parsers import FILES, Parser, parsers, rewrapped, wrapped

SECONDS = 60
LONGEST = 64 * 1024
POLICIES = Path(__file__).parent.parent / "policies"
_PIECES = (
    b"\0", b"\n", b"\r\n", b"\n\n", b" ", b"\xff", b"\xc3", b"\xe2\x80\x94 ", b"\xe2\x80\xae", b"{}", b"[]", b'"', b",",
    b"-1", b"0", b"00", b"1e9", b"9" * 25, b"sha256:", b"@@ -1 +1 @@\n", b"--- a/", b"+++ /dev/null\n", b"diff --git ",
    b"old mode 100644\n", b"rename from ", b"../", b"gpgsig ", b"parent ", b"tree ", b"encoding ", b"40000 ", b"&a ",
    b"*a", b"!!python/object ", b"yes", b"- ", b": ", b"has(", b"SSHSIG", b"\0\0\0\1", b"\xff\xff\xff\xff", b"=",
    b"Gate-Entry: ",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**53, 2**64, "", "x", "\0", "\u202e", "a" * 300, "sha256:" + "0" * 64, [], {}, [[]],
    {"a": 1}, "successor/c1", "alice",
)  # fmt: skip


def measures(seconds: int = SECONDS) -> list[Measure]:
    """Fuzz all parsers for so many seconds together: nothing but refusals, and one form for what is read."""
    number = int.from_bytes(os.urandom(4), "big")
    found = [(parser, fuzzer(parser, random.Random(number))) for parser in parsers(law())]
    for _, one in found:
        one.run(seconds / len(found))
    for parser, one in found:
        for crash, data in one.crashes[:2]:
            kept = Path(tempfile.gettempdir(), f"fuzz-record-{abs(hash(data)):x}")
            kept.write_bytes(data)
            print(f"{parser.name}: {kept}\n{crash}", file=sys.stderr)
    executions = sum(one.executions for _, one in found)
    edges, crashes = sum(len(one.edges) for _, one in found), sum(len(one.crashes) for _, one in found)
    said = f"{seconds} s, seed {number}, {len(found)} parsers"
    return [
        Measure("fuzz_record.executions", executions, "documents", "", said, 1),
        Measure("fuzz_record.edges", edges, "edges", "", "summed over the parsers", executions),
        Measure("fuzz_record.crashes", crashes, "documents", "= 0", "read or refused, in one form", executions),
    ]


def law() -> dict[str, bytes]:
    """The shipped policy."""
    return {path.name: path.read_bytes() for path in POLICIES.iterdir()}


def fuzzer(parser: Parser, dice: random.Random) -> Guided:
    """Return the fuzzer of one parser, sown with its seeds."""
    made = Guided(lambda data: broken(parser, data), mutated, FILES, dice, longest=LONGEST)
    made.sow(parser.seeds)
    return made


def broken(parser: Parser, data: bytes) -> str:
    """Read once; return how the parser's promise was broken, or nothing."""
    try:
        parser.check(data)
    except SuccessorError:
        return ""
    except Exception:  # noqa: BLE001  # any other one is what is looked for
        return traceback.format_exc()
    return ""


def mutated(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """Return `data` changed in a few places, as bytes or as what it says."""
    inside = wrapped(data)
    if inside is not None and dice.random() < 0.4:
        return rewrapped(data, mutated(inside, [inside], dice))
    if dice.random() < 0.5:
        said = _said_otherwise(data, dice)
        if said is not None:
            return said
    made = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        place = dice.randrange(len(made) + 1)
        piece, length = dice.choice(_PIECES), dice.randrange(1, 40)
        match dice.randrange(6):
            case 0 if made:
                made[min(place, len(made) - 1)] ^= 1 << dice.randrange(8)
            case 1:
                made[place : place + len(piece)] = piece
            case 2:
                made[place:place] = piece
            case 3:
                other = dice.choice(others)
                start = dice.randrange(len(other) + 1)
                made[place:place] = other[start : start + length]
            case 4:
                del made[place : place + length]
            case _:
                made[place:place] = made[place : place + length]
    return bytes(made[:LONGEST])


def _said_otherwise(data: bytes, dice: random.Random) -> bytes | None:
    """A JSON document with another value somewhere, in canonical form; `None` when it is none."""
    try:
        document = json.loads(data)
        holders = list(_holders(document))
        if not holders:
            return None
        holder = dice.choice(holders)
        key = dice.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        match dice.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[dice.choice(("x", "schema", "by", "keys", "signatures"))] = dice.choice(_VALUES)
            case 2 if isinstance(holder, list):
                holder.append(dice.choice(holder))
            case _:
                holder[key] = dice.choice(_VALUES)
        return canonical_json(document)
    except (ValueError, TypeError, RecursionError):
        return None


def _holders(value: Any) -> Any:
    """Every dictionary and list that holds something, at every depth."""
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if items:
        yield value
    for item in items:
        yield from _holders(item)
