"""What the daemon costs while it has nothing to do: processor time and memory of a paused campaign."""

from __future__ import annotations

import time

import psutil

from bench.stubs import scratch, sealed_campaign
from bench.table import Row, Table
from loop.control import control
from loop.record.types import State
from tests.stub import until

CPU_PERCENT, MEMORY_MB = 0.5, 80.0
CANVAS = "import prepare\n\nLEARNING_RATE = 0.04\nBATCH = 8192\nDEPTH = 4\n\nprepare.train()\n"  # knobs to turn


def run(quick: bool) -> Table:
    watched = 1.0 if quick else 25.0
    with scratch() as folder:
        campaign = sealed_campaign(folder / "c", 100, 0.0, 0.05, 0.0, CANVAS)
        control.start(campaign)
        try:
            until(campaign, lambda ledger: ledger.judged >= 2)
            control.pause(campaign)
            until(campaign, lambda ledger: ledger.state is State.PAUSED)
            daemon = daemon_of(str(campaign))
            time.sleep(1.0)  # what it had begun when the pause came
            family = [daemon, *daemon.children(recursive=True)]
            before, began = [spent(p) for p in family], time.monotonic()
            time.sleep(watched)
            used, wall = [spent(p) - b for p, b in zip(family, before, strict=True)], time.monotonic() - began
            memory = daemon.memory_info().rss / 2**20
        finally:
            control.stop(campaign, now=True)
    percent, others = 100 * used[0] / wall, 100 * sum(used[1:]) / wall
    verdicts = (None, None) if quick else (percent <= CPU_PERCENT, memory <= MEMORY_MB)
    return Table(
        f"idle: the daemon of a paused campaign, watched for {wall:.0f} s",
        "Counted: user and system time of the daemon's process (it looks at the journal four times a second), and its "
        "resident memory after two experiments with the built-in proposer.",
        [
            Row("processor, share of one core", f"{percent:.2f} %", f"<= {CPU_PERCENT} %", verdicts[0]),
            Row("resident memory", f"{memory:.0f} MB", f"<= {MEMORY_MB:.0f} MB", verdicts[1]),
            Row("the next run, started and waiting", f"{others:.2f} %, {len(used) - 1} processes"),
        ],
    )


def spent(process: psutil.Process) -> float:
    """Return the processor seconds that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def daemon_of(folder: str) -> psutil.Process:
    """Return the daemon that serves this folder."""
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "loop.engine.daemon" in line and folder in line:
            return psutil.Process(process.pid)
    raise RuntimeError(f"no daemon serves {folder}")
