"""The best canvas without git, and the way back to an experiment's text."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.cli import app as cli
from loop.record.experiment_facts import Judged
from loop.record.intents import ProposeRequested
from loop.record.types import Author, Reason, Refused, Verdict
from loop.review.best import return_to
from loop.views.standing import best_text
from tests.campaigns import Campaign, make_repository
from tests.stub import make_campaign, run_to_end

FIRST, BETTER, WORSE = "LR = 1\n", "LR = 2\n", "LR = 3\n"


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """The best is #1; a human's worse text, #2, is what the branch holds; #3 was discarded."""
    made = Campaign(make_repository(tmp_path / "c", FIRST.encode()))
    made.judge(made.propose(BETTER, "double"), 0.9)
    number = made.propose(WORSE, "by hand", Author.HUMAN)
    made.measure(number, 0.95)
    made.record(Judged(number, Verdict.KEEP, Reason.HUMAN, 0.95, 0.05))
    made.judge(made.propose("LR = 9\n", "nine"), 1.5, Verdict.DISCARD)
    return made


def run(campaign: Campaign, *arguments: str) -> int:
    return cli.main(["-C", str(campaign.folder), *arguments])


def test_the_best_is_printed_and_what_the_branch_holds_is_said(
    campaign: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(campaign, "best") == 0
    said = capsys.readouterr()
    assert said.out == BETTER
    assert said.err == "best #1 0.9000; the branch holds #2 0.9500\n"
    assert run(campaign, "best", "3") == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("LR = 9\n", "#3 1.5000; the best is #1\n")


def test_the_best_is_written_over_the_canvas_but_not_over_edits_of_your_own(
    campaign: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    canvas = campaign.folder / "train.py"
    assert run(campaign, "best", "--write") == 0
    assert canvas.read_text() == BETTER
    assert capsys.readouterr().out == "train.py now has the text of #1: best #1 0.9000; the branch holds #2 0.9500\n"
    canvas.write_text("LR = 77\n")
    assert run(campaign, "best", "--write") == 1
    assert "has edits that no experiment holds" in capsys.readouterr().err
    assert canvas.read_text() == "LR = 77\n" and sorted(p.name for p in campaign.folder.iterdir()) == [
        ".git", "program.md", "train.py",
    ]  # fmt: skip


def test_a_return_asks_for_the_very_text(campaign: Campaign) -> None:
    return_to(campaign.folder, 1)
    asked = campaign.journal.read()[-1].body
    assert isinstance(asked, ProposeRequested)
    assert (asked.text, asked.returns, asked.hypothesis) == (BETTER, 1, "return to #1: double")


def test_a_return_makes_the_text_the_incumbent_again(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "c")
    night = run_to_end(folder, experiments="3")
    assert night.best is not None and night.best.number
    return_to(folder, 0)
    after = run_to_end(folder)
    tip = after.incumbent_experiment
    assert tip is not None and tip.hypothesis.startswith("return to #0: ") and tip.reason is Reason.HUMAN
    assert tip.fingerprint == after.experiments[0].fingerprint and tip.against == night.best.number
    assert after.best is not None and after.best.number == night.best.number
    assert f"best #{night.best.number} " in best_text(after) and f"the branch holds #{tip.number}" in best_text(after)


@pytest.mark.parametrize(("number", "sentence"), [(2, "is the incumbent already"), (7, "no experiment #7")])
def test_a_return_that_means_nothing_is_refused(campaign: Campaign, number: int, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        return_to(campaign.folder, number)
