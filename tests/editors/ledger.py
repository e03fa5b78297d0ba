"""Make a repository whose journal has many experiments and no daemon, and let it grow: for tests in real editors.

    python -P ledger.py FOLDER COUNT

Prints `ready`, then records one more kept experiment for each line on its input. Each experiment sets one knob of its
own; every fifth is kept, every eleventh crashes, every seventh is within the noise.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from loop.record.campaign_facts import StateChanged
from loop.record.experiment_facts import Judged
from loop.record.types import Reason, State, Verdict
from tests.campaigns import Campaign, make_repository

KNOBS = 97  # a prime: every experiment turns another one
HOSTILE = "<img src=x onerror=\"document.title='hurt'\"> | `code` $(beaker) try"


class Night:
    """A campaign of this file's canvas, one experiment after another."""

    def __init__(self, folder: Path) -> None:
        self.lines = [line for n in range(KNOBS) for line in (f"KNOB_{n} = 0", "")]
        program = "---\nmodel: knobs\n---\n# Lower val_bpb\n"
        self.campaign = Campaign(make_repository(folder, self.text(self.lines), program))
        self.number, self.best = 0, 1.0

    @staticmethod
    def text(lines: list[str]) -> bytes:
        return ("\n".join(lines) + "\n").encode()

    def experiment(self, keep: bool) -> None:
        """Record the next experiment, from proposal to verdict."""
        n = self.number = self.number + 1
        knob = n * 7 % KNOBS
        changed = list(self.lines)
        changed[2 * knob] = f"KNOB_{knob} = {n}"
        name = f"{HOSTILE if n == 3 else 'Set'} KNOB_{knob} to {n}: because nobody has tried it"
        made = self.campaign.propose(self.text(changed).decode(), name)
        if keep:
            self.lines, self.best = changed, self.best - 0.004
            self.campaign.judge(made, self.best)
        elif n % 11 == 0:
            self.campaign.crash(made, 2 * knob + 1, f"RuntimeError: KNOB_{knob} is too large")
        elif n % 7 == 0:
            self.campaign.measure(made, self.best + 0.0003)
            self.campaign.record(Judged(made, Verdict.DISCARD, Reason.WITHIN_NOISE, self.best + 0.0003, 0.0003, 0.001))
        else:
            self.campaign.judge(made, self.best + 0.002 * (1 + n % 4), Verdict.DISCARD)


def main(folder: Path, count: int) -> None:
    night = Night(folder)
    for n in range(1, count + 1):
        night.experiment(keep=n % 5 == 0)
    night.campaign.record(StateChanged(State.STOPPED, "stopped"))
    print("ready", flush=True)
    for _ in sys.stdin:
        night.experiment(keep=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
