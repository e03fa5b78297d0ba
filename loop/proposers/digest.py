"""Ledger → what an agent should remember: sections of short lines, the most telling first, bounded in number.

One pass over the experiments and a few bounded selections, so that 10,000 experiments cost milliseconds and as many
words as 100. Whatever a program or a model printed is data here: one line, cut, no control characters. Pure.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from itertools import islice

from loop.proposers.replies import one_line
from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import Author, Reason, Verdict
from loop.record.values import counted
from loop.settings.program import Program

BEST, NEAR, TIES, RECENT, FAILED, WAITING, NOTES, HUMAN, KNOBS, VALUES, EARLIER = 10, 8, 6, 10, 4, 6, 8, 6, 16, 6, 8
TRIES = 200  # the latest, of one knob
TRACEBACK_LINES = 8
WIDEN_AT = 0.5  # of the plateau stop


@dataclass(frozen=True)
class Section:
    """A heading and its lines; where room is short the last lines go first, and the last sections."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Selection:
    """The few experiments worth telling of, best first."""

    gains: list[Experiment]  # kept
    misses: list[Experiment]  # measurably worse, but by the least
    ties: list[Experiment]
    failures: list[Experiment]  # newest first
    human: list[Experiment]  # newest first
    knobs: dict[str, list[Experiment]]  # who changed a knob, in their order
    judged: int  # as the ledger counts them, without a pass of their own
    kept: int


def select(ledger: Ledger) -> Selection:
    """Return what is worth telling, in one pass. It makes no object for each experiment: the collector would come."""
    gains: list[Experiment] = []
    misses: list[Experiment] = []
    ties: list[Experiment] = []
    failures: list[Experiment] = []
    human: list[Experiment] = []
    knobs: defaultdict[str, list[Experiment]] = defaultdict(list)
    judged = kept = 0
    for e in ledger.experiments.values():
        verdict = e.verdict
        if e.number == 0 or verdict is None:
            continue
        judged += bool(e.runs)
        kept += verdict is Verdict.KEEP
        if e.author is Author.HUMAN and not e.withdrawn:
            human.append(e)
        if verdict is Verdict.CRASH:
            failures.append(e)
        elif e.delta is not None:
            (gains if ledger.gained(e) else ties if e.reason is Reason.WITHIN_NOISE else misses).append(e)
        if verdict is not Verdict.KEEP or e.delta is not None:  # a keep's gain may be lost with a journal: no failure
            for name in e.knobs:
                knobs[name].append(e)
    sign = 1.0 if ledger.minimize else -1.0

    def best(some: list[Experiment], size: int) -> list[Experiment]:
        return nsmallest(size, some, key=lambda e: sign * (e.delta or 0.0))

    return Selection(
        best(gains, BEST),
        best(misses, NEAR),
        best(ties, TIES),
        failures[: -FAILED - 1 : -1],
        human[: -HUMAN - 1 : -1],
        knobs,
        judged,
        kept,
    )


def digest(ledger: Ledger, waiting: tuple[str, ...], chosen: Selection) -> list[Section]:
    """Return the memory of a campaign, the most important section first."""
    recent = islice((e for e in reversed(ledger.experiments.values()) if e.verdict and e.number), RECENT)
    sections = [
        Section("Where the campaign stands", tuple(_standing(ledger, chosen))),
        Section("What the human says", tuple(_human(ledger, chosen))),
        Section("Waiting or training now; propose something else", tuple(f"- {said(w)}" for w in waiting[-WAITING:])),
        Section("Best gains so far", tuple(map(_line, chosen.gains))),
        Section("The latest experiments, newest first", tuple(map(_line, recent))),
        Section("Latest failures", tuple(_failures(chosen.failures))),
        Section("Near misses (worse, but by the least)", tuple(map(_line, chosen.misses))),
        Section("Ties (within noise, discarded)", tuple(map(_line, chosen.ties))),
        Section("Knob values tried (best change against the incumbent of their time)", tuple(_knobs(ledger, chosen))),
        Section("Earlier nights (other conditions: as hints only)", tuple(_history(ledger))),
    ]
    return [section for section in sections if section.lines]


def strategy(ledger: Ledger, program: Program, chosen: Selection, seed: int) -> str:
    """Return what kind of change is asked for now; near the plateau stop it is a different kind each time."""
    since, plateau = ledger.since_keep, program.stop.plateau or 40
    if since < max(4, WIDEN_AT * plateau):
        return "Propose the one change that you expect to gain most, in the light of what was tried."
    begin = f"{since} experiments in a row gave no gain; the campaign ends at {plateau}. Small steps are used up. "
    wide = ["Make a larger change: a different mechanism or structure, not another value of a knob."]
    close = [e.number for e in (*chosen.ties, *chosen.misses)][:6]
    if len(close) > 1:
        pairs = ", ".join(f"#{n}" for n in close)
        wide.append(f"Combine two or more near misses that do not conflict ({pairs}) in one patch.")
    if len(chosen.gains) > 1:
        old = chosen.gains[::-1][seed // 3 % len(chosen.gains)]
        wide.append(f"Undo an old keep, #{old.number} ({said(old.hypothesis, 80)}), to see whether it still pays.")
    return begin + wide[seed % len(wide)]


def said(text: str, limit: int = 160) -> str:
    """Return a model's or a program's words as data on one line that closes no fence."""
    return one_line(text.replace("`", "'"), limit)


def tail(text: str, lines: int = TRACEBACK_LINES, width: int = 200) -> str:
    """Return the last lines of a log as data: cut, without control and invisible characters."""
    text = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text.replace("\r", "\n").expandtabs(4))
    rows = ["".join(c for c in row if c.isprintable())[:width] for row in text.split("\n")]
    return "\n".join([row for row in rows if row.strip()][-lines:])


def fenced(text: str) -> str:
    """Return data in a fence that it cannot close."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}log\n{text}\n{fence}"


def _line(e: Experiment) -> str:
    verdict = (
        f"{e.verdict}" if e.verdict is not Verdict.DISCARD or e.reason is None else str(e.reason).replace("_", " ")
    )
    number = "" if e.delta is None else f" {e.delta:+.5f}"
    noise = f" ± {e.uncertainty:.5f}" if e.uncertainty is not None and number else ""
    return f"- #{e.number} {verdict}{number}{noise}: {said(e.hypothesis)}"


def _standing(ledger: Ledger, chosen: Selection) -> Iterable[str]:
    metric = ledger.created.metric if ledger.created else None
    name, better = (metric.name if metric else "val_bpb"), ("lower" if ledger.minimize else "higher")
    now = ledger.incumbent_experiment
    if now is not None and now.score is not None:
        pair = ledger.noise.pair
        noise = f"; a difference of two runs has a noise of {pair:.5f}" if pair is not None else ""
        start = f", the baseline {ledger.baseline:.5f}" if ledger.baseline is not None else ""
        yield f"- {name}, {better} is better: the incumbent (#{now.number}) has {now.score:.5f}{start}{noise}."
    measured = counted(chosen.judged, "experiment")
    yield f"- {measured} measured, {chosen.kept} kept, {ledger.since_keep} since the last keep."


def _human(ledger: Ledger, chosen: Selection) -> Iterable[str]:
    for note in reversed(ledger.notes[-NOTES:]):
        about = f" about #{note.experiment}" if note.experiment is not None else ""
        yield f"- note{about}: {said(note.text, 400)}"
    for e in chosen.human:
        if e.removes is not None:
            what = f"#{e.number}, {said(e.hypothesis)}"
            yield f"- rejected what #{e.removes} added (measured as {what}): do not write it again"
        else:
            yield f"- wrote #{e.number} ({e.verdict}): {said(e.hypothesis)}"


def _history(ledger: Ledger) -> Iterable[str]:
    """Tell of earlier nights: what was kept last, then what was not."""
    kept = [e for e in ledger.history if e.verdict is Verdict.KEEP]
    others = [e for e in ledger.history if e.verdict is not Verdict.KEEP]
    for e in (*kept[-EARLIER:], *others[-EARLIER:]):
        score = "" if e.score is None else f" {e.score:.6g}"
        yield f"- {e.verdict}{score}: {said(e.hypothesis)}"


def _failures(failures: list[Experiment]) -> Iterable[str]:
    for n, e in enumerate(failures):
        failure = e.failure
        why = said(failure.message if failure else e.explanation, 240).replace('"', "'")
        yield f'- #{e.number}: {said(e.hypothesis, 100)} → "{why}"'
        if n < 2 and failure is not None and failure.traceback:
            yield fenced(tail(failure.traceback))


def _knobs(ledger: Ledger, chosen: Selection) -> Iterable[str]:
    sign = 1.0 if ledger.minimize else -1.0
    for name, experiments in nlargest(KNOBS, chosen.knobs.items(), key=lambda item: len(item[1])):
        best: dict[str, float | None] = {}  # literal → its least loss, None where every run of it failed
        times: dict[str, int] = {}
        for e in experiments[-TRIES:]:
            literal, loss = e.knobs[name][1], None if e.delta is None else sign * e.delta
            known = best.get(literal)
            best[literal] = loss if known is None or (loss is not None and loss < known) else known
            times[literal] = times.get(literal, 0) + 1
        shown = [
            f"{said(literal, 30) or 'removed'} ({'failed' if loss is None else f'{sign * loss:+.5f}'}"
            f"{f', {times[literal]} times' if times[literal] > 1 else ''})"
            for literal, loss in nsmallest(
                VALUES, best.items(), key=lambda item: (item[1] is None, item[1] or 0.0, item[0])
            )
        ]
        more = f" and {len(best) - VALUES} more" if len(best) > VALUES else ""
        yield f"- {said(name, 40)}: {', '.join(shown)}{more}"
