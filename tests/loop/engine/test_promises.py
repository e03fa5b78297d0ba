"""What a human was told would be measured is measured, whatever happens to the campaign in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.control import control, queueing
from loop.record.experiment import Experiment
from loop.record.home import find_home
from loop.record.ledger import Ledger
from loop.record.types import Author, Reason, Refused, State, Verdict
from loop.review.proposing import propose_file
from tests.stub import CANVAS, ended, git, gone, make_campaign, run_to_end, until

MINE = CANVAS.replace("LEARNING_RATE = 0.04", "LEARNING_RATE = 0.5")


HOLD = "any(iter(lambda: time.sleep(0.01) or os.path.exists('go'), True))"  # until there is a file in the run's folder


def let_go(campaign: Path) -> None:
    """Let a run that holds go on, whichever slot it is in."""
    for slot in find_home(campaign).slots.iterdir():
        if slot.is_dir():
            (slot / "go").touch()


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    return make_campaign(tmp_path / "c")


def humans(ledger: Ledger) -> list[Experiment]:
    return [e for e in ledger.experiments.values() if e.author is Author.HUMAN and e.number]


def kept_by_hand(ledger: Ledger) -> bool:
    return [(e.verdict, e.reason) for e in humans(ledger)] == [(Verdict.KEEP, Reason.HUMAN)]


def test_a_text_proposed_after_the_end_is_measured_by_the_next_start_in_its_campaign(campaign: Path) -> None:
    first = run_to_end(campaign, experiments="1")
    assert "next 'autoresearch start'" in queueing.propose(campaign, MINE, "to see the edge").message
    second = run_to_end(campaign)
    assert second.campaign == first.campaign and kept_by_hand(second)
    assert second.state is State.FINISHED and second.judged == 2, "nothing else was measured: the limit still holds"
    assert run_to_end(campaign, experiments="1").campaign != first.campaign


def test_a_text_proposed_in_a_pause_is_measured_although_a_limit_is_reached_meanwhile(campaign: Path) -> None:
    control.start(campaign, {"experiments": "60"})
    until(campaign, lambda ledger: ledger.judged >= 1)
    control.pause(campaign)
    until(campaign, lambda ledger: ledger.state is State.PAUSED)
    assert "queued as #" in queueing.propose(campaign, MINE, "to see the edge").message
    control.stop(campaign)
    gone(campaign)
    ledger = run_to_end(campaign, experiments="1")
    assert kept_by_hand(ledger) and ledger.state is State.FINISHED


def test_a_text_that_comes_with_the_last_experiment_is_measured_before_the_end(tmp_path: Path) -> None:
    held = CANVAS.replace("time.sleep(0.02)", f"BATCH == 8192 or DEPTH == 9 or {HOLD}")
    campaign = make_campaign(tmp_path / "c", canvas=held)
    control.start(campaign, {"experiments": "1"})
    until(campaign, lambda ledger: ledger.running is not None and ledger.running[0].number == 1)
    queueing.propose(campaign, held.replace("DEPTH = 4", "DEPTH = 9"), "deeper")
    let_go(campaign)
    ledger = until(campaign, ended)
    assert kept_by_hand(ledger) and ledger.judged == 2


def test_a_text_whose_lines_were_kept_otherwise_meanwhile_is_measured_as_its_human_wrote_them(tmp_path: Path) -> None:
    held = CANVAS.replace("time.sleep(0.02)", f"BATCH in (8192, 2048) or {HOLD}")
    campaign = make_campaign(tmp_path / "c", canvas=held)
    control.start(campaign, {"experiments": "1"})
    until(campaign, lambda ledger: ledger.running is not None and ledger.running[0].number == 1)
    mine = held.replace("BATCH = 8192", "BATCH = 2048")
    queueing.propose(campaign, mine, "a smaller batch")
    let_go(campaign)
    ledger = until(campaign, ended)
    (human,) = humans(ledger)
    assert kept_by_hand(ledger) and ledger.experiments[1].verdict is Verdict.KEEP and len(human.runs) >= 1
    assert git(campaign, "show", f"refs/autoresearch/{ledger.campaign}/{human.number}:train.py") == mine


def test_a_start_that_fails_keeps_what_waits(campaign: Path) -> None:
    ledger = run_to_end(campaign, experiments="1")
    queueing.propose(campaign, MINE, "to see the edge")
    git(campaign, "checkout", "-q", f"autoresearch/{ledger.campaign}")
    with pytest.raises(Refused, match="switch to a branch of your own"):
        control.start(campaign)
    gone(campaign)
    assert control.load(campaign).promised == 1
    git(campaign, "checkout", "-q", "main")
    assert kept_by_hand(run_to_end(campaign))


def test_nothing_is_promised_by_a_campaign_whose_baseline_does_not_run(tmp_path: Path) -> None:
    campaign = make_campaign(tmp_path / "c", canvas=f"import os, time\n{HOLD}\nprint('no number here')\n")
    control.start(campaign)
    until(campaign, lambda ledger: ledger.running is not None)
    queueing.propose(campaign, MINE, "to see the edge")
    let_go(campaign)
    ledger = until(campaign, ended)
    gone(campaign)
    assert [(e.verdict, e.explanation.partition(";")[0]) for e in humans(ledger)] == [
        (Verdict.INVALID, "the baseline does not run")
    ]
    with pytest.raises(Refused, match="fix it and restart, then propose"):
        queueing.propose(campaign, MINE, "once more")
    assert control.load(campaign).promised == 0


def test_a_note_to_a_campaign_that_has_ended_is_refused_with_what_to_do(campaign: Path) -> None:
    run_to_end(campaign, experiments="1")
    with pytest.raises(Refused, match=r"write it into program\.md"):
        queueing.note(campaign, "try fewer heads")


def test_a_revert_that_is_taken_back_before_it_runs_is_never_run(campaign: Path) -> None:
    control.start(campaign, {"experiments": "60"})
    until(campaign, lambda ledger: ledger.judged >= 1)
    control.pause(campaign)
    until(campaign, lambda ledger: ledger.state is State.PAUSED)
    texts = [CANVAS.replace("DEPTH = 4", f"DEPTH = {n}") for n in (5, 6)]
    queued, _ = [queueing.propose(campaign, text, "Without #1", removes=1) for text in texts]
    number = int(queued.message.rpartition("#")[2])
    assert queueing.withdraw(campaign, 1, intent=queued.intent).message == f"#{number} is not measured"
    with pytest.raises(Refused, match="no revert of #1 waits to be measured"):
        queueing.withdraw(campaign, 1, intent=queued.intent)
    assert queueing.withdraw(campaign, 1).message == f"#{number + 1} is not measured", "else the newest"
    control.resume(campaign)
    judged = until(campaign, lambda ledger: bool(ledger.experiments[number].verdict)).experiments[number]
    assert (judged.verdict, judged.reason, judged.runs) == (Verdict.INVALID, Reason.HUMAN, ())
    control.stop(campaign, now=True)
    gone(campaign)


def test_a_revert_that_is_taken_back_while_it_runs_is_measured_and_not_adopted(tmp_path: Path) -> None:
    held = CANVAS.replace("time.sleep(0.02)", f"DEPTH != 9 or {HOLD}")
    campaign = make_campaign(tmp_path / "c", canvas=held)
    control.start(campaign, {"experiments": "60"})
    until(campaign, lambda ledger: ledger.incumbent is not None)
    queueing.propose(campaign, held.replace("DEPTH = 4", "DEPTH = 9"), "Without #0", removes=0)

    def runs(ledger: Ledger) -> bool:
        return ledger.running is not None and ledger.running[0].removes == 0

    number = _running(until(campaign, runs))
    assert queueing.withdraw(campaign, 0).message == f"#{number} runs already and will not be adopted"
    let_go(campaign)
    judged = until(campaign, lambda ledger: bool(ledger.experiments[number].verdict)).experiments[number]
    assert (judged.verdict, judged.reason) == (Verdict.DISCARD, Reason.HUMAN)
    assert judged.score is not None and judged.explanation == "not adopted: its revert was undone"
    control.stop(campaign, now=True)
    gone(campaign)


def test_a_revert_that_was_adopted_and_is_undone_is_recorded_so_and_stays_in_the_line(campaign: Path) -> None:
    control.start(campaign, {"experiments": "60"})
    until(campaign, lambda ledger: ledger.incumbent is not None)
    queued = queueing.propose(campaign, MINE, "Without #0", removes=0)
    number = int(queued.message.rpartition("#")[2])
    until(campaign, lambda ledger: ledger.experiments[number].verdict is Verdict.KEEP)
    told = queueing.withdraw(campaign, 0, intent=queued.intent).message
    assert told == f"#{number} is measured and was adopted; your file is not the branch's there"
    with pytest.raises(Refused, match="no revert of #0 waits to be measured"):
        queueing.withdraw(campaign, 0, intent=queued.intent)
    undone = control.load(campaign).experiments[number]
    assert undone.withdrawn and undone.verdict is Verdict.KEEP
    control.stop(campaign, now=True)
    gone(campaign)


def _running(ledger: Ledger) -> int:
    assert ledger.running is not None
    return ledger.running[0].number


def test_a_revert_that_is_taken_back_while_nothing_runs_promises_nothing(campaign: Path) -> None:
    first = run_to_end(campaign, experiments="1")
    queueing.propose(campaign, MINE, "Without #1", removes=1)
    assert queueing.withdraw(campaign, 1).message == "it will not be measured"
    assert control.load(campaign).promised == 0
    queueing.propose(campaign, MINE, "to see the edge")
    ledger = run_to_end(campaign)
    assert ledger.campaign == first.campaign
    assert [(e.verdict, len(e.runs)) for e in humans(ledger)] == [(Verdict.INVALID, 0), (Verdict.KEEP, 1)]


def test_a_file_that_is_an_older_kept_text_is_measured_where_that_is_meant(campaign: Path) -> None:
    assert run_to_end(campaign, experiments="2").keeps >= 1
    with pytest.raises(Refused, match=r"this text is that of #0; adopting it would undo .* kept patch.*--as-is"):
        propose_file(campaign, CANVAS, "the file on disk")
    propose_file(campaign, CANVAS, "back to the beginning", as_is=True)
    ledger = run_to_end(campaign)
    (human,) = humans(ledger)
    assert git(campaign, "show", f"refs/autoresearch/{ledger.campaign}/{human.number}:train.py") == CANVAS
    assert human.delta is not None and human.delta > 0


def test_a_file_that_grew_from_the_baseline_leaves_what_was_kept_since(campaign: Path) -> None:
    first = run_to_end(campaign, experiments="2")
    assert first.keeps >= 1, "the first step halves the batch, which pays"
    propose_file(campaign, MINE, "to see the edge")
    ledger = run_to_end(campaign)
    text = git(campaign, "show", f"autoresearch/{ledger.campaign}:train.py")
    assert kept_by_hand(ledger) and "BATCH = 8192" not in text
    assert {*MINE.splitlines()} - {*CANVAS.splitlines()} <= {*text.splitlines()}
