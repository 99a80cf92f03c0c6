"""How a candidate is shown to a person: risks first, evidence beside the code, nothing hidden.

`sheet` gathers everything as plain data (the `--json` document); `show_sheet` prints the same for people. The diff is
the canonical one whose digest is signed, every byte of it, with hidden characters written as escapes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from agent.cli.parts import Workspace
from agent.cli.speak import command_line, plain, visible
from agent.cli.waived import waived_lines, waivers_of
from agent.gate.wording import chance
from agent.loop.store import Entry

if TYPE_CHECKING:
    from agent.edits.patch import Patch

STYLES = {"+": "green", "-": "red", "@": "cyan"}


def card(opened: Workspace, entry: Entry) -> dict[str, Any]:
    """Return one line's worth of a candidate: identity, size, and the held-out gain of each suite."""
    evidence = _json(opened, entry, "evidence.json")
    request = _json(opened, entry, "request.json") or {}
    return {
        "id": entry.id,
        "state": entry.state,
        "proposer": entry.proposer,
        "base_commit": entry.base_commit,
        "created": entry.created,
        "expires": request.get("expires"),
        "heldout": {
            c["suite"]: {k: c[k] for k in ("gain_ppm", "gain_low_ppm", "gain_high_ppm")}
            for c in (evidence or {}).get("comparisons", ())
            if c["split"] == "heldout"
        },
    }


def sheet(opened: Workspace, entry: Entry) -> dict[str, Any]:
    """Return everything about a candidate that a reviewer is asked to judge."""
    verdict = _json(opened, entry, "verdict.json")
    return {
        **card(opened, entry),
        "changes": list(_patch(opened, entry).summary()),
        "rationale": _part(opened, entry, "rationale").decode("utf-8", "replace"),
        "evidence": _json(opened, entry, "evidence.json"),
        "verdict": verdict,
        "waivers": waivers_of(opened, verdict),
        "request": _json(opened, entry, "request.json"),
        "diff": _part(opened, entry, "diff").decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode(),
        "diff_digest": entry.parts["diff"],
        "history": [
            {"from": t.source, "to": t.target, "at": t.at, "note": t.note} for t in opened.store.transitions(entry.id)
        ],
    }


def show_cards(console: Console, rows: list[dict[str, Any]]) -> None:
    """Print the candidates that wait."""
    if not rows:
        console.print("nothing waits for review")
    for row in rows:
        gains = ", ".join(f"{plain(s)} {_gain(g)}" for s, g in row["heldout"].items())
        console.print(f"{plain(row['id'])}  by {plain(row['proposer'])}  held out: {gains}")


def show_sheet(console: Console, document: dict[str, Any], folder: Path, key: str | Path = "KEY") -> None:
    """Print a candidate: changes, verdict, evidence, diff, and the commands that approve and reject it."""
    console.print(
        f"\n[bold]candidate {plain(document['id'])}[/bold]  {document['state']}  by {plain(document['proposer'])}"
    )
    console.print(f"base {document['base_commit']}")
    console.print("\n[bold]What changes[/bold]")
    for line in _changes(document):
        console.print(f"  {visible(line)}", markup=False)
    if document["verdict"]:
        _show_verdict(console, document["verdict"])
        for line in waived_lines(document["waivers"]):
            console.print(f"  [yellow]{plain(line)}[/yellow]")
    if document["evidence"]:
        _show_evidence(console, document["evidence"])
    console.print(f"\n[bold]The diff[/bold]  {document['diff_digest']}")
    show_diff(console, document["diff"])
    console.print("\n[bold]What the proposer says[/bold] (untrusted)")
    console.print(visible(document["rationale"]), style="dim", markup=False)
    if document["state"] == "awaiting_review":
        console.print("\n[bold]It waits for a person. Nothing is committed yet.[/bold]")
        console.print(f"approve exactly this:  {approve_command(document['id'], folder, key)}", markup=False)
        console.print(f"or reject it:          {reject_command(document['id'], folder, key)}", markup=False)
    else:
        console.print(f"\n{plain(document['history'][-1]['note'])}")


def show_diff(console: Console, diff: str) -> None:
    """Print a diff, its hidden characters written out."""
    for line in diff.removesuffix("\n").split("\n"):
        style = STYLES.get(line[:1], "bold" if line.startswith("diff ") else "")
        console.print(visible(line), style=style or None, markup=False)


def _changes(document: dict[str, Any]) -> Iterator[str]:
    """Each edit, and beside it what it is worth, where that is known."""
    worth = (document["evidence"] or {}).get("worth", ())
    lines = document["changes"]
    if len(worth) != len(lines):
        yield from lines
        return
    for line, one in zip(lines, worth, strict=True):
        yield f"{line}; {_worth(one)}"


def _worth(one: dict[str, Any]) -> str:
    if not one["tasks"]:
        return f"worth: {one['note']}"
    return f"worth {_gain(one)} on {one['tasks']} dev tasks"


def approve_command(candidate: str, folder: Path, key: str | Path = "KEY") -> str:
    """Return the exact command that approves a candidate."""
    return command_line("review", "approve", candidate, "--key", key, workspace=folder)


def reject_command(candidate: str, folder: Path, key: str | Path = "KEY") -> str:
    """Return the exact command that rejects a candidate."""
    return command_line("review", "reject", candidate, "--reason", "...", "--key", key, workspace=folder)


def _show_verdict(console: Console, verdict: dict[str, Any]) -> None:
    rules = verdict["results"]
    failed = [rule for rule in rules if not rule["holds"]]
    waived = {one["rule"] for one in verdict["waived"]}
    word = "[green]allowed[/green]" if verdict["allowed"] else "[bold red]denied[/bold red]"
    console.print(
        f"\n[bold]Verdict[/bold]  {word}: {len(rules) - len(failed)} of {len(rules)} rules hold "
        f"(policy version {verdict['version']}, {verdict['bundle'][:19]}…)"
    )
    for rule in failed:
        said = "[yellow]waived[/yellow]" if rule["id"] in waived else "[red]no[/red]"
        console.print(f"  {said}  {plain(rule['id'])}: {plain(rule['reason'])}")
        console.print(f"      [dim]{plain(rule['mend'])}[/dim]")


def _show_evidence(console: Console, evidence: dict[str, Any]) -> None:
    box = evidence["sandbox"]
    style = "yellow" if box["level"] == "reduced" else "green"
    console.print(
        f"\n[bold]Evidence[/bold]  measured by the host in a sandbox of level [{style}]{box['level']}[/{style}] "
        f"({plain(box['backend'])}, no network)"
    )
    rows: list[tuple[str, ...]] = [
        ("suite", "split", "tasks", "moved", "parent", "candidate", "gain [95 % interval]", "p", "noise")
    ]
    rows += [_row(c) for c in evidence["comparisons"]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        console.print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)), markup=False)
    for line in (*deciding_lines(evidence.get("decisions", [])), *_frozen_lines(evidence.get("frozen", []))):
        console.print(visible(line), markup=False)
    for line in _model_lines(evidence):
        console.print(visible(line), markup=False)
    for t in evidence["tests"]:
        bad = len(t["failed"]) + len(t["missing"])
        tail = f", [red]{bad} failed or missing[/red]" if bad else ""
        where = ", graded apart from the scaffold" if t["apart"] else ""
        console.print(f"tests {t['which']}: {t['passed']} of {t['expected']} passed{tail}{where}")
        for name in (*t["failed"], *t["missing"])[:10]:
            console.print(f"  {plain(name)}")
    for p in evidence["probes"]:
        word = "[green]clear[/green]" if p["passed"] else "[red]found[/red]"
        console.print(f"probe {plain(p['name'])}: {word} {plain('; '.join(p['findings']))[:500]}")
    console.print(
        f"{evidence['trials']} trials for this evidence; {evidence['search_trials']} trials run and "
        f"{evidence.get('inherited_trials', 0)} inherited, {evidence['candidates_tried']} trees tried by the proposer "
        "to find it"
    )


def deciding_lines(decisions: list[dict[str, Any]]) -> Iterator[str]:
    """How each objective was decided: the level of its test, and every look at it."""
    for one in decisions:
        if one["outcome"] == "not_begun":
            yield f"{one['suite']} held out: not looked at: {one['why']}"
            continue
        given = one["allowance"]
        yield (
            f"{one['suite']} held out: {'promoted' if one['outcome'] == 'promote' else 'not promoted'} at the level "
            f"{chance(given['level_ppb'])} (the run may err with {chance(given['run_error_ppb'])} over "
            f"{given['run_candidates']} candidate{'s' * (given['run_candidates'] != 1)}; look {given['looks_used']} of "
            f"{given['looks_allowed']})"
        )
        for look in one["looks"]:
            yield (
                f"  at {look['pairs']} of {look['of']} pairs: {look['decision'].replace('_', ' ')}; {_gain(look)}, "
                f"p {_p(look['p_value_ppb'] / 1e9)}; better with probability {look['better_ppm'] / 1e6:.4f}; "
                f"{look['expected_ppm'] / 1e6:+.4f} to expect on new tasks"
            )


def _frozen_lines(frozen: list[dict[str, Any]]) -> Iterator[str]:
    """What became of the tasks that every generation is held to."""
    for one in frozen:
        if one["status"] != "measured":
            why = "the suite is another one now" if one["status"] == "stale" else "left out"
            yield f"frozen {one['suite']}: {one['tasks']} tasks not compared, {why}"
            continue
        lost = f", lost {', '.join(one['lost'][:5])}" if one["lost"] else ", none lost"
        yield f"frozen {one['suite']}: {one['candidate_ppm'] / 1e6:.4f} of {one['tasks']} tasks{lost}"


def _model_lines(evidence: dict[str, Any]) -> Iterator[str]:
    """What a model had to do with it, and what could not be measured without one."""
    for c in evidence["comparisons"]:
        if c["model"]:
            sides = "; ".join(f"{side} {_spent(c[f'{side}_spent'])}" for side in ("parent", "candidate"))
            yield f"{c['suite']} {c['split']}: model {c['model']}, {c['repeats']} x, graded {c['graded']}; {sides}"
    for one in evidence["left_out"]:
        yield f"left out: suite {one['suite']}{one['task'] and ', task ' + one['task']}: {one['why']}"


def _spent(spent: dict[str, int]) -> str:
    tokens = sum(count for name, count in spent.items() if name.endswith("_tokens"))
    return f"{spent['calls']} calls, {tokens:,} tokens, ${spent['micro_usd'] / 1e6:.4f}"


def _row(c: dict[str, Any]) -> tuple[str, ...]:
    parent, candidate, noise = (f"{c[name] / 1e6:.4f}" for name in ("parent_ppm", "candidate_ppm", "noise_ppm"))
    p = _p(c["p_value_ppm"] / 1e6)
    return (visible(c["suite"]), c["split"], str(c["tasks"]), str(c["moved"]), parent, candidate, _gain(c), p, noise)


def _p(share: float) -> str:
    """Write a probability; none is nothing."""
    return f"{share:.4f}" if share >= 0.0001 else "<0.0001"


def _gain(c: dict[str, Any]) -> str:
    return f"{c['gain_ppm'] / 1e6:+.4f} [{c['gain_low_ppm'] / 1e6:+.4f}, {c['gain_high_ppm'] / 1e6:+.4f}]"


def _patch(opened: Workspace, entry: Entry) -> Patch:
    """Return the patch, which nobody signs, once it is clear that it says what the diff says, which people sign."""
    from agent.edits.apply import apply
    from agent.edits.patch import Patch
    from agent.errors import Refused, StoreBroken
    from agent.loop.judging import trees_of

    base, tree = trees_of(opened.store, opened.repository, entry)
    patch = Patch.from_json(_part(opened, entry, "patch"))
    try:
        result = apply(base, patch)
    except Refused as error:
        raise StoreBroken(f"the stored patch of {entry.id} does not fit its base", why=str(error)) from error
    if result != tree:
        raise StoreBroken(
            f"the stored patch of {entry.id} does not say what its diff says", why="one of them was altered"
        )
    return patch


def _part(opened: Workspace, entry: Entry, name: str) -> bytes:
    from agent.loop.judging import part_of

    return part_of(opened.store, entry, name)


def _json(opened: Workspace, entry: Entry, name: str) -> dict[str, Any] | None:
    if name not in entry.parts:
        return None
    value = json.loads(_part(opened, entry, name))
    assert isinstance(value, dict)
    return value
