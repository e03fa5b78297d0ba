"""Make a campaign folder for tests in real editors: real daemon, git and journal, a canvas that needs no torch.

    python -P campaign.py FOLDER [SECONDS]

Each experiment lasts SECONDS (0.05 by default). The score is a bowl over four knobs, with a little noise from the seed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """---
model: knobs
budget: 60s
repeats: 2
queue: 2
stop: {experiments: 300, plateau: none}
---
# Lower val_bpb

Make the model better without making it slower.

## Ideas

- Try other learning rates
- Smaller batches
"""

CANVAS = '''"""A small canvas: one bowl, four knobs."""

import os
import time

# The optimizer.
LEARNING_RATE = 0.04
WEIGHT_DECAY = 0.2

# The data.
BATCH = 8192

# The model.
DEPTH = 4


def loss(progress):
    seed = int(os.environ.get("AUTORESEARCH_SEED", "0"))
    bowl = abs(LEARNING_RATE - 0.02) + abs(WEIGHT_DECAY - 0.1)
    bowl += 0.01 * abs(BATCH / 1024 - 1) + 0.01 * abs(DEPTH - 5)
    return 1.0 + bowl + 0.0001 * seed + (1 - progress)


for step in range(1, 11):
    time.sleep(SECONDS / 10)
    print(f"step {step:05d} ({10 * step:.1f}%) | loss: {loss(step / 10):.6f}", flush=True)
print("---")
print(f"val_bpb:          {loss(1.0):.6f}")
print("training_seconds: SECONDS")
print("peak_vram_mb:     12.5")
'''


def git(folder: Path, *arguments: str) -> None:
    """Run git without the machine's own configuration."""
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], cwd=folder, check=True, env={**os.environ, **alone})


def make(folder: Path, seconds: str = "0.05") -> None:
    """Make the repository with one commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "User")
    git(folder, "config", "user.email", "user@example.org")
    (folder / "program.md").write_text(PROGRAM, encoding="utf-8")
    (folder / "train.py").write_text(CANVAS.replace("SECONDS", seconds), encoding="utf-8")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")


if __name__ == "__main__":
    make(Path(sys.argv[1]), *sys.argv[2:])
