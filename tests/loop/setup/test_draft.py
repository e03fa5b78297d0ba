"""The entries that two files hold: every one once, and what neither holds is named."""

from __future__ import annotations

import pytest

from loop.control import control
from loop.record import backup, salvage
from loop.record.intents import NoteAdded
from loop.record.journal import Journal
from loop.record.types import JournalError
from loop.setup.rebuild import rebuild
from tests.campaigns import Campaign
from tests.loop.setup.loss import CANVAS, PAGE, after, back_up, break_page, follow, lose


def test_of_a_damaged_journal_what_can_be_read_is_kept_and_the_rest_is_from_the_backup(campaign: Campaign) -> None:
    for number in range(120):
        campaign.record(NoteAdded(f"early remark {number}, " + "x" * 60))
    back_up(campaign)
    five = campaign.keep(CANVAS.replace("8192", "1024"), "Halve BATCH once more.", 0.7)
    follow(campaign)
    before = salvage.read_file(campaign.home.journal).rows
    break_page(campaign, b"early remark 60,")
    with pytest.raises(JournalError, match="'autoresearch rebuild' restores"):
        control.load(campaign.top)
    said = rebuild(campaign.top)
    assert "the journal was damaged" in said and "read from the journal itself" in said
    assert salvage.read_file(campaign.home.journal).rows == before
    assert after(campaign).experiments[five].score == 0.7


def test_what_neither_holds_is_named_by_its_numbers(campaign: Campaign) -> None:
    seqs = [campaign.journal.append(campaign.name, NoteAdded(f"remark {n}, " + "x" * 60))[0].seq for n in range(120)]
    campaign.judge(4, 0.7)
    follow(campaign)
    break_page(campaign, b"remark 60,")
    said = rebuild(campaign.top)
    ledger = after(campaign)
    texts = [note.text.partition(",")[0] for note in ledger.notes]
    lost = [n for n in range(120) if f"remark {n}" not in texts]
    assert 60 in lost and len(lost) < 60
    assert f"lost, since nothing holds them: {salvage.spans([seqs[n] for n in lost])}" in said
    assert ledger.experiments[4].score == 0.7


def test_the_newest_sound_backup_is_used_and_the_damaged_one_named(campaign: Campaign) -> None:
    back_up(campaign)
    older = backup.read_copy(backup.copies(campaign.home)[0]).rows
    campaign.judge(4, 0.7)
    back_up(campaign)
    newest = backup.copies(campaign.home)[0]
    newest.path.write_bytes(newest.path.read_bytes()[:-20])
    lose(campaign)
    said = rebuild(campaign.top)
    assert f"the backup {newest.path.name} is damaged" in said
    assert salvage.read_file(campaign.home.journal).rows.items() >= older.items()
    assert after(campaign).experiments[4].score is None


def test_another_history_in_the_journal_is_left_out_and_said(campaign: Campaign) -> None:
    old = campaign.home.journal.read_bytes()
    campaign.record(*[NoteAdded("in the backup")] * 6)
    back_up(campaign)
    held = backup.read_copy(backup.copies(campaign.home)[0]).rows
    campaign.journal.close()
    campaign.home.journal.write_bytes(old)
    with Journal(campaign.home.journal) as journal:
        journal.append(campaign.name, NoteAdded("the other history " + "x" * PAGE))
    content = campaign.home.journal.read_bytes()
    campaign.home.journal.write_bytes(content[: 2 * PAGE] + b"\xa5" * PAGE + content[3 * PAGE :])
    said = rebuild(campaign.top)
    assert salvage.read_file(campaign.home.journal).rows.items() >= held.items()
    assert "of the journal are not those of the backup and were left out" in said
