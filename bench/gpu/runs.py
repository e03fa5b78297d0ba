"""Runs of a canvas by hand, and what their output says: the summary block of prepare.py as figures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from bench.gpu.harness import Shell, StepFailed
from bench.gpu.place import Place
from bench.gpu.report import Figures

BUDGET_S = 300  # of the default budget on a GPU, for what a rate comes to
SUMMARY = re.compile(r"^(\w+): +(\S+)$", re.MULTILINE)
KEPT = (
    "val_bpb", "training_seconds", "total_seconds", "peak_vram_mb", "mfu_percent", "total_tokens_M", "num_steps",
    "num_params_M",
)  # fmt: skip
FELL_BACK = "torch._dynamo hit config."  # what torch warns of when a function is compiled for too many shapes


def run(place: Place, shell: Shell, canvas: str, budget: str, **variables: str) -> Figures:
    """Train and score a canvas within a budget; return the figures of its summary."""
    printed = shell.run(place.python, canvas, folder=place.canvases, AUTORESEARCH_BUDGET=budget, **variables)
    return summary(printed)


def summary(printed: str) -> Figures:
    """Return the figures of a run's output; raises StepFailed where it has no score."""
    lines = dict(SUMMARY.findall(printed))
    if "val_bpb" not in lines:
        raise StepFailed("the run ended without a score; its log says why")
    figures: Figures = {name: number(lines.get(name)) for name in KEPT}
    tokens, steps = figures["total_tokens_M"], figures["num_steps"]
    trained, total = figures["training_seconds"], figures["total_seconds"]
    if isinstance(trained, float) and isinstance(total, float) and trained > 0:
        figures["overhead_s"] = round(total - trained, 1)
        if isinstance(tokens, float) and isinstance(steps, float):
            figures["tokens_per_s"] = round(tokens * 1e6 / trained) or None  # of fewer than 50,000 none is printed
            figures["steps_in_300_s"] = round(steps * BUDGET_S / trained)
    figures["fell_back_to_eager"] = FELL_BACK in printed
    return figures


def number(text: str | None) -> float | None:
    """Return a printed number; None for what is unknown or absent."""
    try:
        return float(text or "")
    except ValueError:
        return None


def objects(printed: str) -> list[dict[str, object]]:
    """Return the JSON objects that a program printed, each on a line of its own."""
    found = []
    for line in printed.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found


def last_object(printed: str) -> Figures:
    """Return the JSON object that a program printed last; raises StepFailed where there is none."""
    if not (found := objects(printed)):
        raise StepFailed("the program printed no figures; its log says why")
    last: Mapping[str, object] = found[-1]
    return {name: value for name, value in last.items() if isinstance(value, float | int | str | list) or value is None}
