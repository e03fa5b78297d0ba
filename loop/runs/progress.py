"""What a run says about itself while it trains and when it ends: files in its folder, lines in its log.

Read as untrusted text; a number from here is never a sealed score.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loop.record.home import Home
from loop.record.ledger import Ledger
from loop.record.types import Metric

LOG = "run.log"  # in the run's folder: what the run printed
CHECKPOINTS = ("checkpoint.pt", "checkpoint.safetensors")  # of torch, of any other framework
PROGRESS, SUMMARY = "progress.json", "summary.json"
THOUSANDS = r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"
NUMBER = rf"(?:{THOUSANDS}|[\d.]+(?!,?\d))"


@dataclass(frozen=True)
class Progress:
    """How far a run says it is; None where it does not say. `share` of the budget in [0, 1]."""

    step: int
    share: float
    loss: float | None = None
    tokens: int | None = None
    seconds: float | None = None
    tokens_per_s: float | None = None
    remaining_s: float | None = None


def present_progress(home: Home, ledger: Ledger) -> Progress | None:
    """Return what the run that trains says of itself, None where none trains or it has said nothing yet."""
    if ledger.running is None:
        return None
    experiment, run = ledger.running
    return read_progress(home.run(ledger.campaign, experiment.number, run.attempt))


def read_progress(run_dir: Path) -> Progress | None:
    """Return the progress that prepare.py's Budget wrote, else the last that the script printed, else None."""
    budget = numbers_in(read_tail(run_dir / PROGRESS, 1 << 16))
    return sealed_progress(budget) or printed_progress(read_tail(run_dir / LOG, 1 << 13))


def number_printed(log: str, metric: Metric) -> float | None:
    """Return the last number that a log reports under the metric's name or pattern, None when there is none. Pure."""
    pattern = metric.pattern or rf"^{re.escape(metric.name)}:[ \t]*([-+]?(?:{NUMBER}(?:e[-+]?\d+)?|nan|inf))\b"
    matches = re.finditer(pattern, log, re.M if metric.pattern else re.M | re.I)
    # A pattern's group may be optional: a match without it reports nothing.
    found = [number for match in matches if (number := match[min(1, match.re.groups)]) is not None]
    try:
        return float(_ungrouped(found[-1])) if found else None
    except ValueError:
        return None


def _ungrouped(number: str) -> str:
    """Return the digits of `1,234.5` without their commas: read up to the first one it would be a 1."""
    return number.replace(",", "") if re.fullmatch(rf"[-+]?{THOUSANDS}\S*", number.strip()) else number


def printed_progress(log: str) -> Progress | None:
    """Return the progress in the last `step 00012 (3.4%) | loss: 5.6 | tok/sec: 1,234 | remaining: 289s`. Pure."""
    found = re.findall(r"step\s+(\d{1,15})\b[^\r\n]*?\((\d{1,15}(?:\.\d*)?)%\)([^\r\n]*)", log)
    if not found:
        return None
    step, percent, rest = found[-1]
    said = re.findall(r"([\w/]+):\s*(-?\d[\d,]{0,30}(?![\d,])\.?\d*)", rest)
    values = {name: float(text.replace(",", "")) for name, text in said}
    return Progress(
        step=int(step),
        share=min(1.0, float(percent) / 100),
        loss=values.get("loss"),
        tokens_per_s=values.get("tok/sec"),
        remaining_s=values.get("remaining"),
    )


def sealed_progress(numbers: Mapping[str, float]) -> Progress | None:
    """Return the progress that prepare.py's Budget wrote. Pure."""
    if not {"step", "share"} <= numbers.keys():
        return None
    return Progress(
        step=int(numbers["step"]),
        share=min(1.0, max(0.0, numbers["share"])),
        loss=numbers.get("loss"),
        tokens=int(numbers["tokens"]) if "tokens" in numbers else None,
        seconds=numbers.get("seconds"),
        tokens_per_s=numbers.get("tokens_per_s"),
        remaining_s=numbers.get("remaining_s"),
    )


def numbers_in(text: str) -> dict[str, float]:
    """Return the finite numbers of a JSON object; of anything else nothing. The text is a model's. Pure."""
    try:
        data = json.loads(text)
        items = data.items() if isinstance(data, dict) else ()
        numbers = {k: float(v) for k, v in items if isinstance(v, int | float) and not isinstance(v, bool)}
    except (ValueError, OverflowError, RecursionError):
        return {}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def read_tail(path: Path, limit: int) -> str:
    """Return the end of a file that a run may have replaced by a link, a pipe or gigabytes; "" when it is no file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)
        return ""
    with os.fdopen(fd, "rb") as file:
        file.seek(max(0, info.st_size - limit))
        return file.read(limit).decode(errors="replace")
