"""A campaign that needs neither torch nor data: a canvas that trains for milliseconds and prints its own score.

Shared by the tests of the engine, of the server and of the benchmarks. The daemon, git, journal and processes are real.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from loop.control import control
from loop.record.entries import Entry
from loop.record.home import find_home
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.lock import is_alive
from loop.record.types import State

PROGRAM = """---
model: knobs
budget: 2s
repeats: 2
queue: 2
verify: 0
stop: {experiments: 6}
---
# A stub campaign

Lower val_bpb.
"""

# A bowl with its bottom at LEARNING_RATE = 0.02 and BATCH = 1024; the seed adds a little noise.
CANVAS = '''"""A canvas that trains for milliseconds."""
import os
import time

LEARNING_RATE = 0.04
BATCH = 8192
DEPTH = 4

seed = int(os.environ.get("AUTORESEARCH_SEED", "0"))
time.sleep(0.02)
loss = 1.0 + abs(LEARNING_RATE - 0.02) + (BATCH / 1024 - 1) * 0.01 + 0.0001 * seed
for step in range(1, 4):
    print(f"step {step:05d} ({100 * step / 3:.1f}%) | loss: {loss:.6f}")
print("---")
print(f"val_bpb:          {loss:.6f}")
print("training_seconds: 0.0")
print("peak_vram_mb:     12.5")
'''

DEADLINE_S = 120.0


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints, run as the user would run it."""
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "user.name=User", "-c", "user.email=user@example.org", *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, env={**os.environ, **alone}
    ).stdout


def make_campaign(folder: Path, program: str = PROGRAM, canvas: str = CANVAS, commit: bool = True) -> Path:
    """Make a repository with a stub campaign in it and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "program.md").write_text(program, encoding="utf-8")
    (folder / "train.py").write_text(canvas, encoding="utf-8")
    if commit:
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "first")
    return folder


def entries(folder: Path) -> list[Entry]:
    """Return the whole journal."""
    with Journal(find_home(folder).journal) as journal:
        return journal.read()


def until(folder: Path, done: Callable[[Ledger], bool], deadline_s: float = DEADLINE_S) -> Ledger:
    """Return the newest campaign's ledger once `done` holds of it; fails with what there is at the deadline."""
    end = time.monotonic() + deadline_s
    with Journal(find_home(folder).journal) as journal:
        names = journal.campaigns()
        ledger = Ledger(names[0])
        while True:
            ledger.feed(journal.read(ledger.last_seq))
            if done(ledger):
                return ledger
            dead = ended(ledger) and not is_alive(find_home(folder)) and not journal.read(ledger.last_seq)
            if dead or time.monotonic() > end:
                log = find_home(folder).log
                tail = log.read_text()[-3000:] if log.exists() else ""
                raise AssertionError(f"not within {deadline_s:g} s: {ledger.state} {ledger.message!r}\n{tail}")
            time.sleep(0.02)


def ended(ledger: Ledger) -> bool:
    """Return whether the campaign has come to an end by itself or by a stop."""
    return ledger.state in (State.FINISHED, State.STOPPED)


def gone(folder: Path) -> None:
    """Wait until no daemon holds the lock."""
    end = time.monotonic() + DEADLINE_S
    while is_alive(find_home(folder)):
        assert time.monotonic() < end, "the daemon still lives"
        time.sleep(0.02)


@contextmanager
def daemon(folder: Path, campaign: str = "night") -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon as our own child, so that it can be killed and waited for."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "loop.engine.daemon",
        "--attached",
        "--folder",
        str(folder),
        "--campaign",
        campaign,
    ]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def run_to_end(folder: Path, **overrides: str) -> Ledger:
    """Start a campaign as a user would and return its ledger once it has ended and its daemon is gone."""
    control.start(folder, overrides)
    ledger = until(folder, ended)
    gone(folder)
    return ledger
