"""What waits for a daemon: kept for the next start, and said so."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.control import control, queueing
from loop.record.campaign_facts import Imported, StateChanged
from loop.record.home import find_home
from loop.record.intents import NoteAdded
from loop.record.journal import Journal
from loop.record.types import Refused, State, Verdict
from tests.stub import make_campaign


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    return make_campaign(tmp_path / "c")


def test_a_note_and_a_proposal_wait_for_the_next_start(campaign: Path) -> None:
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StateChanged(State.STOPPED, "stopped"))
    assert "nobody reads it now: 'knobs'" in queueing.note(campaign, "try fewer heads").message
    queueing.propose(campaign, "LR = 1\n", "by hand")
    ledger = control.load(campaign)
    assert ledger.notes == [NoteAdded("try fewer heads")]
    assert len(ledger.unanswered) == 2


def test_a_note_says_who_reads_it(campaign: Path) -> None:
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StateChanged(State.STOPPED, "stopped"))
    program = campaign / "program.md"
    for head, words in (
        ("model: knobs", "nobody reads it now"),
        ("model: openai/gpt-5-mini", "the next prompt after 'autoresearch start' carries it"),
        ("model: [openai/gpt-5-mini, knobs]", "carries it ('knobs' reads none)"),
        ("command: claude -p", "carries it"),
        ("model: [", "if program.md names a model or an agent"),
    ):
        program.write_text(f"---\n{head}\n---\nLower it.\n")
        assert words in queueing.note(campaign, "try fewer heads").message, head


def test_earlier_nights_are_taken_in_once_and_judge_nothing(campaign: Path) -> None:
    past = [
        Imported("", 0.9979, 44.0, Verdict.KEEP, "baseline"),
        Imported("", 0.9932, 44.2, Verdict.KEEP, "increase LR to 0.04"),
    ]
    assert "2 experiments more (2 kept)" in queueing.take_in(campaign, past).message
    assert "0 experiments" in queueing.take_in(campaign, past).message
    ledger = control.load(campaign)
    assert (len(ledger.history), ledger.judged, ledger.best) == (2, 0, None)


def test_a_note_without_words_or_of_no_experiment_is_refused(campaign: Path) -> None:
    control.start(campaign, {"experiments": "1"})
    for text, experiment, why in (("  ", None, "without words"), ("x", 999, "no experiment #999")):
        with pytest.raises(Refused, match=why):
            queueing.note(campaign, text, experiment)
