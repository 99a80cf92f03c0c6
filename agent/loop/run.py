"""The unattended run: candidates in a row, within budgets, until a reason to stop.

`Run.go` is the loop; everything it calls can be read on its own. Nothing here commits: a run ends, at best, with
candidates that wait for a person.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from agent.candidate import State
from agent.edits.patch import Patch
from agent.edits.tree import Tree
from agent.errors import BudgetSpent, CandidateTooDear, Infrastructure, Refused, SuccessorError
from agent.loop.allowance import Allowances
from agent.loop.dev_half import DevHalf
from agent.loop.lifecycle import Lifecycle, candidate_id, describe, law_of
from agent.loop.select import select_parent
from agent.loop.stop import Checkpoint, Ending, Stop
from agent.loop.store import Entry
from agent.loop.trim import Trim
from agent.propose.proposer import Brief, Proposal, Proposer
from agent.workspace import Settings
from sandbox.broker.ledger import Spent

UNFINISHED = (State.DRAFTED, State.SCREENED, State.EVALUATED, State.JUDGED)
DAY = 24 * 3600
CODES: dict[State, str] = {State.DENIED: "denied", State.REJECTED: "rejected", State.COMMITTED: "promoted"}
MOST_HISTORY = 40
MOST_TOLD = 200
"""Earlier candidates that a proposer is told of, and characters on each."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did and why it stopped: the operator's morning."""

    run: int
    ending: Ending
    message: str
    trials: int
    candidates: tuple[Entry, ...]
    notes: Mapping[str, str]
    """Why each candidate is where it is, by ID."""
    host_cpu_ms: int
    """Processor time of this process: what the loop itself costs beside the trials."""
    spent: Spent
    """What was asked of a model, and its price."""


def counted(proposal: Proposal, dev: DevHalf) -> Proposal:
    """Return a proposal with what finding it took, as the host counted it."""
    return replace(proposal, search_trials=dev.trials, inherited_trials=dev.inherited)


@dataclass(slots=True)
class Run:
    """One run of the loop over one workspace. Call `go` once."""

    lifecycle: Lifecycle
    settings: Settings
    proposer: Proposer
    proposer_name: str
    checkpoint: Checkpoint
    seed: int
    max_changed_lines: int
    confirm: Callable[[Entry], bool] = lambda _: True
    """Asked before a candidate is paid for; the way of `autonomy = "assisted"`."""
    diagnoses: bool = False
    """Whether the proposer is told what the parent does badly, which takes trials to know."""
    spent: Callable[[], Spent] = Spent
    """What the run has spent on a model so far."""
    made: list[Entry] = field(default_factory=list)

    def go(self, candidates: int) -> Summary:
        """Finish what an earlier run left open, then make up to `candidates` new ones."""
        store = self.lifecycle.store
        started = time.process_time()
        run = store.begin_run(self.proposer_name, candidates)
        ending, message = self._until_stopped(run, candidates)
        spent = self.spent()
        if spent.calls:
            message += f"; {spent.calls} calls of the model, {spent.usage.total:,} tokens, ${spent.micro_usd / 1e6:.4f}"
        trials = self.lifecycle.bench.trials_run
        store.progress_run(run, made=len(self.made), trials=trials)
        store.end_run(run, ending, message)
        log.info("run.ended", run=run, ending=ending, candidates=len(self.made), trials=trials)
        notes = {entry.id: store.transitions(entry.id)[-1].note for entry in self.made}
        entries = tuple(store.candidate(entry.id) for entry in self.made)
        cpu = int((time.process_time() - started) * 1000)
        return Summary(run, ending, message, trials, entries, notes, cpu, spent)

    def _until_stopped(self, run: int, candidates: int) -> tuple[Ending, str]:
        """Return why the run ended. What is open when it ends stays open for `resume`."""
        try:
            self._finish_open()
            found = 0
            for number in range(candidates):
                self._may_go_on()
                found += self._one(run, self.seed + number)
            if candidates and not found:
                return "nothing_found", "the proposer found nothing that beats the parent"
        except Stop as stop:
            return stop.ending, stop.message
        except KeyboardInterrupt:
            return "interrupted", "interrupted; go on with: successor resume"
        except (BudgetSpent, CandidateTooDear) as error:
            # Of a candidate that is too dear only `_walk` knows; this one was the parent's, looked at for a brief.
            return "budget_exhausted", str(error)
        except Infrastructure as error:
            return "failed", str(error)
        return "done", f"{found} candidate(s) proposed" if candidates else "nothing is open any more"

    def _finish_open(self) -> None:
        """Take up what an earlier run left open; what was drafted on another parent than today's is superseded."""
        store, parent = self.lifecycle.store, select_parent(self.lifecycle.repository)
        for entry in store.candidates(UNFINISHED):
            self.checkpoint()
            if entry.base_commit == parent:
                self.made.append(entry)
                self._walk(entry)
            else:
                self.lifecycle.end(entry, State.SUPERSEDED, f"{parent[:12]} is the newest generation now")

    def _one(self, run: int, seed: int) -> bool:
        """One generation: brief, propose, draft, and the rest of the candidate's way. Whether anything was proposed."""
        lifecycle = self.lifecycle
        parent = select_parent(lifecycle.repository)
        base = lifecycle.repository.tree(parent)
        brief = self._brief(base, seed)
        lifecycle.say(f"proposing on {parent[:12]} with {self.proposer_name}, seed {seed}")
        dev = DevHalf(lifecycle.bench, base)
        proposal = self.proposer.propose(base, brief, dev, self.checkpoint, lifecycle.say)
        if proposal is None:
            lifecycle.say(f"{self.proposer_name} found nothing, seed {seed}")
            return False
        trim = Trim(base, self.settings, dev, seed, self.checkpoint, lifecycle.say)
        try:
            smaller = trim.trimmed(proposal.tree)
        except (Stop, Infrastructure, KeyboardInterrupt):
            self._draft(
                parent, counted(proposal, dev), run
            )  # it was paid for: whole as it is, it waits for another day
            raise
        entry = self._draft(parent, counted(replace(proposal, tree=smaller), dev), run)
        if entry is not None:
            self.made.append(entry)
            self._walk(entry)
        return True

    def _draft(self, parent: str, proposal: Proposal, run: int) -> Entry | None:
        """Draft a proposal; one that was judged before, or that nobody could judge, is not paid for."""
        try:
            entry = self.lifecycle.draft(parent, proposal, self.proposer_name, run)
        except Refused as error:
            self.lifecycle.say(f"{self.proposer_name} proposed what cannot be judged: {error}")
            return None
        if entry is None:
            known = self.lifecycle.store.candidate(candidate_id(parent, proposal.tree))
            self.lifecycle.say(f"{known.id} was proposed before and is {known.state}")
        return entry

    def _walk(self, entry: Entry) -> None:
        """Take one candidate to its next rest. A candidate that breaks our own steps fails alone; the world's failures
        leave it open, to be measured on another day."""
        if not self.confirm(entry):
            self.lifecycle.end(entry, State.SUPERSEDED, "not wanted, before it was paid for")
            return
        try:
            self.lifecycle.resume(entry)
        except Infrastructure:
            raise
        except SuccessorError as error:
            self.lifecycle.end(self.lifecycle.store.candidate(entry.id), State.FAILED, describe(error))
            self.lifecycle.say(f"{entry.id} failed: {error}")

    def _may_go_on(self) -> None:
        """Hold the pace: reviews that pile up, or too many generations in a day, stop the run.

        So do held-out tasks that were looked at as often as they may be: what is drafted then could not be decided.
        """
        self.checkpoint()
        self._demand_look()
        store, pace = self.lifecycle.store, self.settings.pace
        pending = len(store.candidates([State.AWAITING_REVIEW]))
        if pending >= pace.max_pending_reviews:
            raise Stop(
                "pending_reviews", f"{pending} candidates wait for review; decide them first: successor review list"
            )
        recent = [e for e in store.candidates() if e.run is not None and e.created > store.now() - DAY]
        if len(recent) >= pace.max_generations_per_day:
            raise Stop("pace", f"{len(recent)} generations were made within a day, the most this workspace allows")

    def _demand_look(self) -> None:
        lifecycle = self.lifecycle
        law = law_of(lifecycle.repository.tree(select_parent(lifecycle.repository)))
        try:
            Allowances(lifecycle.store).demand_looks(lifecycle.bench.suites, law)
        except BudgetSpent as error:
            raise Stop("heldout_exhausted", str(error)) from error

    def _told_of(self, entry: Entry) -> str:
        """What became of a candidate, in one word, and what it changed of what a candidate may; never why.

        People bring changes of suites and law through the same gate: their paths name held-out tasks.
        """
        edits = Patch.from_json(self.lifecycle.part(entry, "patch")).edits
        changed = [edit.summary() for edit in edits if self.settings.zones.zone(edit.path) == "mind"]
        if len(changed) < len(edits):
            changed.append("and what no proposer may change")
        return f"{CODES.get(entry.state, 'open')}: {'; '.join(changed)}"[:MOST_TOLD]

    def _brief(self, base: Tree, seed: int) -> Brief:
        """All that the proposer may know: no held-out data, no reasons, no budgets but its own."""
        settings = self.settings
        suite = next((s.name for s in settings.suites if s.objective), None)
        if suite is None:
            raise Refused("no suite is the objective", mend="Set objective = true for one suite in successor.toml")
        return Brief(
            objective=settings.objective,
            objective_suite=suite,
            editable=settings.zones,
            max_changed_lines=self.max_changed_lines,
            seed=seed,
            trial_budget=self.checkpoint.budget.search_trials,
            entry_points=self.lifecycle.bench.entry_points(suite),
            diagnosis=self.lifecycle.bench.diagnose(base) if self.diagnoses else None,
            history=tuple(self._told_of(entry) for entry in self.lifecycle.store.candidates()[-MOST_HISTORY:]),
        )
