"""What a score that cannot be bought costs: scoring and whole runs of a campaign, against the commit before it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.stubs import scratch
from bench.table import Row, Table

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "43d54c51fb00e75ee74d76a2dfc974cec29d386e"  # the last commit whose score could be bought
BUDGET = "0.2 TFLOP"  # of the checkpoint that is scored
NIGHT = "2 TFLOP"  # of a campaign's runs: what a CPU has by default
EXPERIMENTS, ROUNDS = 20, 5
SCORE_MOST, CAMPAIGN_MOST = 1.6, 1.05
# Runs and seconds from the first training's start to the last score.
RUNS = "SELECT COUNT(*), MAX(tick) FROM entry WHERE kind = 'Scored'"
BEGUN = "SELECT MIN(tick) FROM entry WHERE kind = 'RunStarted'"


@dataclass
class Side:
    """One of the two commits: its code, and what was measured with it."""

    tree: Path
    place: Path
    source: str  # what is trained on
    budget: str
    night: str
    scored_s: list[float] = field(default_factory=list)
    run_s: list[float] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTORESEARCH_")}
        own = {"CACHE": str(self.place / "cache"), "BUDGET": self.budget, "SOURCE": self.source}
        named = {f"AUTORESEARCH_{name}": value for name, value in own.items()}
        return kept | named | {"PYTHONPATH": str(self.tree)}

    def train(self) -> None:
        """Leave a checkpoint of the default canvas to be scored."""
        (self.place / "run").mkdir(parents=True)
        self.call([sys.executable, "train.py"], self.environment() | {"AUTORESEARCH_RUN": str(self.place / "run")})

    def score(self) -> None:
        """Add the seconds from the end of a training to its score, the imports paid beforehand."""
        told = self.call(
            [sys.executable, "prepare.py", "score", "--now", "--run", str(self.place / "run"), "--canvas", "train.py"],
            self.environment(),
        )
        self.scored_s.append(json.loads(told)["seconds"])

    def campaign(self, experiments: int) -> None:
        """Add the seconds for each run of a campaign of the default canvas with its own knobs."""
        folder = self.place / f"night{len(self.run_s)}"
        loop = [sys.executable, "-m", "loop", "-C", str(folder)]
        self.call([*loop, "init", "--git"], self.environment())
        program = folder / "program.md"
        settings = f"stop: {{experiments: {experiments}}}\nbudget: {self.night}\ndata: {self.source}\n"
        program.write_text(f"---\n{settings}model: knobs\ndevices: cpu\n---\nLower val_bpb.\n", encoding="utf-8")
        self.call([*loop, "start", "--new", "--foreground"], self.environment())
        journal = next(folder.rglob("journal.db"))
        with closing(sqlite3.connect(journal)) as entries:
            (runs, last), (first,) = entries.execute(RUNS).fetchone(), entries.execute(BEGUN).fetchone()
        self.run_s.append((last - first) / runs)

    def call(self, command: list[str], environment: dict[str, str]) -> str:
        done = subprocess.run(command, cwd=self.tree, env=environment, text=True, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[1:4])} in {self.tree.name}: {(done.stderr or done.stdout)[-2000:]}")
        return done.stdout


@contextmanager
def checkout(folder: Path) -> Iterator[Path]:
    """Lend the files of the earlier commit."""
    tree = folder / "before"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(tree), BEFORE], check=True)
    try:
        yield tree
    finally:
        subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def run(quick: bool) -> Table:
    title = f"before: against commit {BEFORE[:7]}, whose score could be bought, default canvas"
    if subprocess.run(["git", "-C", str(ROOT), "cat-file", "-e", BEFORE], capture_output=True, check=False).returncode:
        return Table(title, "Not measured: this clone has no such commit; fetch the whole history.", [])
    conditions = (str(ROOT / "loop"), BUDGET, BUDGET) if quick else ("python", BUDGET, NIGHT)
    with scratch() as folder, checkout(folder) as tree:
        old, new = Side(tree, folder / "old", *conditions), Side(ROOT, folder / "new", *conditions)
        for side in (old, new):
            side.train()
            side.score()
            side.scored_s.clear()
        for _ in range(1 if quick else ROUNDS):
            for side in (old, new):
                side.score()
        for side in (old, new):
            side.campaign(2 if quick else EXPERIMENTS)
    score, whole = (median(getattr(new, of)) / median(getattr(old, of)) for of in ("scored_s", "run_s"))
    return Table(
        title,
        f"Counted: of one checkpoint each ({BUDGET}), by turns, seconds from the end of training to the score; of one "
        f"campaign each of {EXPERIMENTS} experiments ({NIGHT}), seconds from the first training's start to the last "
        "score for each run, since the two may confirm and verify by runs of different number. A quarter of an hour.",
        [
            Row("scoring, before", f"{median(old.scored_s):.2f} s"),
            Row("scoring, after", f"{median(new.scored_s):.2f} s"),
            Row("after ÷ before", f"{score:.2f} x", f"≤ {SCORE_MOST}", None if quick else score <= SCORE_MOST),
            Row("a run of a campaign, before", f"{median(old.run_s):.2f} s"),
            Row("a run of a campaign, after", f"{median(new.run_s):.2f} s"),
            Row("after ÷ before", f"{whole:.2f} x", f"≤ {CAMPAIGN_MOST}", None if quick else whole <= CAMPAIGN_MOST),
        ],
    )
