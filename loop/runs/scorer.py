"""The sealed score of a checkpoint, from prepare.py in a process of its own; and preparing the data it scores on.

Not here: how the score is computed (prepare.py). prepare.py is data that we run, never import; its answer comes through
a pipe that no other process holds.
"""

from __future__ import annotations

import ast
import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loop.record.types import Failure, FailureKind, Refused
from loop.record.values import Budget, BudgetKind
from loop.runs.failure import bound_passed, clean, failure_in
from loop.runs.leash import Child, Supervised, supervise
from loop.runs.progress import LOG, read_tail
from loop.runs.trainer import sha256
from loop.trust.limits import machine
from loop.trust.sandbox import online


@dataclass(frozen=True)
class Ruler:
    """What prepare.py says of itself, this machine and its data once everything is prepared."""

    sha256: str  # of prepare.py
    comparison_key: str  # two scores are compared only under one key
    default_budget: str
    profile: str
    source: str
    device: str
    device_name: str
    threads: int
    sealed_paths: tuple[Path, ...]  # what training must not see: held-out rows and text, the tokenizer
    read_paths: tuple[Path, ...]  # what training reads
    uniform: float  # the score of a model that has learnt nothing
    text_paths: tuple[Path, ...] = ()  # what else scoring must not see: the text that was trained on
    mounts: tuple[tuple[Path, Path], ...] = ()  # what scoring sees instead of such text: source, place
    version: int = 1  # from 2 on a run says when its clock starts and when it submits
    training_file: Path | None = None  # the rows that a run is served while its clock runs
    context: int = 0  # tokens of a row; the file has one more of each, in two bytes
    token_flop: float = 0.0  # what a token of those rows costs at the least

    @property
    def row_bytes(self) -> int:
        return 2 * (self.context + 1)

    def rows_for(self, budget: Budget) -> int | None:
        """Return how many rows a budget buys, rounded up; None for any number."""
        if budget.kind is BudgetKind.WALL or not self.context:
            return None
        tokens = budget.amount / (self.token_flop if budget.kind is BudgetKind.FLOPS else 1)
        return math.ceil(tokens / self.context)


@dataclass(frozen=True)
class SealedScore:
    """A score computed where the canvas does not run, in bits per byte."""

    score: float
    split: str
    tokens: int
    uniform: float
    seconds: float


@dataclass(frozen=True)
class Tampered(Failure):
    """prepare.py or the canvas is not the file that was pinned: no score is believed."""


@dataclass(frozen=True)
class BrokenRuler(Failure):
    """prepare.py itself failed; that is no patch's fault."""


def is_ruler(prepare_py: Path) -> bool:
    """Return whether a prepare.py is ours, so that its scores are sealed: it assigns an integer to RULER_VERSION."""
    try:
        tree = ast.parse(prepare_py.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == "RULER_VERSION" for target in targets):
            value = getattr(node, "value", None)
            return isinstance(value, ast.Constant) and type(value.value) is int
    return False


async def prepare_data(
    python: str, folder: Path, environment: Mapping[str, str], on_line: Callable[[str], None]
) -> Ruler:
    """Prepare everything that runs and scores need (it may download for long) and return what there is.

    `on_line` gets each line of progress. Raises Refused with prepare.py's own sentence; cancelling kills it.
    """
    pinned = sha256(folder / "prepare.py")
    log = Path(environment["HOME"]).with_name("prepare.log")
    lines = [""]

    def on_text(text: str) -> None:
        *complete, lines[-1] = re.split(r"[\r\n]+", lines[-1] + text)
        for line in filter(str.strip, complete):
            on_line(line)

    child = Child(
        argv=(python, "-B", "prepare.py", "--json"),
        folder=folder,
        environment={**environment, **online()},
        log=log,
        reply=True,
        disk_limit=None,
    )
    supervised = await supervise(child, on_text)
    supervised.send("go")
    try:
        ending = await supervised.ended()
    except asyncio.CancelledError:
        await supervised.stop()
        raise
    said = ending.answer
    if ending.exit_code != 0 or said is None:
        last = [line for line in read_tail(log, 1 << 16).replace("\r", "\n").splitlines() if line.strip()]
        raise Refused(last[-1].strip() if last else f"prepare.py: ended with exit code {ending.exit_code} and no word")
    profile = said["profile"]
    return Ruler(
        sha256=pinned,
        comparison_key=said["comparison_key"],
        default_budget=said["default_budget"],
        profile=profile["name"],
        source=profile["source"],
        device=profile["device"],
        device_name=profile["device_name"],
        threads=profile["threads"],
        sealed_paths=tuple(map(Path, said["sealed_paths"])),
        read_paths=tuple(map(Path, said["read_paths"])),
        uniform=said["uniform_bpb"],
        text_paths=tuple(map(Path, said.get("text_paths", ()))),
        mounts=tuple((Path(source), Path(place)) for source, place in said.get("mounts", ())),
        version=int(said.get("ruler", 1)),
        training_file=Path(said["training_file"]) if "training_file" in said else None,
        context=profile.get("context", 0),  # 0 of a ruler that is asked for no rows
        token_flop=float(said.get("token_flop", 0.0)),
    )


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
        return SealedScore(score=score, uniform=said["uniform_bpb"], **counts)
    names = {"crash": FailureKind.OTHER, "oom": FailureKind.OUT_OF_MEMORY, "timeout": FailureKind.TIMED_OUT}
    kind = names.get(said["kind"]) or FailureKind(said["kind"])
    found = failure_in(clean(str(said.get("traceback") or ""), folder), canvas)
    if kind is FailureKind.OTHER and found.traceback:
        return replace(found, message=f"while scoring: {found.message}")
    return Failure(kind, clean(str(said.get("detail") or said["kind"]), folder)[:400], found.line, found.traceback)
