"""The share of wall time spent training while a slow model proposes, at 1/100 time; and against a serial loop."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain, repeat
from statistics import NormalDist

from bench.stubs import run_campaign, scratch, sealed_campaign
from bench.table import Row, Table, percentile
from loop.record.entries import Entry
from loop.record.experiment_facts import Proposed, RunEnded, RunStarted, Scored
from loop.record.types import Purpose

SCALE = 100  # the engine's own work is not scaled: a millisecond counts as a tenth of a second
START_S, TRAIN_S, SCORE_S = 3.0, 300.0, 2.0
BASELINES, QUEUE = 2, 2
GOALS = {60.0: 0.97, 140.0: 0.93}  # median latency in seconds: duty
# With these two the serial and the ideal rates are those of the simulation that the goals come from.
SPREAD, LONGEST_S = 1.0, 900.0


@dataclass(frozen=True)
class Measured:
    """One campaign's shares of the wall time, from the first experiment's start to the last one's score."""

    latencies: list[float]
    wall: float
    training: float
    scoring: float
    waiting: float  # for the proposer
    gaps: list[float]  # between runs, the proposer's share not counted; seconds


def run(quick: bool) -> Table:
    experiments = 3 if quick else 50
    # Two at once: they sleep nearly all the time. Each in a process of its own, as a daemon is.
    with ProcessPoolExecutor(max_workers=len(GOALS)) as pool:
        campaigns = dict(zip(GOALS, pool.map(measure, GOALS, repeat(experiments)), strict=True))
    rows: list[Row] = []
    for middle, m in campaigns.items():
        duty, goal = m.training / m.wall, GOALS[middle]
        met = None if quick else duty >= goal
        own = m.wall - m.training - m.scoring - m.waiting
        real = m.training / (m.wall - own + own / SCALE)
        ideal, forever = ideal_duty(m.latencies), ideal_duty(draw(middle, 20_000))
        serial = sum(m.latencies) + experiments * (START_S + TRAIN_S + SCORE_S)
        ratio = serial / (m.wall * SCALE)
        rows += [
            Row(f"model answers in {middle:.0f} s (median)", f"{duty:.3f}", f">= {goal}", met),
            Row("  the same in real time, the engine's work as long as here", f"{real:.3f}"),
            Row("  at most, one proposal at a time: these draws, a long run", f"{ideal:.3f}, {forever:.3f}"),
            Row("  the rest: waiting for the model", f"{m.waiting / m.wall:.3f}"),
            Row("  ... scoring, the scorer's process included", f"{m.scoring / m.wall:.3f}"),
            Row("  ... starting, the engine (1/100 time: 100 ms are 0.033)", f"{own / m.wall:.3f}"),
            Row("  gap between runs: median, 90th percentile", " ".join(
                f"{1000 * percentile(m.gaps, share):.0f} ms" for share in (0.5, 0.9))),
            Row("  experiments against a serial loop with the same draws", f"{ratio:.2f} x"),
        ]  # fmt: skip
    return Table(
        f"duty: share of wall time spent training, {experiments} experiments at 1/{SCALE} time, queue {QUEUE}",
        f"Counted: the children's own training seconds over the wall from the first experiment's start to the last "
        f"score. Budget {TRAIN_S:.0f} s, start {START_S:.0f} s, evaluation {SCORE_S:.0f} s; log-normal latency, "
        f"spread {SPREAD}, none above {LONGEST_S:.0f} s, seeded quantiles; 17 of 100 kept. "
        "The serial loop is computed, without any work of its own.",
        rows,
    )


def draw(middle: float, count: int) -> list[float]:
    """Return latencies in seconds: the distribution's own quantiles in a seeded order, so that few are enough."""
    quantiles = (NormalDist().inv_cdf((k + 0.5) / count) for k in range(count))
    latencies = [min(LONGEST_S, middle * math.exp(SPREAD * z)) for z in quantiles]
    random.Random(0).shuffle(latencies)
    return latencies


def measure(middle: float, experiments: int) -> Measured:
    """Run one campaign and account for its time."""
    latencies = draw(middle, experiments)
    with scratch() as folder:
        made = sealed_campaign(folder / "c", experiments, START_S / SCALE, TRAIN_S / SCALE, SCORE_S / SCALE)
        entries = run_campaign(made, chain((s / SCALE for s in latencies), repeat(0.0)))
    return account(entries, latencies)


def account(entries: Sequence[Entry], latencies: list[float]) -> Measured:
    """Return where the time of a finished campaign went."""
    proposed: dict[int, float] = {}
    training = scoring = waiting = first = last = 0.0
    gaps: list[float] = []
    measuring = False
    for entry in entries:
        match entry.body:
            case Proposed(experiment=number):
                proposed[number] = entry.at
            case RunStarted(experiment=number, purpose=purpose):
                measuring = purpose not in (Purpose.BASELINE, Purpose.AUDIT, Purpose.PRICE)
                if measuring and last:
                    late = max(0.0, proposed[number] - last)
                    waiting += late
                    gaps.append(entry.at - last - late)
                first = first or (entry.at if measuring else 0.0)
            case RunEnded(train_seconds=seconds) if measuring:
                training += seconds
            case Scored(seconds=seconds) if measuring:
                scoring, last = scoring + seconds, entry.at
    return Measured(latencies, last - first, training, scoring, waiting, gaps)


def ideal_duty(latencies: Sequence[float]) -> float:
    """Return the duty of a loop without work of its own: starts hidden, one proposal written at a time."""
    begun: list[float] = []
    now, free = 0.0, BASELINES * (START_S + TRAIN_S + SCORE_S)
    for k, latency in enumerate(latencies):
        now = max(now, begun[k - QUEUE] if k >= QUEUE else 0.0) + latency
        begun.append(max(now + START_S, free))
        free = begun[-1] + TRAIN_S + SCORE_S
    return len(latencies) * TRAIN_S / (free - begun[0])
