"""What an experiment looks like: only a gain is drawn as one, and what was never measured is no crash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loop.record.experiment_facts import Judged, RunEnded, RunStarted
from loop.record.ledger import Ledger
from loop.record.types import Author, Mark, Outcome, Purpose, Reason, Verdict
from loop.views.chart import draw
from loop.views.conditions import counts
from loop.views.experiments import verdict_text
from loop.views.findings import findings
from loop.views.page import page
from loop.views.status import status_dict
from loop.views.view import render
from tests.campaigns import Campaign, make_repository

BASE = "LR = 0.1\nWD = 0.2\n"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """#1 gained; #2 took it out again; #3 is a worse text by hand; #4 tampered; #5 crashed; #6 gained by hand."""
    campaign = Campaign(make_repository(tmp_path / "r", BASE.encode()))
    campaign.keep(BASE.replace("0.1", "0.3"), "a larger rate", 0.9)
    for text, score, removes in ((BASE, 0.95, 1), (BASE.replace("0.2", "0.9"), 0.99, None)):
        number = campaign.propose(text, "by hand", Author.HUMAN, removes=removes)
        campaign.measure(number, score)
        campaign.record(Judged(number, Verdict.KEEP, Reason.HUMAN, score, 0.05, 0.0003))
    number = campaign.propose(BASE + "x = 1\n", "a shortcut")
    campaign.record(
        RunStarted(number, 1, Purpose.MEASURE, 0, "c"),
        RunEnded(number, 1, Outcome.FINISHED),
        Judged(number, Verdict.INVALID, Reason.TAMPERED, explanation="it saw the future"),
    )
    campaign.crash(campaign.propose(BASE + "y = 1\n", "a crash"), 3, "NameError")
    number = campaign.propose(BASE.replace("0.2", "0.1"), "by hand", Author.HUMAN)
    campaign.measure(number, 0.8)
    campaign.record(Judged(number, Verdict.KEEP, Reason.HUMAN, 0.8, -0.19, 0.0003))
    return campaign.ledger


def test_each_experiment_has_a_mark_of_its_own_and_only_gains_are_counted(ledger: Ledger) -> None:
    expected = [Mark.BASELINE, Mark.KEEP, Mark.PRICE, Mark.ADOPTED, Mark.INVALID, Mark.CRASH, Mark.KEEP]
    assert [ledger.mark(e) for e in ledger.experiments.values()] == expected
    picture = draw(ledger)
    assert [mark.kind for mark in picture.marks] == expected
    words = {word for _, _, word in picture.legend}
    assert {"cost of a revert", "adopted, no gain", "invalid", "crashed"} <= words
    assert not [label for label in picture.labels if label.text.startswith(("#2", "#3"))], "no loss is named a gain"
    assert (ledger.keeps, ledger.adopted) == (2, 2)
    assert counts(ledger) == "6 experiments, 2 kept, 2 adopted, 1 crashed"
    told = status_dict(ledger, None)
    assert (told["keeps"], told["adopted"]) == (2, 2)
    assert verdict_text(ledger.experiments[2]) == "keep, revert of #1"


def test_the_report_and_the_table_draw_no_loss_green(ledger: Ledger, tmp_path: Path) -> None:
    from rich.console import Console

    html = page(ledger, findings(ledger), lambda experiment: "")
    for number, kind in ((1, "keep"), (2, "price"), (3, "adopted"), (4, "invalid"), (5, "crash")):
        assert f'<tr id="e{number}" class="{kind}"' in html
        assert f'class="mark {kind}" data-n="{number}"' in html
    console = Console(width=120, file=(tmp_path / "out").open("w"), record=True, color_system="truecolor")
    console.print(render(ledger, None, 120))
    rows = {
        line.split()[0]: line for line in console.export_text(clear=False).splitlines() if line[:3].strip().isdigit()
    }
    assert "✓" in rows["1"] and "✓" not in rows["2"] + rows["3"] + rows["4"]


def test_the_mark_of_an_old_journal_without_a_delta_is_no_gain(ledger: Ledger) -> None:
    assert ledger.mark(replace(ledger.experiments[6], delta=None)) is Mark.ADOPTED
