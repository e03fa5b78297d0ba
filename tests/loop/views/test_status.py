"""The line and the object that say what a campaign does."""

from __future__ import annotations

import json

import pytest

from loop.record.campaign_facts import StateChanged
from loop.record.entries import Entry
from loop.record.types import (
    Cost,
    Reason,
    State,
)
from loop.views.status import status_dict, status_line
from tests.loop.views.evening import (
    BASELINE,
    CLAIMED,
    MIDWAY,
    NIGHT,
    created,
    experiment,
    ledger,
    proposed,
    started,
)


@pytest.mark.parametrize(
    ("bodies", "progress", "expected"),
    [
        pytest.param([], None, "◌ preparing", id="nothing yet"),
        pytest.param(BASELINE[:3], None, "●", id="before the first run"),
        pytest.param([*BASELINE[:3], proposed(0), started(0)], MIDWAY, "● baseline · 62 % · loss 3.21", id="baseline"),
        pytest.param(BASELINE, None, "● baseline · baseline 2.0000", id="baseline done"),
        pytest.param(NIGHT, MIDWAY, "● #4 · 62 % · loss 3.21 · best 1.9000 (−5.0 %) · 180/h · $3.20", id="night"),
        pytest.param(NIGHT, None, "● #4 · best 1.9000 (−5.0 %) · 180/h · $3.20", id="no word from the run"),
        pytest.param(
            [*NIGHT, StateChanged(State.PAUSED, "no key")],
            MIDWAY,
            "‖ paused · #4 · best 1.9000 (−5.0 %) · 180/h · $3.20",
            id="paused",
        ),
        pytest.param(
            [*NIGHT[:-1], StateChanged(State.FINISHED)],
            None,
            "✓ finished · #3 · best 1.9000 (−5.0 %) · 180/h · $3.20",
            id="finished",
        ),
        pytest.param(
            [created(CLAIMED), *BASELINE[2:], *experiment(1, 1.9, Reason.BETTER, -0.1, cost=Cost(1, 1, None))],
            None,
            "● #1 · best 1.9000 self-reported (−5.0 %) · 180/h · $?",
            id="self-reported, price unknown",
        ),
        pytest.param(
            [created(minimize=False), *BASELINE[2:], *experiment(1, 2.5, Reason.BETTER, 0.5)],
            None,
            "● #1 · best 2.5000 (+25.0 %) · 180/h",
            id="higher is better",
        ),
    ],
)
def test_the_line_says_what_is_known(bodies, progress, expected):
    assert status_line(ledger(*bodies), progress).rstrip() == expected


def test_a_campaign_without_a_daemon_is_called_interrupted():
    assert status_line(ledger(*NIGHT), MIDWAY, alive=False).startswith("✗ interrupted · #4 · best")
    finished = ledger(*NIGHT, StateChanged(State.FINISHED))
    assert status_line(finished, None, alive=False).startswith("✓ finished")


def test_a_pause_of_hours_does_not_lower_the_pace():
    shown = ledger(*BASELINE, *experiment(1, 1.9, Reason.BETTER, -0.1))
    after = [body for n in (2, 3) for body in experiment(n, 2.1, Reason.WORSE, 0.1)]
    shown.feed(Entry(100 + n, "jun14", 36_000 + n * 5.0, body) for n, body in enumerate(after))
    assert "180/h" in status_line(shown, None)


def test_the_object_holds_what_scripts_need():
    said = json.loads(json.dumps(status_dict(ledger(*NIGHT), MIDWAY)))
    wanted = {
        "campaign": "jun14", "state": "running",
        "experiment": 4, "experiments": 3, "last": 5, "keeps": 1, "baseline": 2.0,
        "noise_floor": 0.004, "best": 1.9, "best_experiment": 1, "incumbent": 1, "incumbent_commit": "c1",
        "share": 0.62, "loss": 3.2149, "dollars": 3.2, "tokens": 1000, "source": "sealed", "device": "Xeon",
        "budget": "1 TFLOP", "canvas": "train.py", "message": "measuring #4", "per_hour": 180.0, "purpose": "measure",
    }  # fmt: skip
    assert {key: said[key] for key in wanted} == wanted
    assert set(status_dict(ledger(), None)) == set(said)
