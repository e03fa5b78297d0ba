"""One run from a commit to a score: a slot with the commit's files, the training process, the sealed scorer.

Knows neither the journal nor verdicts. A run is staged first (its process started, its imports paid) and begun later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from loop.git.repo import Repo
from loop.record.clearing import clear, make_folder, unlock
from loop.record.disk import check_disk
from loop.record.home import Home
from loop.record.types import AutoResearchError, Failure, FailureKind, Metric
from loop.record.values import Budget, BudgetKind
from loop.record.work import Allowance, Reference
from loop.runs.progress import CHECKPOINT, LOG, PROGRESS, SUMMARY
from loop.runs.rehearsal import dry_run
from loop.runs.scorer import BrokenRuler, Ruler, Scorer, prepare_scorer
from loop.runs.trainer import Run, RunResult, RunSpec, launch
from loop.trust.sandbox import Sandbox, cache, environment

log = logging.getLogger(__name__)

FIRST_LIMIT_S = 1800.0  # of a run whose budget is not in seconds, before any other has shown how long one takes
# What a machine does at the least, a sixth of what was measured on two cores: an hour's worth of compute takes an hour.
TOKENS_PER_S, FLOP_PER_S = 4e3, {"cpu": 2e10, "mps": 2e11, "cuda": 1e13}
SLOW_FACTOR = 6.0  # two-thread runs were measured to fall to a quarter of their speed beside neighbours
SCORE_LIMIT_S = 900.0
MOST_KEPT, LARGEST_KEPT = 16, 8 << 20  # files besides ours in a run's folder; bytes of any file there


@dataclass(frozen=True)
class Conditions:
    """What every run of a campaign has in common; two scores compare only under the same conditions."""

    python: str  # interpreter that runs the canvas
    folder: str  # campaign folder relative to the top of the tree
    canvas: str
    run: str
    budget: Budget
    metric: Metric
    ruler: Ruler | None  # None for a script that measures itself
    devices: str = "auto"
    data: str = "auto"  # a source that prepare.py knows, or an absolute path

    @property
    def own_data(self) -> Path | None:
        """The file or folder that a script which measures itself may read besides the commit's files."""
        return Path(self.data) if self.ruler is None and os.path.isabs(self.data) else None

    @property
    def speaks(self) -> bool:
        """Whether a run says when its clock starts and when it submits."""
        return self.ruler is not None and self.ruler.version >= 2

    def allowance(self, reference: Reference | None) -> Allowance:
        """Return what the work of a sealed run is held against."""
        assert self.ruler is not None
        device = self.ruler.device.partition(":")[0]
        return Allowance(self.budget.kind, self.budget.amount, device, self.ruler.threads, reference)

    def limit_s(self, slowest_s: float | None) -> float:
        """Return the wall seconds after which a run is killed: its budget plus grace.

        `slowest_s` is the longest finished run so far; a budget in tokens or FLOPs is capped by it.
        """
        wall = self.budget.seconds
        if wall is not None:
            return max(2 * wall, wall + 120.0)
        if slowest_s is not None:
            return max(120.0, SLOW_FACTOR * slowest_s)
        where = "cuda" if self.ruler is None else self.ruler.device.partition(":")[0]
        pace = TOKENS_PER_S if self.budget.kind is BudgetKind.TOKENS else FLOP_PER_S.get(where, 1e13)
        return max(FIRST_LIMIT_S, self.budget.amount / pace)

    def variables(self) -> dict[str, str]:
        """Return the environment variables of every run and of the preparation (see docs/ruler.md)."""
        # A `run:` that is not Python itself (make, a script) finds the experiments' Python by its name.
        places = (os.path.dirname(self.python), os.environ.get("PATH", os.defpath))
        path = os.pathsep.join(filter(None, places))  # an empty place would be the run's own folder
        return {**ruler_variables(str(self.budget), self.devices, self.data), "PATH": path}


def ruler_variables(budget: str | None, devices: str, data: str) -> dict[str, str]:
    """Return what prepare.py reads from its environment, wherever it runs."""
    variables: dict[str, str] = {}
    if budget is not None:
        variables["AUTORESEARCH_BUDGET"] = budget
    if devices != "auto":
        variables["AUTORESEARCH_DEVICE"] = devices
    if data != "auto":
        variables["AUTORESEARCH_SOURCE"] = data
    return variables


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
    runner: Runner
    split: str = "val"
    _scorer: asyncio.Task[Scorer] | None = None

    def begin(self) -> None:
        """Let the training start; the scorer's imports are paid meanwhile."""
        self.run.open_gate()
        if self.runner.conditions.ruler is not None:
            self._scorer = asyncio.create_task(self.runner.start_scorer(self))

    async def train(self) -> RunResult:
        """Return how the training ended, once its whole process tree is gone."""
        return await self.run.wait()

    async def score(self, result: RunResult) -> float | Failure:
        """Return the score of a finished training: from the sealed scorer, or the number the script printed."""
        if self._scorer is None:
            if result.reported is None:
                return Failure(
                    FailureKind.NO_SCORE, f"the run ended without printing {self.runner.conditions.metric.name}"
                )
            return result.reported
        scorer = await self._scorer
        answer = await scorer.score(SCORE_LIMIT_S)
        if isinstance(answer, BrokenRuler):
            raise AutoResearchError(answer.message)  # no patch's fault: nothing is judged by it
        if isinstance(answer, Failure):
            return answer
        if answer.score >= answer.uniform:
            learnt = f"{answer.score:.4f} is no better than a model that has learnt nothing"
            return Failure(FailureKind.DIVERGED, f"diverged: {learnt} ({answer.uniform:.4f})")
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
            self.runner.release(self.slot)


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
        if ours or (small and room > 0 and entry.name != CHECKPOINT):
            room -= not ours
        elif not clear(entry.path):
            log.warning("%s: cannot be removed; remove it by hand", entry.path)


def untold(ruler: Ruler) -> list[Path]:
    """Return what training must not see: held-out rows, and text that its ruler has not handed out.

    The rows it trains on come through the channel. What it needs of the data, the manifest, stays.
    """
    text = [place for place in ruler.text_paths if not any(need.is_relative_to(place) for need in ruler.read_paths)]
    return [*ruler.sealed_paths, *text, *filter(None, [ruler.training_file])]


def mounted(wrap: tuple[str, ...], ruler: Ruler) -> tuple[str, ...]:
    """Return a sandbox's command in which the ruler's mounts cover text: a later mount of bubblewrap's wins."""
    if not wrap:
        return ()
    mounts = [word for source, place in ruler.mounts for word in ("--ro-bind", str(source), str(place))]
    end = wrap.index("--")  # of bubblewrap's own options
    return (*wrap[:end], *mounts, *wrap[end:])


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
        slot = self._free.pop()
        try:
            return await self._stage(slot, number, attempt, commit, seed, slowest_s, split, reference)
        except BaseException:
            self.release(slot)
            raise

    async def _stage(
        self,
        slot: Path,
        number: int,
        attempt: int,
        commit: str,
        seed: int,
        slowest_s: float | None,
        split: str,
        reference: Reference | None,
    ) -> Staged:
        conditions, ruler = self.conditions, self.conditions.ruler
        check_disk(self.home.root)
        run_dir = self.home.run(self.campaign, number, attempt)
        await asyncio.to_thread(clear, run_dir)
        make_folder(run_dir)
        canvas = "/".join(filter(None, (conditions.folder, conditions.canvas)))
        await asyncio.to_thread(self.repo.lay, commit, slot, canvas, conditions.own_data)
        self.home.slots.chmod(0o700)  # what a run makes executable there is for nobody else
        spec = RunSpec(
            command=conditions.run,
            python=conditions.python,
            folder=slot / conditions.folder,
            run_dir=run_dir,
            environment=self._environment(run_dir, seed),
            limit_s=conditions.limit_s(slowest_s),
            lock=self.home.run_lock,
            canvas=conditions.canvas,
            gated=conditions.ruler is not None,
            submits=conditions.speaks,
            data=ruler.training_file if ruler and conditions.speaks else None,
            row_bytes=ruler.row_bytes if ruler else 0,
            most_rows=ruler.rows_for(conditions.budget) if ruler and conditions.speaks else None,
            allowance=conditions.allowance(reference) if conditions.speaks else None,
            wrap=self._wrap(slot, run_dir),
            metric=None if conditions.ruler is not None else conditions.metric,
        )
        return Staged(number, attempt, commit, seed, run_dir, slot, await launch(spec), self, split)

    def _environment(self, run_dir: Path, seed: int) -> dict[str, str]:
        own = {"AUTORESEARCH_RUN": str(run_dir), "AUTORESEARCH_SEED": str(seed)}
        return environment(run_dir, {**self.conditions.variables(), **own})

    def _wrap(self, slot: Path, run_dir: Path) -> tuple[str, ...]:
        """Return the sandbox's command: no home, no repository, and where the score is sealed no network, no rows."""
        ruler, folder = self.conditions.ruler, slot / self.conditions.folder
        # A script that measures itself brings its own habits: the original one fetches a kernel when it starts.
        own = self.conditions.own_data
        brought = [cache(), Path.home() / ".cache" / "huggingface" / "hub", *([own] if own else [])]
        wrap = self.sandbox.wrap(
            slot=slot,
            run_dir=run_dir,
            top=self.repo.top,
            python=self.conditions.python,
            readable=ruler.read_paths if ruler else brought,
            protect=[folder / "prepare.py", folder / self.conditions.canvas],
            hidden=self._everywhere(untold(ruler), slot) if ruler else [],
            network=ruler is None,
            system_only=ruler is not None,
        )
        return mounted(wrap, ruler) if ruler else wrap

    def _wrap_scorer(self, slot: Path, run_dir: Path) -> tuple[str, ...]:
        """Return the sandbox of the scorer's model processes: nothing can be written there, no text be read."""
        ruler, folder = self.conditions.ruler, slot / self.conditions.folder
        assert ruler is not None
        wrap = self.sandbox.wrap(
            slot=slot,
            run_dir=run_dir,
            top=self.repo.top,
            python=self.conditions.python,
            protect=[folder / "prepare.py", folder / self.conditions.canvas],
            hidden=self._everywhere((*ruler.sealed_paths, *ruler.text_paths), slot),
            read_only=True,
        )
        return mounted(wrap, ruler)

    def _everywhere(self, paths: Collection[Path], slot: Path) -> list[Path]:
        """Return paths and, of those in the repository, their copies in the slot, but nothing that is run there."""
        top, folder = self.repo.top.resolve(), slot / self.conditions.folder
        run = [folder / "prepare.py", folder / self.conditions.canvas]
        copies = [slot / path.resolve().relative_to(top) for path in paths if path.resolve().is_relative_to(top)]
        return [*paths, *(copy for copy in copies if not any(file.is_relative_to(copy) for file in run))]

    async def start_scorer(self, staged: Staged) -> Scorer:
        """Start the sealed scorer of a run, up to the line that says go. What it runs is pinned before training."""
        assert self.conditions.ruler is not None
        return await prepare_scorer(
            python=self.conditions.python,
            folder=staged.slot / self.conditions.folder,
            run_dir=staged.run_dir,
            canvas=self.conditions.canvas,
            split=staged.split,
            wrap=self._wrap_scorer(staged.slot, staged.run_dir),
            environment=self._environment(staged.run_dir, staged.seed),
            ruler=self.conditions.ruler,
            canvas_sha256=staged.run.canvas_sha256,
        )

    async def rehearse(self, commit: str) -> Failure | None:
        """Build the commit's model and take two steps on a tiny batch; return why that fails. Sealed campaigns only."""
        conditions = self.conditions
        if conditions.ruler is None:
            return None
        slot, scratch = self.home.slots / "rehearsal", self.home.root / "rehearsal"
        canvas = "/".join(filter(None, (conditions.folder, conditions.canvas)))
        async with self._rehearsing:
            await asyncio.to_thread(clear, scratch)
            make_folder(scratch)
            await asyncio.to_thread(self.repo.lay, commit, slot, canvas)
            return await dry_run(
                folder=slot / conditions.folder,
                scratch=scratch,
                canvas=conditions.canvas,
                python=conditions.python,
                environment=environment(scratch, conditions.variables()),
                wrap=self._wrap(slot, scratch),
            )

    def release(self, slot: Path) -> None:
        """Take a slot back."""
        if slot not in self._free:
            self._free.append(slot)
