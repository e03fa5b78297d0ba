"""One run from a commit to a score: a slot with the commit's files, the training process, the sealed scorer.

Knows neither the journal nor verdicts. A run is staged first (its process started, its imports paid) and begun later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from loop.git.repo import Repo
from loop.record.clearing import clear, make_folder
from loop.record.disk import check_disk
from loop.record.home import Home
from loop.record.types import Failure
from loop.record.work import Reference
from loop.runs import compiled
from loop.runs.conditions import Conditions
from loop.runs.confinement import Confinement
from loop.runs.rehearsal import dry_run
from loop.runs.ruler import Ruler
from loop.runs.run import RunSpec
from loop.runs.scorer import Scorer, prepare_scorer
from loop.runs.staged import Staged
from loop.runs.trainer import launch
from loop.trust.sandbox import Sandbox, environment


class Runner:
    """Stages runs of one campaign. Two slots: one trains while the next one is staged."""

    def __init__(self, repo: Repo, home: Home, campaign: str, conditions: Conditions, sandbox: Sandbox) -> None:
        self.repo, self.home, self.campaign = repo, home, campaign
        self.conditions, self.sandbox = conditions, sandbox
        self._free = [home.slots / "a", home.slots / "b"]
        self._rehearsing = asyncio.Lock()  # two proposals may be looked at at once, and there is one slot for that

    async def stage(
        self,
        number: int,
        attempt: int,
        commit: str,
        seed: int,
        slowest_s: float | None,
        split: str = "val",
        reference: Reference | None = None,
    ) -> Staged:
        """Lay out the commit and start its process up to the gate. Raises AutoResearchError or OSError."""
        slot, run_dir = self._free.pop(), self.home.run(self.campaign, number, attempt)
        try:
            await self._lay_out(commit, slot, run_dir)
            run = await launch(self._spec(slot, run_dir, seed, slowest_s, reference))
        except BaseException:
            self.release(slot)
            raise
        ruler = self.conditions.ruler
        scorer = partial(self.start_scorer, ruler, slot, run_dir, seed, split, run.canvas_sha256) if ruler else None
        keep = self.keeper(number, run_dir)
        return Staged(number, attempt, commit, seed, run_dir, slot, run, self.release, scorer, split, keep)

    async def _lay_out(self, commit: str, slot: Path, run_dir: Path) -> None:
        """Put a commit's files into a slot, and an empty folder in place of an earlier run."""
        check_disk(self.home.root)
        await asyncio.to_thread(clear, run_dir)
        make_folder(run_dir)
        await asyncio.to_thread(compiled.lend, self.home.compiled(self.campaign), run_dir)
        await asyncio.to_thread(self.repo.lay, commit, slot, self.conditions.canvas_in_top, self.conditions.own_data)
        self.home.slots.chmod(0o700)  # what a run makes executable there is for nobody else

    def keeper(self, number: int, run_dir: Path) -> Callable[[], None] | None:
        """Return what keeps the things that a run has compiled: of the baseline's, 0, and of no patch's."""
        return partial(compiled.keep, run_dir, self.home.compiled(self.campaign)) if number == 0 else None

    def _spec(
        self, slot: Path, run_dir: Path, seed: int, slowest_s: float | None, reference: Reference | None
    ) -> RunSpec:
        conditions, ruler = self.conditions, self.conditions.ruler
        spec = RunSpec(
            command=conditions.run,
            python=conditions.python,
            folder=slot / conditions.folder,
            run_dir=run_dir,
            environment=self._environment(run_dir, seed) | {compiled.VARIABLE: str(compiled.place(run_dir))},
            limit_s=conditions.limit_s(slowest_s),
            lock=self.home.run_lock,
            canvas=conditions.canvas,
            wrap=self.confinement.training(slot, run_dir),
            gated=ruler is not None,
            metric=conditions.metric if ruler is None else None,
        )
        if ruler is None or not conditions.speaks:
            return spec
        return replace(
            spec,
            submits=True,
            data=ruler.training_file,
            row_bytes=ruler.row_bytes,
            most_rows=ruler.rows_for(conditions.budget),
            allowance=ruler.allowance(conditions.budget, reference),
        )

    def _environment(self, run_dir: Path, seed: int) -> dict[str, str]:
        own = {"AUTORESEARCH_RUN": str(run_dir), "AUTORESEARCH_SEED": str(seed)}
        return environment(run_dir, {**self.conditions.variables(), **own})

    @property
    def confinement(self) -> Confinement:
        """How the processes of a run are confined."""
        return Confinement(self.conditions, self.sandbox, self.repo.top)

    async def start_scorer(
        self, ruler: Ruler, slot: Path, run_dir: Path, seed: int, split: str, canvas_sha256: str
    ) -> Scorer:
        """Start the sealed scorer of a run, up to the line that says go. What it runs is pinned before training."""
        return await prepare_scorer(
            python=self.conditions.python,
            folder=slot / self.conditions.folder,
            run_dir=run_dir,
            canvas=self.conditions.canvas,
            split=split,
            wrap=self.confinement.scoring(ruler, slot, run_dir),
            environment=self._environment(run_dir, seed),
            ruler=ruler,
            canvas_sha256=canvas_sha256,
        )

    async def rehearse(self, commit: str) -> Failure | None:
        """Build the commit's model and take two steps on a tiny batch; return why that fails. Sealed campaigns only."""
        conditions = self.conditions
        if conditions.ruler is None:
            return None
        slot, scratch = self.home.slots / "rehearsal", self.home.root / "rehearsal"
        async with self._rehearsing:
            await asyncio.to_thread(clear, scratch)
            make_folder(scratch)
            await asyncio.to_thread(self.repo.lay, commit, slot, conditions.canvas_in_top)
            return await dry_run(
                folder=slot / conditions.folder,
                scratch=scratch,
                canvas=conditions.canvas,
                python=conditions.python,
                environment=environment(scratch, conditions.variables()),
                wrap=self.confinement.training(slot, scratch),
            )

    def release(self, slot: Path) -> None:
        """Take a slot back."""
        if slot not in self._free:
            self._free.append(slot)
