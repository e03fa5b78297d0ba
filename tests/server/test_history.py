"""What an editor is told of an experiment: numbers to sort and plot by, and every word that it shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loop.record.experiment_facts import VerdictLost
from server.features.hovers import details
from server.features.words import memory_words
from server.requests.history import summary
from server.snapshot import Snapshot
from tests.campaigns import Campaign
from tests.server.small import BASE, experiment, seen


@pytest.mark.parametrize(("delta", "text"), [(-3e-5, "−3.0e-05"), (0.0, "0.0000"), (0.0081, "+0.0081"), (None, "")])
def test_the_history_has_each_delta_as_it_is_drawn(delta: float | None, text: str) -> None:
    told = summary(experiment(1, delta), Snapshot(Path("/")))
    assert (told["delta"], told["delta_text"]) == (delta, text)


def test_an_experiment_is_told_in_words_that_every_editor_shows_as_they_are(campaign: Campaign) -> None:
    campaign.crash(campaign.propose(BASE, "a | b\nc"), 2, "NameError: LR")
    waits = campaign.propose(BASE + "x = 1\n", "wait")
    snapshot = seen(campaign.folder)
    assert snapshot.ledger is not None
    told = {n: summary(e, snapshot) for n, e in snapshot.ledger.experiments.items()}
    words = {n: (one["mark"], one["group"], one["verdict_text"]) for n, one in told.items()}
    assert words == {
        0: ("baseline", "keep", "baseline"),
        1: ("keep", "keep", "keep, better"),
        2: ("keep", "keep", "keep, better"),
        3: ("crash", "crash", "crash"),
        waits: ("waiting", "waiting", "waiting"),
    }
    commits = {n: e.commit[:7] for n, e in snapshot.ledger.experiments.items()}
    assert told[1]["row"] == f"| #1 | {commits[1]} | 0.9900 | −0.0100 | keep, better | a larger rate |"
    assert told[3]["row"] == f"| #3 | {commits[3]} |  |  | crash | a \\| b c |"
    campaign.begin(waits)
    for alive, mark in ((True, "running"), (False, "waiting")):
        now = replace(seen(campaign.folder), alive=alive)
        assert now.ledger is not None
        told = summary(now.ledger.experiments[waits], now)
        assert (told["mark"], told["group"], told["verdict_text"]) == (mark, "waiting", mark)


@pytest.mark.parametrize(
    ("memory_mb", "words"), [(None, ""), (0.4, "0 MB"), (62.0, "62 MB"), (100.0, "0.1 GB"), (9523.2, "9.3 GB")]
)
def test_memory_is_told_in_a_unit_that_fits(memory_mb: float | None, words: str) -> None:
    assert memory_words(memory_mb) == words


def test_what_a_rebuilt_journal_does_not_know_is_not_called_waiting(campaign: Campaign) -> None:
    lost, kept = campaign.propose(BASE, "lost"), campaign.propose(BASE + "x = 1\n", "kept")
    campaign.record(VerdictLost(lost), VerdictLost(kept, kept=True))
    snapshot = seen(campaign.folder)
    assert snapshot.ledger is not None
    told = {n: summary(snapshot.ledger.experiments[n], snapshot) for n in (lost, kept)}
    assert [told[n]["mark"] for n in (lost, kept)] == ["lost", "lost"]
    assert [told[n]["verdict_text"] for n in (lost, kept)] == ["restored, verdict unknown", "restored, was kept"]
    assert "restored, verdict unknown" in details(snapshot, snapshot.ledger.experiments[lost])
