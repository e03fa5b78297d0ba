"""A lost, damaged or old journal is restored from what is left; what nothing holds stays missing, and is said."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from loop.record import backup, salvage
from loop.record.campaign_facts import CampaignCreated
from loop.record.experiment_facts import Proposed, RunEnded, RunStarted, Scored
from loop.record.home import find_home
from loop.record.intents import NoteAdded
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.lock import holding
from loop.record.types import Author, Outcome, Purpose, Refused, ScoreSource
from loop.setup.rebuild import rebuild
from tests.campaigns import Campaign, make_repository
from tests.loop.setup.loss import CANVAS, PAGE, after, back_up, follow, lose
from tests.stub import git, make_campaign, run_to_end


def test_a_deleted_journal_comes_back_from_its_backup_entry_by_entry(campaign: Campaign) -> None:
    before = salvage.read_file(campaign.home.journal).rows
    back_up(campaign)
    lose(campaign)
    said = rebuild(campaign.top)
    assert "restored from the backup of" in said and "complete as far as git can tell" in said
    assert salvage.read_file(campaign.home.journal).rows == before


def test_a_sound_journal_is_left_alone(campaign: Campaign) -> None:
    back_up(campaign)
    before = campaign.home.journal.read_bytes()
    assert "nothing was changed" in rebuild(campaign.top)
    assert campaign.home.journal.read_bytes() == before and not (campaign.home.root / "set-aside").exists()


def test_the_old_file_is_set_aside_with_what_was_said(campaign: Campaign) -> None:
    back_up(campaign)
    campaign.journal.close()
    campaign.home.journal.write_bytes(b"not a database" * 500)
    said = rebuild(campaign.top)
    (place,) = (campaign.home.root / "set-aside").iterdir()
    assert (place / "journal.db").read_bytes() == b"not a database" * 500
    assert (place / "rebuild.txt").read_text().strip() in said and str(place) in said


def test_what_sqlite_left_beside_a_deleted_journal_is_not_rolled_back_into_the_new_one(campaign: Campaign) -> None:
    back_up(campaign)
    before = salvage.read_file(campaign.home.journal).rows
    lose(campaign)
    hot = campaign.home.journal.with_name("journal.db-journal")
    hot.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\x00" * 4000)
    rebuild(campaign.top)
    assert not hot.exists() and salvage.read_file(campaign.home.journal).rows == before


def test_two_campaigns_are_told_apart(campaign: Campaign) -> None:
    with Journal(campaign.home.journal) as journal:
        created = campaign.ledger.created
        assert isinstance(created, CampaignCreated)
        first = Proposed(0, campaign.baseline, "", "baseline", Author.HUMAN, "human", 0, 0)
        journal.append(
            "other", created, first, RunStarted(0, 1, Purpose.BASELINE, 0, campaign.baseline),
            RunEnded(0, 1, Outcome.FINISHED), Scored(0, 1, 0.5, ScoreSource.SELF_REPORTED),
        )  # fmt: skip
    back_up(campaign)
    lose(campaign)
    rebuild(campaign.top)
    with Journal(campaign.home.journal) as journal:
        other = Ledger("other").feed(journal.read(campaign="other"))
    assert other.experiments[0].scores == {0: 0.5} and after(campaign).experiments[3].score == 0.8


@pytest.mark.parametrize("held", [True, False], ids=["with an old backup", "without a backup"])
@pytest.mark.parametrize("how", ["a page overwritten", "cut short", "a bit turned"])
def test_wherever_a_journal_is_damaged_nothing_is_invented(campaign: Campaign, held: bool, how: str) -> None:
    if held:
        back_up(campaign)
    campaign.judge(4, 0.77)
    campaign.keep(CANVAS.replace("8192", "1024"), "Halve BATCH once more.", 0.7)
    campaign.record(*[NoteAdded(f"remark {n} " + "x" * 700) for n in range(12)])
    campaign.crash(campaign.propose(CANVAS.replace("8192", "7"), "An odd batch."), 2, "does not divide")
    follow(campaign)
    true = campaign.ledger.experiments
    notes = {note.text for note in campaign.ledger.notes}
    campaign.journal.close()
    whole = campaign.home.journal.read_bytes()
    assert len(whole) >= 6 * PAGE
    for page in range(len(whole) // PAGE):
        at = page * PAGE
        broken = {
            "a page overwritten": whole[:at] + b"\xa5" * PAGE + whole[at + PAGE :],
            "cut short": whole[:at],
            "a bit turned": whole[: at + 3000] + bytes([whole[at + 3000] ^ 1]) + whole[at + 3001 :],
        }[how]
        campaign.home.journal.write_bytes(broken)
        rebuild(campaign.top)
        assert salvage.read_file(campaign.home.journal).damage == ""
        ledger = after(campaign)
        assert ledger.experiments.keys() == true.keys(), "git holds them all"
        for number, experiment in ledger.experiments.items():
            assert experiment.score in (None, true[number].score)
            assert experiment.verdict in (None, true[number].verdict)
            assert experiment.delta in (None, true[number].delta)
            assert {run.score for run in experiment.runs} <= {None, *(run.score for run in true[number].runs)}
            assert experiment.commit == true[number].commit
        assert how == "a bit turned" or {note.text for note in ledger.notes} <= notes
        if held:
            assert all(ledger.experiments[n].score == true[n].score for n in (0, 1, 2, 3))


def test_a_rebuild_waits_for_no_living_daemon(campaign: Campaign) -> None:
    with holding(campaign.home.lock), pytest.raises(Refused, match="'autoresearch stop'"):
        rebuild(campaign.top)


def test_where_nothing_is_left_nothing_is_made(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", CANVAS.encode())
    assert "nothing was changed" in rebuild(top)
    assert not find_home(top).journal.exists()
    find_home(top).journal.write_bytes(b"rubbish" * 100)
    with pytest.raises(Refused, match="nothing is left to rebuild from"):
        rebuild(top)
    assert find_home(top).journal.read_bytes() == b"rubbish" * 100


def test_a_rebuilt_night_goes_on_and_measures_again_what_was_lost(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "c")
    ledger = run_to_end(folder)
    home = find_home(folder)
    rows = salvage.read_file(home.journal).rows
    cut = max(s for s, row in rows.items() if row.kind == "Judged" and '"experiment": 3' in row.data)
    old = tmp_path / "old.db"
    salvage.write_journal(old, {seq: row for seq, row in rows.items() if seq <= cut})
    for copy in backup.copies(home):
        copy.path.unlink()
    (home.backups / f"journal-20261101T000000-{cut:06}.db.gz").write_bytes(gzip.compress(old.read_bytes()))
    home.journal.unlink()
    said = rebuild(folder)
    assert "the next start measures it again" in said
    again = run_to_end(folder)
    assert again.campaign == ledger.campaign and again.experiments.keys() >= ledger.experiments.keys()
    for number, experiment in ledger.experiments.items():
        told = again.experiments[number]
        assert (told.verdict, told.score) == (experiment.verdict, experiment.score)
        assert told.fingerprint == experiment.fingerprint, "the same text"
    assert git(folder, "rev-parse", f"autoresearch/{ledger.campaign}") == git(
        folder, "rev-parse", f"refs/autoresearch/{ledger.campaign}/{again.incumbent}"
    )
