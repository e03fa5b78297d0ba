"""A run that is ready to begin, from its gate to its score."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path

from loop.record.clearing import clear, unlock
from loop.record.types import AutoResearchError, Failure, FailureKind, Outcome
from loop.record.work import beyond
from loop.runs.progress import CHECKPOINTS, LOG, PROGRESS, SUMMARY
from loop.runs.run import RunResult
from loop.runs.scorer import BrokenRuler, Scorer
from loop.runs.trainer import Run

log = logging.getLogger(__name__)

SCORE_LIMIT_S = 900.0
MOST_KEPT, LARGEST_KEPT = 16, 8 << 20  # files besides ours in a run's folder; bytes of any file there


@dataclass
class Staged:
    """A run that is ready to begin: its files are laid out and, where it has a gate, its process waits there."""

    number: int
    attempt: int
    commit: str
    seed: int
    run_dir: Path
    slot: Path
    run: Run
    release: Callable[[Path], None]  # gives the slot back
    start_scorer: Callable[[], Coroutine[None, None, Scorer]] | None  # None where the script measures itself
    split: str = "val"
    keep: Callable[[], None] | None = None  # keeps what the run has compiled
    _scorer: asyncio.Task[Scorer] | None = None

    def begin(self) -> None:
        """Let the training start; the scorer's imports are paid meanwhile."""
        self.run.open_gate()
        if self.start_scorer is not None:
            self._scorer = asyncio.create_task(self.start_scorer())

    async def train(self) -> RunResult:
        """Return how the training ended, once its whole process tree is gone."""
        result = await self.run.wait()
        if self.keep is not None and result.outcome is Outcome.FINISHED:
            await asyncio.to_thread(self.keep)
        return result

    async def score(self, result: RunResult) -> float | Failure:
        """Return the score of a finished training: from the sealed scorer, or the number the script printed."""
        if self._scorer is None:
            if result.reported is None:
                metric = self.run.spec.metric
                name = metric.name if metric else "a score"
                return Failure(FailureKind.NO_SCORE, f"the run ended without printing {name}")
            return result.reported
        scorer = await self._scorer
        answer = await scorer.score(SCORE_LIMIT_S)
        if isinstance(answer, BrokenRuler):
            raise AutoResearchError(answer.message)  # no patch's fault: nothing is judged by it
        if isinstance(answer, Failure):
            return answer
        allowed, work = self.run.spec.allowance, result.work
        if allowed and work and (finding := beyond(allowed, replace(work, opening_cpu_s=answer.opening_cpu_s))):
            return Failure(FailureKind.TAMPERED, f"{self.run.spec.canvas} {finding}")
        if answer.score >= answer.uniform:
            nothing = f"{answer.score:.4f} is no better than a model that has learnt nothing ({answer.uniform:.4f})"
            return Failure(FailureKind.DIVERGED, f"diverged, or the budget is too small to learn from: {nothing}")
        return answer.score

    async def close(self) -> None:
        """Kill what still lives, drop what is no evidence, give the slot back; safe to call twice, never raises.

        What a run has left in the slot is swept when the next one is laid out there.
        """
        try:
            await self.run.stop()
            scorer, self._scorer = self._scorer, None
            if scorer is not None:
                with contextlib.suppress(AutoResearchError, OSError):
                    await (await scorer).close()
            await asyncio.to_thread(tidy, self.run_dir)
        except OSError:
            log.warning("%s: what a run left cannot be cleared", self.run_dir, exc_info=True)
        finally:
            self.release(self.slot)


def tidy(run_dir: Path) -> None:
    """Leave of a run's folder what is evidence: its log, its numbers, and a few small files of its own."""
    unlock(run_dir)
    room = MOST_KEPT
    try:
        entries = list(os.scandir(run_dir))
    except OSError:
        return
    for entry in entries:
        try:
            info = entry.stat(follow_symlinks=False)
            # A program that runs as its owner, which here is us, would serve anybody on this machine.
            plain = stat.S_ISREG(info.st_mode) and not info.st_mode & (stat.S_ISUID | stat.S_ISGID)
            small = plain and info.st_size <= LARGEST_KEPT
        except OSError:
            small = False
        ours = small and entry.name in (LOG, PROGRESS, SUMMARY)
        if ours or (small and room > 0 and entry.name not in CHECKPOINTS):
            room -= not ours
        elif not clear(entry.path):
            log.warning("%s: cannot be removed; remove it by hand", entry.path)
