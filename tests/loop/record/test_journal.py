"""The journal: order, durability, and what it refuses."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from loop.record.campaign_facts import Answered, StateChanged
from loop.record.codec import decode
from loop.record.entries import Body, Entry
from loop.record.experiment_facts import Proposed, RunEnded, RunStarted
from loop.record.intents import NoteAdded, PauseRequested, StopRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import Author, Cause, Failure, FailureKind, JournalError, Outcome, Purpose, State

FULL = Proposed(
    experiment=3,
    commit="c",
    parent="p",
    hypothesis="halve the batch ½",
    author=Author.KNOBS,
    proposer="knobs",
    lines_added=1,
    lines_removed=1,
    cites=("Ideas", "Small"),
    knobs={"BATCH": ("8192", "4096")},
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.db")


@pytest.mark.parametrize(
    "body",
    [
        FULL,
        RunStarted(3, 1, Purpose.CONFIRM, 1, "c"),
        RunEnded(3, 1, Outcome.CRASHED, failure=Failure(FailureKind.NAN, "loss is NaN", 12, "Traceback")),
        RunEnded(3, 2, Outcome.FINISHED, 15.0, 17.5, 600.0, 30_000.0),
        NoteAdded("zażółć 𝛁", 3),
    ],
    ids=lambda b: type(b).__name__,
)
def test_an_entry_is_read_as_it_was_written(journal: Journal, body: Body) -> None:
    journal.append("night", body)
    assert [e.body for e in journal.read()] == [body]


def test_entries_come_in_one_order_and_from_a_cursor(journal: Journal) -> None:
    first, second = journal.append("night", PauseRequested(), Answered(1, True))
    journal.append("other", PauseRequested())
    assert first.seq < second.seq
    assert [e.seq for e in journal.read(first.seq, "night")] == [second.seq]
    assert journal.campaigns() == ["other", "night"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_a_long_journal_is_read_page_by_page_each_entry_once(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr("loop.record.journal.PAGE", 3)
    journal.append("other", PauseRequested())
    written = journal.append("night", *(NoteAdded(f"remark {n}") for n in range(count)))
    assert list(journal.each(0, "night")) == written == journal.read(0, "night")
    assert list(journal.each(3)) == journal.read(3)


def test_entries_are_never_updated_or_deleted(tmp_path: Path, journal: Journal) -> None:
    journal.append("night", PauseRequested())
    with sqlite3.connect(tmp_path / "journal.db") as db:
        for statement in ("UPDATE entry SET kind = 'x'", "DELETE FROM entry"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                db.execute(statement)


def test_what_belongs_together_is_written_together_or_not_at_all(journal: Journal) -> None:
    with pytest.raises(JournalError, match="nothing was recorded"):
        journal.append("night", PauseRequested(), NoteAdded("\ud800 is no character"))
    assert journal.read() == []


def test_only_a_commit_of_another_connection_counts_as_a_change(tmp_path: Path, journal: Journal) -> None:
    other = Journal(tmp_path / "journal.db")
    journal.append("night", PauseRequested())
    assert (journal.changed(), other.changed(), other.changed()) == (False, True, False)


def test_a_writer_killed_in_mid_transaction_locks_nobody_out(tmp_path: Path, journal: Journal) -> None:
    journal.append("night", PauseRequested())
    script = (
        "import os, signal, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA cache_size=0'); db.execute('BEGIN IMMEDIATE')\n"
        "for k in range(3000):\n"
        "    db.execute(\"INSERT INTO entry (campaign, at, kind, data) VALUES ('night', 0, 'PauseRequested', '{}')\")\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "journal.db")], check=False)
    assert len(Journal(tmp_path / "journal.db").read()) == 1


def test_a_writer_waits_as_long_as_its_patience_for_a_reader_that_holds_the_journal(
    tmp_path: Path, journal: Journal
) -> None:
    journal.append("night", PauseRequested())
    reader = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM entry").fetchone()
    with Journal(tmp_path / "journal.db", patience_s=0.0) as hasty, pytest.raises(JournalError, match="locked"):
        hasty.append("night", PauseRequested())
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(
            lambda: Journal(tmp_path / "journal.db", patience_s=60.0).append("night", StopRequested())
        )
        reader.execute("COMMIT")
        assert patient.result()[0].body == StopRequested()
    assert [e.body for e in journal.read()] == [PauseRequested(), StopRequested()]


@pytest.mark.parametrize(
    ("content", "finding"),
    [(b"not a database at all" * 100, "not a database"), (b"SQLite format 3\x00" + b"\xff" * 200, "journal.db")],
)
def test_an_unreadable_journal_is_refused_by_name_and_left_as_it_is(
    tmp_path: Path, content: bytes, finding: str
) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=finding):
        Journal(path)
    assert path.read_bytes() == content


def test_a_journal_of_the_first_version_is_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as db:
        db.executescript(
            "CREATE TABLE entry (seq INTEGER PRIMARY KEY AUTOINCREMENT, campaign TEXT NOT NULL, at REAL NOT NULL, "
            "kind TEXT NOT NULL, data TEXT NOT NULL) STRICT; PRAGMA user_version = 1;"
            "CREATE VIEW campaign AS SELECT campaign AS name, MIN(seq) AS first, MAX(seq) AS last, MIN(at) AS began "
            "FROM entry GROUP BY campaign ORDER BY first DESC;"
            "INSERT INTO entry (campaign, at, kind, data) VALUES ('night', 1790000000.0, 'PauseRequested', '{}');"
        )
    with Journal(path) as journal, Journal(path) as other:
        new = other.append("night", StopRequested())[0]
        assert [(e.body, e.tick) for e in journal.read()] == [(PauseRequested(), 1790000000.0), (new.body, new.tick)]


def test_durations_are_counted_by_a_clock_that_nobody_sets(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.append("night", StateChanged(State.RUNNING))
    monkeypatch.setattr("loop.record.journal.time.time", lambda: 4e9)  # decades later, by the clock on the wall
    journal.append("night", StateChanged(State.RUNNING))
    first, second = journal.read()
    assert second.at == 4e9 and 0 <= second.tick - first.tick < 3600
    assert Ledger("night").feed([first, second]).busy_s == second.tick - first.tick


def test_a_journal_of_a_newer_program_is_refused(tmp_path: Path, journal: Journal) -> None:
    with sqlite3.connect(tmp_path / "journal.db") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="update autoresearch"):
        Journal(tmp_path / "journal.db")


def test_a_state_of_an_older_journal_has_no_cause_and_a_new_one_keeps_its_own(journal: Journal) -> None:
    old = decode("StateChanged", '{"state": "stopped", "message": "stopped after the experiment", "passing": false}')
    assert old == StateChanged(State.STOPPED, "stopped after the experiment", cause=None)
    journal.append("night", StateChanged(State.PAUSED, "any words", cause=Cause.CRASHES))
    ledger = Ledger("night").feed(journal.read())
    assert (ledger.cause, ledger.message) == (Cause.CRASHES, "any words")
    assert ledger.feed([Entry(2, "night", 0.0, old)]).cause is None


@pytest.mark.parametrize("data", ["{", "[]", "{}", '{"experiment": 1, "verdict": "maybe", "reason": "better"}'])
def test_an_entry_that_cannot_be_understood_is_named(tmp_path: Path, journal: Journal, data: str) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as other, other:
        other.execute("INSERT INTO entry (campaign, at, kind, data) VALUES ('night', 0, 'Judged', ?)", (data,))
    with pytest.raises(JournalError, match="entry 1 of the journal cannot be understood"):
        journal.read()
