"""Rows for scripts, and the table that users know."""

from __future__ import annotations

import csv
import io
import json

from loop.record.experiment_facts import Judged, Proposed
from loop.record.ledger import Ledger
from loop.record.types import (
    Author,
    Reason,
    Verdict,
)
from loop.views.chart import draw
from loop.views.tables import results_rows, tsv
from tests.loop.views.nights import HOSTILE, KEEP, campaign, experiment, night


def test_rows_tell_all_of_an_experiment_and_survive_json() -> None:
    rows = json.loads(json.dumps(results_rows(night()), allow_nan=False))
    assert [row["experiment"] for row in rows] == list(range(8))
    assert rows[1] == {
        "experiment": 1, "commit": "0000001" + 33 * "f", "score": 1.9, "uncertainty": 0.01, "delta": 1.9 - 2.0,
        "verdict": "keep", "reason": "better", "outcome": "finished", "source": "sealed", "author": "model",
        "proposer": "m", "hypothesis": "Idea 1: why", "explanation": "1.9, so and so", "runs": 1, "lines_added": 3,
        "lines_removed": 1, "peak_memory_mb": 614.4, "train_seconds": 15.0, "total_seconds": 17.0, "dollars": 0.5,
        "tokens": 110, "at": "2026-09-21T14:13:38+00:00",
    }  # fmt: skip
    assert (rows[2]["score"], rows[2]["verdict"], rows[2]["outcome"]) == (None, "crash", "crashed")
    assert (rows[7]["verdict"], rows[7]["outcome"], rows[7]["runs"]) == (None, None, 0)


def test_rows_have_the_same_columns_whatever_happened() -> None:
    assert len({tuple(row) for row in results_rows(night())}) == 1
    assert results_rows(Ledger("none")) == []


def test_the_table_is_the_one_that_users_know() -> None:
    assert tsv(night()).splitlines() == [
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
        "c0ffee0\t2.000000\t0.6\tkeep\tthe baseline",
        "0000001\t1.900000\t0.6\tkeep\tIdea 1: why",
        "0000002\t0.000000\t0.0\tcrash\tIdea 2: why",
        "0000003\t1.950000\t0.6\tdiscard\tIdea 3: why",
        "0000004\t1.895000\t0.6\tdiscard\tIdea 4: why",
        "0000005\t1.850000\t0.6\tkeep\tIdea 5: why",
        "0000006\t3.700000\t0.6\tdiscard\tIdea 6: why",
    ]


def test_a_description_never_breaks_the_table() -> None:
    table = tsv(campaign(*experiment(1, 1.9, KEEP, HOSTILE)))
    rows = list(csv.reader(io.StringIO(table), dialect="excel-tab"))
    assert [len(row) for row in rows] == [5, 5, 5]


def test_what_never_ran_is_not_in_the_table() -> None:
    ledger = campaign(
        Proposed(1, "c", "p", "does not fit", Author.MODEL, "m", 1, 1), Judged(1, Verdict.INVALID, Reason.FAILED)
    )
    assert "does not fit" not in tsv(ledger)
    assert all(mark.number != 1 for mark in draw(ledger).marks)
