"""The sealed score of a checkpoint, from prepare.py in a process of its own.

Not here: how the score is computed (prepare.py). prepare.py is data that we run, never import; its answer comes through
a pipe that no other process holds.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loop.record.types import Failure, FailureKind
from loop.runs.failure import bound_passed, clean, failure_in
from loop.runs.leash import Child, Supervised, supervise
from loop.runs.progress import LOG, read_tail
from loop.runs.ruler import Ruler
from loop.runs.run import sha256
from loop.trust.limits import machine


@dataclass(frozen=True)
class SealedScore:
    """A score computed where the canvas does not run, in bits per byte."""

    score: float
    split: str
    tokens: int
    uniform: float
    seconds: float
    opening_cpu_s: float = 0.0  # before the model's first logits, beyond what loading and answering take


@dataclass(frozen=True)
class Tampered(Failure):
    """prepare.py or the canvas is not the file that was pinned: no score is believed."""


@dataclass(frozen=True)
class BrokenRuler(Failure):
    """prepare.py itself failed; that is no patch's fault."""


async def prepare_scorer(
    *,
    python: str,
    folder: Path,  # the campaign's folder in the slot: prepare.py and the canvas
    run_dir: Path,  # where the run leaves its checkpoint
    canvas: str,
    split: str,
    wrap: tuple[str, ...],  # confines the process that runs the canvas
    environment: Mapping[str, str],
    ruler: Ruler,
    canvas_sha256: str,  # Run.canvas_sha256
) -> Scorer:
    """Start the scorer's process, so that its imports are paid while training runs; it waits for score()."""
    # Out of training's reach: what it left in its own HOME, or in the slot as a library (-I), must not be read here.
    scratch = run_dir.with_name(f"{run_dir.name}-{split}")
    private = {"HOME": str(scratch / "home"), "TMPDIR": str(scratch / "tmp")}
    scratch.mkdir(parents=True, exist_ok=True)
    prepare = folder / "prepare.py"
    argv = ["score", "--run", str(run_dir), "--canvas", str(folder / canvas), "--split", split]
    child = Child(
        argv=(python, "-I", "-B", str(prepare), *argv, "--wrap", json.dumps(wrap)),
        folder=scratch,
        environment={**environment, **private},
        log=scratch / LOG,
        gate="stdin",
        reply=True,
    )
    supervised = await supervise(child)
    return Scorer(folder, canvas, {"prepare.py": ruler.sha256, canvas: canvas_sha256}, supervised, scratch / LOG)


class Scorer:
    """A started scorer; it scores once. `pinned` are the hashes of files in `folder` before training."""

    def __init__(self, folder: Path, canvas: str, pinned: Mapping[str, str], supervised: Supervised, log: Path) -> None:
        self._folder, self._canvas, self._pinned = folder, canvas, pinned
        self._supervised = supervised
        self._log = log

    async def score(self, limit_s: float) -> SealedScore | Failure:
        """Return the score of the run's checkpoint, or why there is none (Tampered and BrokenRuler are Failures)."""
        for name, pinned in self._pinned.items():
            if sha256(self._folder / name) != pinned:
                await self.close()
                return Tampered(FailureKind.TAMPERED, f"{name} was changed during the run; its score is not believed")
        self._supervised.send("go")
        try:
            async with asyncio.timeout(limit_s):
                ending = await self._supervised.ended()
        except TimeoutError:
            await self.close()
            return Failure(FailureKind.TIMED_OUT, f"scoring took longer than {limit_s:g} s; killed")
        said = ending.answer
        if ending.exit_code == 0 and said is not None:
            return read_score(said, self._folder, self._canvas)
        if bound := bound_passed(ending.why, machine()):
            return bound
        if ending.oom_killed:
            return Failure(FailureKind.OUT_OF_MEMORY, "killed while scoring: the machine ran out of memory")
        text = clean(read_tail(self._log, 1 << 16), self._folder)
        last = [line for line in text.splitlines() if line.strip()]
        reason = last[-1][:300] if last else "nothing printed"
        return BrokenRuler(FailureKind.OTHER, f"prepare.py: scoring ended with exit code {ending.exit_code} ({reason})")

    async def close(self) -> None:
        """End the scorer's process and the model's; harmless when they have ended."""
        await self._supervised.stop()


def read_score(said: Mapping[str, Any], folder: Path, canvas: str) -> SealedScore | Failure:
    """Return what prepare.py answered, as our types."""
    if said.get("ok"):
        score = float(said["val_bpb"])
        if not math.isfinite(score):
            return Failure(FailureKind.NAN, f"{canvas}: its score is {score}")
        counts = {name: said[name] for name in ("split", "tokens", "seconds")}
        opening = float(said.get("opening_cpu_s", 0.0))  # an older prepare.py does not say it
        return SealedScore(score=score, uniform=said["uniform_bpb"], opening_cpu_s=opening, **counts)
    names = {"crash": FailureKind.OTHER, "oom": FailureKind.OUT_OF_MEMORY, "timeout": FailureKind.TIMED_OUT}
    kind = names.get(said["kind"]) or FailureKind(said["kind"])
    found = failure_in(clean(str(said.get("traceback") or ""), folder), canvas)
    if kind is FailureKind.OTHER and found.traceback:
        return replace(found, message=f"while scoring: {found.message}")
    return Failure(kind, clean(str(said.get("detail") or said["kind"]), folder)[:400], found.line, found.traceback)
