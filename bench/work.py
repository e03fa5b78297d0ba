"""How far honest runs are from the thresholds of loop/record/work.py, alone and beside up to thirty neighbours."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench.stubs import scratch
from bench.table import Row, Table, percentile
from loop.record.values import BudgetKind
from loop.record.work import BEYOND, UNSEEN, UNSEEN_S, Allowance, Reference, Work, beyond
from tests.attacks.honest import CANVASES, SLOW_TO_START
from tests.attacks.patching import canvas, change

ROOT = Path(__file__).resolve().parents[1]
BUDGET = "0.2 TFLOP"
ALARMS = 0.01
# Trains as in the loop, without a supervisor, and says what the process took from its clock to its submission.
DRIVER = """
import json, pathlib, runpy, sys, time
import prepare
end = prepare.Budget.check_end
def check_end(self):
    took = {"cpu_s": time.process_time() - self._cpu_started, "setup_cpu_s": self._cpu_started}
    pathlib.Path("work.json").write_text(json.dumps(took))
    end(self)
prepare.Budget.check_end = check_end
sys.argv = ["train.py"]
sys.path.insert(0, "")
runpy.run_path("train.py", run_name="__main__")
"""


@dataclass(frozen=True)
class Run:
    """What one training took."""

    name: str
    work: Work

    @property
    def unseen(self) -> float:
        return self.work.cpu_s / (self.work.explained_s or math.inf)


def run(quick: bool) -> Table:
    zoo = {name: change(canvas(), *pairs) for name, pairs in CANVASES.items() if name not in SLOW_TO_START}
    if quick:
        zoo = dict(list(zoo.items())[:2])
    source, budget = (str(ROOT / "loop"), "0.02 TFLOP") if quick else ("python", BUDGET)
    with scratch() as folder:
        one = partial(train, folder, source=source, budget=budget)
        baselines = [one("baseline", canvas()).work for _ in range(1 if quick else 3)]
        reference = Reference(
            *(median(getattr(work, of) for work in baselines) for of in ("setup_cpu_s", "cpu_s", "clock_s"))
        )
        rows: list[Row] = []
        alarms, tried = 0, 0
        for neighbours in (1, 2) if quick else (1, 4, 15, 30):
            with ThreadPoolExecutor(neighbours) as pool:
                runs = list(pool.map(one, zoo, zoo.values()))
            tried += len(runs)
            allowed = Allowance(BudgetKind.FLOPS, 0.0, 1, 3.0, True, reference)
            found = [r.name for r in runs if beyond(allowed, r.work)]
            alarms += len(found)
            ratios = {
                f"CPU seconds ÷ explained ({UNSEEN} x and {UNSEEN_S} s are allowed)": [r.unseen for r in runs],
                f"CPU seconds ÷ a baseline's alone ({BEYOND} x)": [r.work.cpu_s / reference.cpu_s for r in runs],
            }
            rows.append(Row(f"{neighbours} at a time: refused", f"{len(found)} of {len(runs)}  {', '.join(found)}"))
            rows += [Row(f"  {what}", spread(of)) for what, of in ratios.items()]
    share = alarms / tried
    return Table(
        f"work: CPU seconds of {len(zoo)} honest canvases against what they were charged, {budget}",
        "Counted: the process's CPU seconds from the clock to the submission. So many trainings at a time are each "
        "other's neighbours on the cores; the baseline is the default canvas, measured alone. What imports torch's "
        "compiler needs the default budget and is left out.",
        [*rows, Row("false alarms", f"{share:.1%}", f"≤ {ALARMS:.0%}", None if quick else share <= ALARMS)],
    )


def spread(values: list[float]) -> str:
    return f"median {median(values):.2f}, 95 % {percentile(values, 0.95):.2f}, most {max(values):.2f}"


def train(folder: Path, name: str, text: str, *, source: str, budget: str) -> Run:
    """Train one canvas and return what it took."""
    place = folder / f"{name.replace(' ', '-').replace('/', '-')}-{os.urandom(4).hex()}"
    place.mkdir()
    (place / "train.py").write_text(text, encoding="utf-8")
    named = {"RUN": str(place), "BUDGET": budget, "SOURCE": source, "CACHE": os.environ.get("AUTORESEARCH_CACHE")}
    environment = os.environ | {f"AUTORESEARCH_{key}": value for key, value in named.items() if value}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], cwd=place, env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not (place / "work.json").exists():
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    took = json.loads((place / "work.json").read_text())
    said = json.loads((place / "summary.json").read_text())
    return Run(name, Work(took["setup_cpu_s"], took["cpu_s"], said["training_seconds"], said["explained_cpu_s"]))
