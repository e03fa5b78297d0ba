"""Campaigns whose model, trainer and ruler only wait, run by a real engine in this process: git, journal, sandbox,
supervisors and the sealed scorer's protocol are real.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loop.engine.engine import Engine
from loop.proposers import Brief, Proposal
from loop.record.entries import Entry
from loop.record.types import Author, Failure
from tests.stub import entries, make_campaign

LINES = 400  # of the stub canvas; each proposal turns one of its own
KEPT = 0.17  # share of proposals that are a gain, as published nights had

PROGRAM = """---
budget: 2s
repeats: 2
queue: 2
stop: {{experiments: {experiments}, plateau: none}}
---
A stub campaign.
"""

# Sleeps where prepare.py imports, trains and scores. The score counts the lines that are gains (1) and losses (2).
RULER = '''"""A ruler that only waits."""
import json, os, sys, time
from pathlib import Path

RULER_VERSION = 1
START_S, TRAIN_S, SCORE_S = {start_s}, {train_s}, {score_s}


def train():
    began = time.monotonic()
    time.sleep(TRAIN_S)
    run = Path(os.environ["AUTORESEARCH_RUN"])
    (run / "checkpoint.pt").write_text("weights")
    (run / "summary.json").write_text(json.dumps({{"training_seconds": time.monotonic() - began, "tokens": 1}}))


def score(canvas):
    time.sleep(START_S)
    if sys.stdin.readline():
        time.sleep(SCORE_S)
        text = canvas.read_text()
        loss = 9 + 0.01 * (text.count("= 2  #") - text.count("= 1  #")) + 1e-4 * int(os.environ["AUTORESEARCH_SEED"])
        counts = dict(split="val", tokens=1, bytes=1, uniform_bpb=99.0, audited_rows=1, seconds=SCORE_S)
        print(json.dumps(dict(ok=True, val_bpb=loss, **counts)))


if __name__ != "__main__":
    time.sleep(START_S)
    if gate := os.environ.pop("AUTORESEARCH_GATE_FD", None):
        os.read(int(gate), 1) or sys.exit("the loop is gone")
elif "score" in sys.argv:
    score(Path(sys.argv[sys.argv.index("--canvas") + 1]))
else:
    profile = dict(name="stub", source="stub", device="cpu", device_name="stub", threads=1)
    print(json.dumps(dict(comparison_key="stub", default_budget="2s", profile=profile, data_dir=os.getcwd(),
        sealed_paths=[], read_paths=[], bytes_per_token=1.0, uniform_bpb=99.0, train_tokens=1, val_tokens=1)))
'''
KNOBS = "".join(f"K{n:03} = 0  # as long and as many lines as a real canvas has\n" for n in range(LINES))
CANVAS = f"import prepare\n\n{KNOBS}\nprepare.train()\n"
# A script that measures itself: no gate to wait at, and no training for the engine's work to hide behind.
BARE = f"""{KNOBS}
turned = [value for name, value in list(globals().items()) if name.startswith("K")]
print(f"val_bpb: {{9 + 0.01 * (turned.count(2) - turned.count(1)):.6f}}")
"""


class StubProposer:
    """Writes a patch of one line after each of these latencies, in seconds; a seeded share of them are gains."""

    name = "stub"
    finite = False

    def __init__(self, latencies: Iterator[float]) -> None:
        self.latencies, self.dice, self.count = latencies, random.Random(0), 0

    async def propose(self, brief: Brief) -> Proposal:
        await asyncio.sleep(next(self.latencies))
        line, value = f"K{self.count:03} = ", 1 if self.dice.random() < KEPT else 2
        self.count += 1
        text = brief.text.replace(f"{line}0", f"{line}{value}")
        # A knob's text is not rehearsed: that imports torch, which cannot be scaled and is a part of a model's latency.
        return Proposal(text, f"{line}{value}", Author.KNOBS, self.name)

    async def repair(self, brief: Brief, broken: Proposal, failure: Failure) -> Proposal | None:
        return None


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder on a disk: where /tmp is memory, a durable write would cost nothing there."""
    disk = "/var/tmp" if Path("/var/tmp").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="autoresearch-bench-", dir=disk, ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


def sealed_campaign(
    folder: Path, experiments: int, start_s: float, train_s: float, score_s: float, canvas: str = CANVAS
) -> Path:
    """Make a repository with a stub campaign whose ruler seals its scores."""
    folder.mkdir()
    (folder / "prepare.py").write_text(RULER.format(start_s=start_s, train_s=train_s, score_s=score_s))
    return make_campaign(folder, PROGRAM.format(experiments=experiments), canvas)


def bare_campaign(folder: Path, experiments: int) -> Path:
    """Make a repository with a stub campaign whose script measures itself and ends at once."""
    return make_campaign(folder, PROGRAM.format(experiments=experiments), BARE)


def run_campaign(folder: Path, latencies: Iterator[float]) -> list[Entry]:
    """Run a campaign to its end in this process and return its journal."""
    asyncio.run(Engine(folder, "bench", lambda program: StubProposer(latencies)).run())
    return entries(folder)
