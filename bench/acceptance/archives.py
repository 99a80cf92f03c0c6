"""Long runs of rules that keep an archive: DGM, SICA and HGM, as their own code has them (versions: see the page).

What such a rule keeps is the agent that it would hand over at the end, with all steps from the first parent to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, expit

from bench.acceptance.long_runs import CANDIDATES, DEV, REPEATS, TASKS, TRIALS, Kept, begin, solve
from bench.acceptance.world import Bools, Floats, Ints, Stream, part

LEEWAY = 0.1
EXPAND = 0.6
"""HGM goes on to a new candidate when trials to this power reach the number of nodes."""
BATCH = 20
"""Trials that HGM starts at once."""


@dataclass(slots=True)
class Archive:
    """Every candidate of many runs, by number; node 0 is the first parent."""

    stream: Stream
    odds: NDArray[np.float32]
    parent: Ints
    """`(runs, nodes)`."""
    inside: Bools
    """Whether a node may become a parent."""

    @classmethod
    def of(cls, stream: Stream) -> Archive:
        runs, tasks = stream.start.shape
        odds = np.zeros((runs, CANDIDATES + 1, tasks), dtype=np.float32)
        odds[:, 0] = stream.start
        inside = np.zeros((runs, CANDIDATES + 1), dtype=bool)
        inside[:, 0] = True
        return cls(stream, odds, np.zeros((runs, CANDIDATES + 1), dtype=np.int64), inside)

    def add(self, node: int, parents: Ints) -> None:
        """Draft the next candidate from a parent in each run."""
        rows = np.arange(len(parents))
        self.odds[:, node] = self.odds[rows, parents] + self.stream.shifts[:, node - 1]
        self.parent[:, node] = parents

    def log_odds(self, nodes: Ints) -> Floats:
        """Log odds of one node of each run on all tasks."""
        return self.odds[np.arange(len(nodes)), nodes].astype(np.float64)

    def lineage(self, final: Ints, trials: Ints) -> Kept:
        """Keep one node of each run, and count the steps that led to it."""
        kept = begin(self.stream)
        kept.trials += trials
        rows = np.arange(len(final))
        kept.odds = self.log_odds(final)
        at = final.copy()
        while at.any():
            step, up = at > 0, self.parent[rows, at]
            better = self.stream.better[rows, at - 1]
            unseen = [expit(part(self.log_odds(node), 2)).mean(axis=1) for node in (at, up)]
            kept.false_promotions += step & (unseen[0] <= unseen[1])
            kept.right += step & better
            kept.wrong += step & ~better
            at = up
        return kept


def dgm(stream: Stream, seed: int) -> Kept:
    """DGM: parents by score and fewness of children, kept with a leeway of 0.1 under the first; the best score wins."""
    random, archive = np.random.default_rng(seed), Archive.of(stream)
    runs = len(stream.start)
    rows = np.arange(runs)
    scores = np.zeros((runs, CANDIDATES + 1))
    children = np.zeros((runs, CANDIDATES + 1))
    scores[:, 0] = _mean(random, archive, 0)
    for node in range(1, CANDIDATES + 1):
        weight = np.where(archive.inside, expit(10 * (scores - 0.5)) / (1 + children), 0.0)
        parents = _drawn(random, weight)
        archive.add(node, parents)
        children[rows, parents] += 1
        scores[:, node] = _mean(random, archive, node)
        archive.inside[:, node] = scores[:, node] >= scores[:, 0] - LEEWAY
    return archive.lineage(scores.argmax(axis=1), np.full(runs, TRIALS))


def sica(stream: Stream, seed: int) -> Kept:
    """SICA: the next parent is the newest whose mean reaches the lower 95 % end of the best; the best mean wins."""
    random, archive = np.random.default_rng(seed), Archive.of(stream)
    runs = len(stream.start)
    rows = np.arange(runs)
    means, errors = np.full((runs, CANDIDATES + 1), -1.0), np.zeros((runs, CANDIDATES + 1))
    for node in range(CANDIDATES + 1):
        if node:
            best = means.argmax(axis=1)
            low = means[rows, best] - 1.96 * errors[rows, best]
            reaches = means >= low[:, None]
            archive.add(node, CANDIDATES - reaches[:, ::-1].argmax(axis=1))
        marks = solve(random, part(archive.odds[:, node].astype(np.float64), DEV), REPEATS) / REPEATS
        means[:, node], errors[:, node] = marks.mean(axis=1), marks.std(axis=1, ddof=1) / np.sqrt(TASKS)
    return archive.lineage(means.argmax(axis=1), np.full(runs, TRIALS))


def hgm(stream: Stream, seed: int) -> Kept:
    """HGM: Thompson over clades for whom to draft from, over nodes for whom to run; the highest 5 % belief wins."""
    random, archive = np.random.default_rng(seed), Archive.of(stream)
    runs = len(stream.start)
    rows = np.arange(runs)
    own = np.zeros((2, runs, CANDIDATES + 1))
    clade = np.zeros((2, runs, CANDIDATES + 1))
    nodes = 1
    for done in range(0, TRIALS, BATCH):
        if nodes <= CANDIDATES and done**EXPAND >= nodes - 1:
            belief = random.beta(1 + clade[0, :, :nodes], 1 + clade[1, :, :nodes])
            archive.add(nodes, belief.argmax(axis=1))
            nodes += 1
        chosen = random.beta(1 + own[0, :, :nodes], 1 + own[1, :, :nodes]).argmax(axis=1)
        tasks = random.integers(0, TASKS, (runs, BATCH))
        odds = archive.odds[rows[:, None], chosen[:, None], tasks]
        solved = (random.random(odds.shape) < expit(odds)).sum(axis=1)
        result = np.stack([solved, BATCH - solved])
        own[:, rows, chosen] += result
        at = chosen
        for _ in range(nodes):
            clade[:, rows, at] += result
            if not at.any():
                break
            # The first parent has no parent: what it was given once more is taken back.
            clade[:, rows, 0] -= np.where(at == 0, result, 0)
            at = archive.parent[rows, at]
    final = betaincinv(1 + own[0], 1 + own[1], 0.05).argmax(axis=1)
    return archive.lineage(final, np.full(runs, TRIALS))


def _mean(random: np.random.Generator, archive: Archive, node: int) -> Floats:
    odds = part(archive.odds[:, node].astype(np.float64), DEV)
    return np.asarray(solve(random, odds, REPEATS).mean(axis=1) / REPEATS)


def _drawn(random: np.random.Generator, weight: Floats) -> Ints:
    """Draw one node of each run by weight."""
    total = np.cumsum(weight, axis=1)
    return np.asarray((total < random.random(len(weight))[:, None] * total[:, -1:]).sum(axis=1))
