"""Make a repository whose journal has many experiments and no daemon: ledger.py FOLDER COUNT. Needs our Python."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from loop.types import State, StateChanged, Verdict
from tests.campaigns import Campaign, make_repository

LINES = 200


def main(folder: Path, count: int) -> None:
    lines = [f"KNOB_{n} = 0" for n in range(LINES)]
    campaign = Campaign(
        make_repository(folder, ("\n".join(lines) + "\n").encode(), "---\nmodel: knobs\n---\n# Title\n")
    )
    for number in range(1, count + 1):
        changed = list(lines)
        place = number * 4 % LINES
        changed[place] = f"KNOB_{place} = {number}"
        made = campaign.propose("\n".join(changed) + "\n", f"try {number}")
        if number % 5 == 0:
            lines = changed
            campaign.judge(made, 1.0 - number * 0.001)
        else:
            campaign.judge(made, 1.1, Verdict.DISCARD)
    campaign.record(StateChanged(State.STOPPED, "stopped"))
    campaign.journal.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
