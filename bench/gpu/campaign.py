"""A real campaign of the engine in a repository of its own: a baseline, then experiments of the built-in search."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.gpu.harness import OutOfTime, Shell, StepFailed
from bench.gpu.place import CHECKOUT, Place
from bench.gpu.report import Figures

NEEDS = ("click", "git", "psutil", "yaml", "rich")  # modules
NAME = "gpu-check"
READ_S = 15.0  # kept for reading the results
PROGRAM = """---
model: knobs
budget: {budget}
repeats: 2
verify: 0
devices: {device}
data: {corpus}
stop: {{experiments: {experiments}}}
---
# The campaign of the GPU check
"""


def run(place: Place, shell: Shell, budget: str, experiments: int) -> Figures:
    """Run the campaign to its end; return how many experiments were scored and what they took, in seconds.

    The daemon stays a child of the shell, so that the deadline reaches it; its supervisors end with it.
    """
    folder = lay(place, shell, budget, experiments)
    engine = replace(shell, until=shell.until - READ_S)
    ended = True
    try:
        engine.run(
            place.python, "-P", "-m", "loop.engine.daemon", "--attached", "--folder", str(folder), "--campaign", NAME
        )
    except OutOfTime:
        ended = False
    finally:
        keep_logs(folder, shell.log)
    figures = results(said(place, shell, folder, "results"))
    if not ended:
        raise OutOfTime(figures)
    if figures["experiments_scored"] != experiments:
        why = said(place, shell, folder, "status")["message"]
        raise StepFailed(f"{figures['experiments_scored']} of {experiments} experiments were scored: {why}", figures)
    return figures


def said(place: Place, shell: Shell, folder: Path, verb: str) -> Any:
    """Return what a verb of the command answers as JSON."""
    return json.loads(shell.run(place.python, "-P", "-m", "loop", verb, "--json", folder=folder))


def lay(place: Place, shell: Shell, budget: str, experiments: int) -> Path:
    """Make the campaign's folder anew, a repository whose baseline is the default canvas."""
    folder = place.work / "campaign"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("train.py", "prepare.py"):
        shutil.copy(CHECKOUT / name, folder)
    program = PROGRAM.format(
        budget=budget, device="cpu" if place.dry else "auto", corpus=place.corpus, experiments=experiments
    )
    (folder / "program.md").write_text(program, encoding="utf-8")
    shell.run("git", "init", "--quiet", str(folder))
    return folder


def results(rows: list[dict[str, Any]]) -> Figures:
    """Return the figures of `autoresearch results --json`: the baseline is number 0."""
    scored = [row for row in rows if row["score"] is not None]
    figures: Figures = {"experiments_scored": sum(1 for row in scored if row["experiment"])}
    figures["overheads_s"] = [round(row["total_seconds"] - row["train_seconds"], 1) for row in scored]
    figures["scores"] = [row["score"] for row in scored]
    return figures


def keep_logs(folder: Path, log: Path) -> None:
    """Append what daemon and runs have written to the step's log."""
    with log.open("ab") as out:
        for path in sorted((folder / ".git" / "autoresearch").rglob("*.log")):
            out.write(f"\n==> {path.relative_to(folder)}\n".encode() + path.read_bytes())
