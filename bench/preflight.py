"""The doomed runs that a look at the text and a rehearsal save, on the tests' broken patches; and what a look costs."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.table import Row, Table, percentile
from loop.trust.findings import Severity
from loop.trust.preflight import check
from tests.loop.runs.test_rehearsal import rehearse
from tests.loop.trust.patches import BROKEN, CANVAS, HONEST, Patch

ROOT = Path(__file__).parents[1]
SMALLEST_LIST, BUDGET_S = 20, 300.0


def run(quick: bool) -> Table:
    broken, honest = (BROKEN[::10], HONEST[:1]) if quick else (BROKEN, HONEST)
    looks: list[float] = []
    rehearsals: list[float] = []
    found = {patch.name: finds(patch, looks, rehearsals) for patch in broken}
    alarms = [patch.name for patch in honest if finds(patch, [], rehearsals)]
    missed = [name for name, how in found.items() if not how]
    by = {how: sum(1 for value in found.values() if value == how) for how in ("text", "rehearsal")}
    own = (ROOT / "train.py").read_text(encoding="utf-8")
    began = time.perf_counter()
    check(own.replace("= 2", "= 3", 1), own)
    first, began = time.perf_counter() - began, time.perf_counter()
    check(own.replace("= 2", "= 4", 1), own)
    again = time.perf_counter() - began
    saved = len(broken) - len(missed)
    return Table(
        f"preflight: doomed runs saved, {len(broken)} broken patches and {len(honest)} honest ones",
        "Counted: each patch is looked at as text and, where nothing is found, rehearsed on the CPU (the model is "
        "built, two steps on a tiny batch, causality). A run that was not made saves its whole budget where the fault "
        "shows at the end, and the start-up where it shows at once; the saving is given for runs of 5 minutes.",
        [
            Row("doomed runs saved", f"{saved} of {len(broken)}", f"all of >= {SMALLEST_LIST}",
                None if quick else not missed and len(broken) >= SMALLEST_LIST),
            Row("  by the text alone, by the rehearsal", f"{by['text']}, {by['rehearsal']}"),
            Row("  missed", ", ".join(missed) or "none"),
            Row("honest patches refused", ", ".join(alarms) or "none", "none", None if quick else not alarms),
            Row("a look at the text, median", f"{1000 * median(looks):.1f} ms"),
            Row("  ... at our own train.py: the first, the next", f"{1000 * first:.0f} ms, {1000 * again:.0f} ms"),
            Row("a rehearsal: median, 90th percentile",
                " ".join(f"{percentile(rehearsals, share):.1f} s" for share in (0.5, 0.9)) if rehearsals else "none"),
            Row("saved at most, at 5 minutes a run, less what looking cost",
                f"{(saved * BUDGET_S - sum(looks) - sum(rehearsals)) / 60:.0f} min"),
        ],
    )  # fmt: skip


def finds(patch: Patch, looks: list[float], rehearsals: list[float]) -> str:
    """Return what finds a patch broken: its text, its rehearsal, or "" for nothing; the times are appended."""
    began = time.perf_counter()
    refused = any(f.severity is Severity.REFUSE for f in check(patch.text, CANVAS))
    looks.append(time.perf_counter() - began)
    if refused:
        return "text"
    with tempfile.TemporaryDirectory(prefix="autoresearch-bench-") as folder:
        began = time.perf_counter()
        failure = asyncio.run(rehearse(Path(folder), patch.text))
        rehearsals.append(time.perf_counter() - began)
    return "rehearsal" if failure is not None else ""
