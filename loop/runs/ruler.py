"""What prepare.py says of itself: whether it is ours, and what there is once it has prepared the data.

prepare.py is data that we run, never import.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from loop.record.types import Refused
from loop.record.values import Budget, BudgetKind
from loop.record.work import Allowance, Reference
from loop.runs.leash import Child, supervise
from loop.runs.progress import read_tail
from loop.runs.run import sha256
from loop.settings.devices import kind_of
from loop.trust import library
from loop.trust.sandbox import online

LIBRARY = inspect.getsource(library)  # run by the campaign's interpreter, whose modules it looks at
TORCH = "torch"  # the one framework whose operations prepare.py counts


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
    framework: str = TORCH  # of the canvas that it measures

    @property
    def row_bytes(self) -> int:
        return 2 * (self.context + 1)

    def rows_for(self, budget: Budget) -> int | None:
        """Return how many rows a budget buys, rounded up; None for any number."""
        if budget.kind is BudgetKind.WALL or not self.context:
            return None
        tokens = budget.amount / (self.token_flop if budget.kind is BudgetKind.FLOPS else 1)
        return math.ceil(tokens / self.context)

    def allowance(self, budget: Budget, reference: Reference | None) -> Allowance:
        """Return what the work of a run is held against."""
        device = kind_of(self.device)
        counted = self.framework == TORCH
        return Allowance(budget.kind, budget.amount, self.threads, device.grace_s, device.is_cpu, reference, counted)


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
    ask = partial(_ask, folder=folder, environment={**environment, **online()}, on_line=on_line)
    said = await ask((python, "-B", "prepare.py", "--json"))
    if said.get("text") == "python":
        cache = Path(said["data_dir"]).parent
        said |= await ask((python, "-P", "-c", LIBRARY, str(cache), *said["sealed_paths"]))
    return ruler_of(pinned, said)


async def _ask(
    command: tuple[str, ...], folder: Path, environment: Mapping[str, str], on_line: Callable[[str], None]
) -> dict[str, Any]:
    """Return the JSON object that a command prints last."""
    log = Path(environment["HOME"]).with_name("prepare.log")
    lines = [""]

    def on_text(text: str) -> None:
        *complete, lines[-1] = re.split(r"[\r\n]+", lines[-1] + text)
        for line in filter(str.strip, complete):
            on_line(line)

    child = Child(
        argv=command,
        folder=folder,
        environment=environment,
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
    return said


def ruler_of(pinned: str, said: Mapping[str, Any]) -> Ruler:
    """Return the ruler that prepare.py, with this hash, says it is."""
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
        sealed_paths=tuple(map(Path, (*said["sealed_paths"], *said.get("hidden", ())))),
        read_paths=tuple(map(Path, said["read_paths"])),
        uniform=said["uniform_bpb"],
        text_paths=tuple(map(Path, said.get("text_paths", ()))),
        mounts=tuple((Path(source), Path(place)) for source, place in said.get("mounts", ())),
        version=int(said.get("ruler", 1)),
        training_file=Path(said["training_file"]) if "training_file" in said else None,
        context=profile.get("context", 0),  # 0 of a ruler that is asked for no rows
        token_flop=float(said.get("token_flop", 0.0)),
        framework=profile.get("framework", TORCH),
    )
