"""What git tells of a campaign is put back, and no more than it tells."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from loop.control import control
from loop.proposers.digest import digest, select
from loop.record.campaign_facts import StateChanged
from loop.record.experiment_facts import Judged
from loop.record.intents import NoteAdded, ProposeRequested, StartRequested
from loop.record.journal import Journal
from loop.record.types import Author, Mark, Reason, Refused, State, Verdict
from loop.setup.rebuild import rebuild
from loop.views import claims
from loop.views.chart import draw
from loop.views.experiments import verdict_text
from loop.views.status import status_dict, status_line
from loop.views.view import render
from tests.campaigns import Campaign
from tests.loop.setup.loss import CANVAS, after, back_up, break_page, follow, log_of, lose


def test_what_came_after_the_backup_is_restored_from_git_without_a_score(campaign: Campaign) -> None:
    back_up(campaign)
    five = campaign.keep(CANVAS.replace("8192", "1024"), "Halve BATCH once more.", 0.7)
    six = campaign.propose(CANVAS.replace("8192", "1024").replace("= 4", "= 6"), "Raise DEPTH.", Author.KNOBS)
    follow(campaign)
    place = log_of(campaign, five, 1, "val_bpb: 0.7\n")
    commits = {n: campaign.ledger.experiments[n].commit for n in (five, six)}
    lose(campaign)
    said = rebuild(campaign.top)
    ledger = after(campaign)
    for number in (five, six):
        experiment = ledger.experiments[number]
        assert (experiment.commit, experiment.restored) == (commits[number], True)
        assert (experiment.score, experiment.verdict, experiment.runs) == (None, None, ())
    assert ledger.experiments[five].hypothesis == "Halve BATCH once more."
    assert ledger.experiments[five].knobs == {"BATCH": ("2048", "1024")}
    assert f"#{five}: text and hypothesis restored from git; its runs, score, verdict and cost are lost" in said
    assert "the branch says that it was kept" in said and "its log says val_bpb 0.7000, which is not taken" in said
    assert not place.exists() and place.with_name("run-1-unrecorded").exists(), "the next run 1 would overwrite it"
    marks = {n: (ledger.mark(e), verdict_text(e)) for n, e in ledger.experiments.items()}
    assert marks[4] == (Mark.WAITING, "waiting"), "nothing speaks for a run of it"
    assert marks[five] == (Mark.LOST, "restored, was kept"), "the branch holds it"
    assert marks[six] == (Mark.LOST, "restored, verdict unknown")
    assert status_dict(ledger, None)["waiting"] == 1
    assert ledger.state is State.STOPPED and "measures #5, #6 again" in ledger.message
    assert ledger.best is not None and ledger.best.score == 0.8


def test_from_git_alone_there_is_no_score_and_the_kept_line_is_known(campaign: Campaign) -> None:
    lose(campaign)
    said = rebuild(campaign.top)
    ledger = after(campaign)
    kept = [n for n, e in ledger.experiments.items() if e.verdict is Verdict.KEEP]
    assert list(ledger.experiments) == [0, 1, 2, 3, 4] and kept == [0, 1, 3]
    assert all(e.score is None and e.delta is None for e in ledger.experiments.values())
    assert ledger.experiments[1].reason is Reason.LOST
    assert ledger.created is not None and ledger.created.canvas == "train.py"
    assert "its conditions are lost" in said and ledger.state is State.FINISHED
    assert ledger.incumbent == 3 and ledger.noise_floor is None and ledger.best is None
    shown = io.StringIO()
    Console(file=shown, width=200, color_system=None).print(render(ledger, None, 200))
    assert "✓ why is lost" in shown.getvalue() and "? verdict unknown" in shown.getvalue()
    assert "waiting" not in shown.getvalue() and status_dict(ledger, None)["waiting"] == 0
    assert draw(ledger).marks == (), "a lost score is no crash"
    assert claims.headline(ledger) == claims.SCORES_LOST and "no baseline yet" not in claims.selected(ledger)
    with pytest.raises(Refused, match="the scores of campaign nov23 are lost with its journal"):
        control.verify(campaign.top)
    told = "\n".join(line for part in digest(ledger, (), select(ledger)) for line in part.lines)
    assert "0.0" not in told and "failed" not in told and "Halve BATCH again." in told
    assert status_line(ledger, None, False).startswith("✓ finished · #3")


def test_a_campaign_without_its_conditions_is_never_continued(campaign: Campaign) -> None:
    lose(campaign)
    rebuild(campaign.top)
    with Journal(campaign.home.journal) as journal:
        assert control.to_start(journal, campaign.top) != campaign.name


def test_a_proposal_lost_in_the_middle_is_restored_for_what_followed_from_it(campaign: Campaign) -> None:
    filler = [NoteAdded("x" * 900)] * 5
    campaign.record(*filler)
    five = campaign.propose(CANVAS.replace("8192", "1024"), "The lost proposal.")
    campaign.record(*filler)
    campaign.judge(five, 0.7)
    follow(campaign)
    break_page(campaign, b"The lost proposal.")
    said = rebuild(campaign.top)
    experiment = after(campaign).experiments[five]
    assert (experiment.score, experiment.verdict, experiment.restored) == (0.7, Verdict.KEEP, True)
    assert experiment.hypothesis == "The lost proposal."
    assert f"#{five}: its proposal is restored from git; what it cost is lost" in said


def test_a_verdict_lost_below_a_later_keep_is_that_of_the_branch(campaign: Campaign) -> None:
    filler = [NoteAdded("x" * 900)] * 5
    five = campaign.propose(CANVAS.replace("8192", "1024"), "Kept.")
    campaign.measure(five, 0.7)
    campaign.record(*filler)
    campaign.record(Judged(five, Verdict.KEEP, Reason.BETTER, 0.7, -0.1, explanation="the lost verdict"))
    campaign.record(*filler)
    six = campaign.keep(CANVAS.replace("8192", "512"), "Kept on top.", 0.6)
    follow(campaign)
    break_page(campaign, b"the lost verdict")
    said = rebuild(campaign.top)
    ledger = after(campaign)
    assert (ledger.experiments[five].verdict, ledger.experiments[five].reason) == (Verdict.KEEP, Reason.LOST)
    assert ledger.experiments[five].score is None and ledger.incumbent == six
    assert f"#{five}: was kept, as the branch says; why, and its score, are lost" in said


def test_a_human_proposal_restored_from_git_is_not_measured_twice(campaign: Campaign) -> None:
    text = CANVAS.replace("8192", "1024")
    asked = campaign.journal.append(campaign.name, ProposeRequested(text, "by hand"))[0]
    back_up(campaign)
    number = 5
    parent = campaign.ledger.experiments[3].commit
    message = f"by hand\n\nCampaign: {campaign.name}\nExperiment: {number}\nProposed-by: human\n"
    commit = campaign.repo.commit_text(parent, "train.py", text, message, 1.0)
    campaign.repo.move_ref(campaign.repo.attempt_ref(campaign.name, number), commit, None)
    lose(campaign)
    rebuild(campaign.top)
    ledger = after(campaign)
    assert asked.seq not in ledger.unanswered and ledger.experiments[number].intent == asked.seq
    assert ledger.experiments[number].author is Author.HUMAN and ledger.promised == 1


def test_a_text_that_was_merged_after_the_backup_is_the_one_that_waits(campaign: Campaign) -> None:
    back_up(campaign)
    parent = campaign.keep(CANVAS.replace("8192", "1024"), "Halve BATCH once more.", 0.7)
    merged = campaign.repo.commit_text(
        campaign.ledger.experiments[parent].commit, "train.py",
        CANVAS.replace("8192", "1024").replace("0.04", "0.02"), "Halve LR.", 2.0,
    )  # fmt: skip
    ref = campaign.repo.attempt_ref(campaign.name, 4)
    campaign.repo.move_ref(ref, merged, campaign.repo.ref(ref))
    lose(campaign)
    rebuild(campaign.top)
    assert after(campaign).experiments[4].commit == merged


def test_a_campaign_that_only_git_knows_is_restored_beside_the_one_that_is_meant(campaign: Campaign) -> None:
    campaign.journal.close()
    campaign.home.journal.rename(campaign.home.root / "moved.db")
    with Journal(campaign.home.journal) as journal:
        journal.append("newer", StartRequested(folder=""), StateChanged(State.STOPPED, "stopped"))
    assert "campaign nov23: #1: text and hypothesis restored from git" in rebuild(campaign.top)
    assert control.load(campaign.top).campaign == "newer" and control.load(campaign.top).message == "stopped"
    assert len(control.load(campaign.top, "nov23").experiments) == 5
    with Journal(campaign.home.journal) as journal:
        assert control.to_start(journal, campaign.top) == "newer"


def test_a_verdict_that_came_after_the_backup_is_unknown_until_it_is_measured_again(campaign: Campaign) -> None:
    """#4 was proposed before the last backup and judged after it: a log of its run is all that is left."""
    back_up(campaign)
    campaign.judge(4, 0.9, Verdict.DISCARD)
    log_of(campaign, 4, 1, "val_bpb: 0.9\n")
    lose(campaign)
    rebuild(campaign.top)
    ledger = after(campaign)
    assert (ledger.mark(ledger.experiments[4]), verdict_text(ledger.experiments[4], short=True)) == (
        Mark.LOST, "verdict unknown"
    )  # fmt: skip
    campaign.journal = Journal(campaign.home.journal)
    campaign.begin(4)
    assert after(campaign).mark(after(campaign).experiments[4]) is Mark.WAITING, "it is measured again"
