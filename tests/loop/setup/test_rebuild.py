"""A lost, damaged or old journal is restored from what is left; what nothing holds stays missing, and is said."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from rich.console import Console

from loop.control import control
from loop.proposers.digest import digest, select
from loop.record import backup, salvage
from loop.record.campaign_facts import CampaignCreated, StateChanged
from loop.record.experiment_facts import Judged, Proposed, RunEnded, RunStarted, Scored
from loop.record.home import find_home
from loop.record.intents import NoteAdded, ProposeRequested, StartRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.lock import holding
from loop.record.types import Author, JournalError, Mark, Outcome, Purpose, Reason, Refused, ScoreSource, State, Verdict
from loop.setup.doctor import diagnose
from loop.setup.rebuild import rebuild
from loop.views import claims
from loop.views.chart import draw
from loop.views.experiments import verdict_text
from loop.views.status import status_dict, status_line
from loop.views.view import render
from tests.campaigns import Campaign, make_repository
from tests.stub import git, make_campaign, run_to_end

CANVAS = "LR = 0.04\nBATCH = 8192\nDEPTH = 4\n"
PAGE = 4096


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """Return a campaign: #1 and #3 kept, #2 discarded, #4 waits."""
    night = Campaign(make_repository(tmp_path / "r", CANVAS.encode()))
    night.repo.move_ref(night.repo.attempt_ref(night.name, 0), night.baseline, None)
    night.keep(CANVAS.replace("8192", "4096"), "Halve BATCH.", 0.9, knobs={"BATCH": ("8192", "4096")})
    night.judge(night.propose(CANVAS.replace("4\n", "5\n"), "Raise DEPTH."), 0.95, Verdict.DISCARD)
    night.keep(CANVAS.replace("8192", "2048"), "Halve BATCH again.", 0.8)
    night.propose(CANVAS.replace("8192", "2048").replace("0.04", "0.02"), "Halve LR.")
    follow(night)
    return night


def follow(night: Campaign) -> None:
    """Let the branch follow the incumbent, as the engine does."""
    incumbent = night.ledger.incumbent_experiment
    assert incumbent is not None
    branch = night.repo.branch(night.name)
    night.repo.move_ref(branch, incumbent.commit, night.repo.ref(branch))


def back_up(night: Campaign) -> None:
    assert backup.back_up(night.home) is not None


def lose(night: Campaign) -> None:
    night.journal.close()
    night.home.journal.unlink()


def after(night: Campaign) -> Ledger:
    with Journal(night.home.journal) as journal:
        return Ledger(night.name).feed(journal.read(campaign=night.name))


def break_page(night: Campaign, words: bytes) -> None:
    """Overwrite the page that holds these words, which must be no other."""
    night.journal.close()
    content = night.home.journal.read_bytes()
    at = content.index(words) // PAGE * PAGE
    night.home.journal.write_bytes(content[:at] + b"\xa5" * PAGE + content[at + PAGE :])


def log_of(night: Campaign, number: int, attempt: int, text: str) -> Path:
    place = night.home.run(night.name, number, attempt)
    place.mkdir(parents=True)
    (place / "run.log").write_text(text)
    return place


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


def test_an_old_journal_is_noticed_by_start_and_doctor_and_brought_up_to_date(campaign: Campaign) -> None:
    old = campaign.home.journal.read_bytes()
    five = campaign.keep(CANVAS.replace("8192", "1024"), "Halve BATCH once more.", 0.7)
    campaign.keep(CANVAS.replace("8192", "512"), "And again.", 0.6)
    follow(campaign)
    back_up(campaign)
    before = salvage.read_file(campaign.home.journal).rows
    campaign.journal.close()
    campaign.home.journal.write_bytes(old)
    with pytest.raises(Refused, match=r"git holds #5, #6 .* does not know; 'autoresearch rebuild'"):
        control.start(campaign.top, campaign=campaign.name)
    with pytest.raises(Refused, match="older than its backup"):
        control.start(campaign.top, new=True)
    found = {check.name: check for check in diagnose(campaign.top)}["journal"]
    assert found.level == "fail" and "which the backup of" in found.finding
    rebuild(campaign.top)
    assert salvage.read_file(campaign.home.journal).rows == before and after(campaign).experiments[five].score == 0.7


def test_a_start_without_a_journal_offers_to_rebuild_it(campaign: Campaign) -> None:
    lose(campaign)
    with pytest.raises(Refused, match=r"experiments of nov23.*'autoresearch rebuild' restores"):
        control.start(campaign.top)
    with pytest.raises(Refused, match="'autoresearch rebuild' restores"):
        control.load(campaign.top)
    found = {check.name: check for check in diagnose(campaign.top)}["journal"]
    assert found.level == "fail" and "rebuild" in found.next_step


def test_a_number_that_changed_on_the_disk_is_found_against_the_backup(campaign: Campaign) -> None:
    back_up(campaign)
    before = salvage.read_file(campaign.home.journal).rows
    campaign.journal.close()
    content = campaign.home.journal.read_bytes()
    at = content.index(b'"score": 0.95')
    campaign.home.journal.write_bytes(content[:at] + b'"score": 0.15' + content[at + 13 :])
    found = {check.name: check for check in diagnose(campaign.top)}["journal"]
    assert found.level == "fail" and "not as the backup has it: entry" in found.finding
    rebuild(campaign.top)
    assert salvage.read_file(campaign.home.journal).rows == before


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
