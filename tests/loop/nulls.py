"""Candidates whose true worth is known, behind a wall that is none: each tree's file of gains says how it scores."""

import json
from pathlib import Path
from random import Random

from agent.edits.tree import File, Tree
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.suite import SuiteJob, Task
from agent.gate.signer import MachineKey
from agent.gate.trust import Person, PersonKey, new_root
from agent.lineage.repository import Repository
from agent.lineage.succession import create_workspace
from agent.loop.judging import Keys
from agent.loop.lifecycle import Lifecycle
from agent.loop.logged import learn
from agent.loop.run import Run
from agent.loop.select import select_parent
from agent.loop.stop import Checkpoint, Halt
from agent.loop.store import Store
from agent.loop.trials import StoredTrials
from agent.propose.proposer import Proposal
from agent.workspace import parse_settings
from sandbox.contract import Command
from tests.evaluate.world import answering, said

ROOT = Path(__file__).parents[2]
FAMILIES = [f"f{number:02}" for number in range(16)]
GAINS = "scaffold/gains.json"
LOOKS = 60

SETTINGS = f"""
schema = 1
name = "nulls"
objective = "be better"
autonomy = "unattended"
[zones]
mind = ["scaffold/**"]
kept = ["successor.toml", "policies/**", "suites/**"]
[[suites]]
name = "search"
objective = true
[heldout]
looks = {LOOKS}
[pace]
max_pending_reviews = 100
max_generations_per_day = 1000
""".encode()


class Population:
    """An objective of two tasks in each family. The parent does half of each; a candidate what its gains say."""

    name, digest, objective, entry_points = "search", "sha256:" + "7" * 64, True, ("rank",)
    exam = "sha256:" + "8" * 64

    def tasks(self, split):
        return tuple(Task(f"{split}-{family}-{number}", family) for family in FAMILIES for number in range(2))

    def impossible(self, split):
        return frozenset()

    def summary(self, scores):
        return {}

    def job(self, split, task_ids):
        return SuiteJob((), Command(("rank",), 5, json.dumps(list(task_ids)).encode()), json.loads)


def answer(mounts, command):
    """What a tree scores: `gains` maps a family to ppm, for held-out tasks only; `dev` is the same for all dev tasks."""
    gains = json.loads((Path(mounts[0].source) / GAINS).read_text())
    tasks = json.loads(command.stdin)
    return said(
        json.dumps(
            {
                task: 500_000 + (gains.get("dev", 0) if task.startswith("dev") else gains.get(task.split("-")[1], 0))
                for task in tasks
            }
        ).encode()
    )


def null(number):
    """A candidate that is no better: each family is as likely to win as to lose by it."""
    dice = Random(f"null {number}")
    return {family: dice.choice((-1, 1)) * dice.randrange(50_000, 300_000) for family in FAMILIES}


def better():
    """A candidate that helps everywhere."""
    return {family: 150_000 + 1_000 * number for number, family in enumerate(FAMILIES)}


def base():
    files = {f"policies/{path.name}": path.read_bytes() for path in (ROOT / "policies").iterdir()}
    files |= {"successor.toml": SETTINGS, GAINS: b"{}\n", "scaffold/__init__.py": b""}
    return Tree({path: File(content) for path, content in files.items()})


def child(gains):
    return base().with_file(GAINS, File(json.dumps(gains).encode() + b"\n"))


class Drafts:
    """A proposer that brings what it was given, one after the other."""

    def __init__(self, candidates):
        self._waiting = iter(candidates)

    def propose(self, base, brief, bench, checkpoint, progress):
        gains = next(self._waiting, None)
        return None if gains is None else Proposal(child(gains), "", 1, 1)


class World:
    """A workspace with a real repository, gate log, law and store, and everything that a run needs."""

    def __init__(self, folder):
        self.folder = folder
        gate, evaluator, person = (MachineKey.generate() for _ in range(3))
        root = new_root(
            (Person(name="p", keys=(PersonKey(key=person.key.line),)),), gate=gate.key, evaluator=evaluator.key
        )
        create_workspace(folder, base(), root, gate, 1_000).close()
        self.keys = Keys(gate, evaluator)
        self.paid = 0

    def run(self, candidates, wanted=None, store=Store):
        """Let a run draft these candidates, in a process of its own as far as the store knows."""
        count = len(candidates) if wanted is None else wanted
        return self._in_a_process(
            store,
            lambda life, settings, checkpoint: Run(
                life, settings, Drafts(candidates), "codemod", checkpoint, 0, 400
            ).go(count),
        )

    def propose(self, gains):
        """Let a person bring a candidate."""

        def through(life, settings, checkpoint):
            parent = select_parent(life.repository)
            return life.resume(life.draft(parent, Proposal(child(gains), "", 0, 1), "carol", None))

        return self._in_a_process(Store, through)

    def _in_a_process(self, store, work):
        settings = parse_settings(SETTINGS)
        kept = store(self.folder / ".successor", clock=lambda: 2_000)
        wall = answering(answer, self.folder)
        evaluator = Evaluator(wall, wall.prepare(), [Population()], settings, StoredTrials(kept), workers=1)
        checkpoint = Checkpoint(Halt(self.folder / ".successor"), settings.budget, lambda: 0, lambda: 0.0, 0.0)
        try:
            with evaluator, Repository.open(self.folder) as repository:
                learn(repository, kept)
                return work(Lifecycle(repository, kept, evaluator, self.keys, lambda _: None), settings, checkpoint)
        finally:
            self.paid += evaluator.trials_run
            kept.close()

    def store(self):
        return Store(self.folder / ".successor", clock=lambda: 2_000)


def part(store, entry, name):
    return json.loads(store.blobs.get(entry.parts[name]))


__all__ = ["LOOKS", "World", "better", "null", "part"]
