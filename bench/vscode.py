"""What a person waits for in real VS Code: click to visible change, the extension's activation."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from pathlib import Path

from bench.table import Row, Table

RUN = Path(__file__).resolve().parents[1] / "tests" / "editors" / "vscode" / "run.sh"
VISIBLE_MS, ACTIVATION_MS = 100.0, 50.0
LENS_WAIT_MS = 250.0  # VS Code's own pause before it asks for lenses anew ("CodeLensProvide", min: 250)


def run(quick: bool) -> Table:
    return Table(
        "vscode: the extension in the real editor, 200 experiments in the ledger",
        "From the press of the mouse button to the frame that shows the change, in code-server with Chromium: median "
        "and worst. VS Code itself waits 250 ms before it asks for lenses anew; the goal is for the rest. "
        "Activation is what VS Code reports of loading and activating the extension.",
        [Row("real VS Code", why)] if (why := _why_not(quick)) else _measure(),
    )


def _why_not(quick: bool) -> str:
    if quick:
        return "not measured: --quick starts no editor"
    cache = Path(os.environ.get("AUTORESEARCH_EDITORS_CACHE") or Path.home() / ".cache" / "autoresearch-editors")
    if not list(cache.glob("code-server-*/done")):
        return f"not measured: no code-server in {cache}; tests/editors/vscode/install.sh {cache} installs it"
    return ""


def _measure() -> list[Row]:
    done = subprocess.run(["bash", str(RUN), "latency"], capture_output=True, text=True)
    found = next((line for line in done.stdout.splitlines() if line.startswith("{")), "")
    if done.returncode or not found:
        return [Row("real VS Code", f"not measured: {RUN.name} latency failed: {(done.stderr or done.stdout)[-200:]}")]
    times: dict[str, list[float]] = json.loads(found)
    return [
        _row("accept: click to the gutter mark gone", times["accept"], VISIBLE_MS),
        _row("revert: click to the old line back", times["revert"], VISIBLE_MS),
        _row("accept, revert: click to the lens gone", times["lens"], VISIBLE_MS, LENS_WAIT_MS),
        _row("activation", times["activation"], ACTIVATION_MS),
    ]


def _row(what: str, times: list[float], goal: float, pause: float = 0.0) -> Row:
    median = statistics.median(times)
    measured = f"{median:.0f} ms, worst {max(times):.0f} ms, of {len(times)}"
    return Row(what, measured, f"<= {goal:.0f}{f' + {pause:.0f}' if pause else ''} ms", median <= goal + pause)
