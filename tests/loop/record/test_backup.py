"""Backups of the journal: whole, sound, few; a damaged journal never replaces a good one."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from loop.record import backup
from loop.record.backup import Copy, Row
from loop.record.campaign_facts import StateChanged
from loop.record.home import Home
from loop.record.intents import NoteAdded, PauseRequested
from loop.record.journal import Journal
from loop.record.types import JournalError, State

PAGE = 4096


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "autoresearch")
    fill(home, 300)
    return home


def fill(home: Home, count: int) -> None:
    with Journal(home.journal) as journal:
        for number in range(count // 10):
            journal.append("night", *(NoteAdded(f"remark {number} {k}") for k in range(10)))


def overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def leaf(path: Path, words: bytes) -> int:
    """Return where the page begins that holds these words."""
    return path.read_bytes().index(words) // PAGE * PAGE


def test_a_backup_holds_every_entry_and_is_smaller(home: Home) -> None:
    copy = backup.back_up(home)
    assert copy is not None and copy.last == 300
    found = backup.read_copy(copy)
    assert found.damage == "" and list(found.rows) == list(range(1, 301))
    assert found.rows == backup.read_live(home).rows
    assert copy.path.stat().st_size < home.journal.stat().st_size / 3


def test_nothing_new_is_no_new_backup(home: Home) -> None:
    assert backup.back_up(home) is not None and backup.back_up(home) is None
    assert len(backup.copies(home)) == 1


def test_a_damaged_journal_is_not_backed_up_and_the_good_backup_stays(home: Home) -> None:
    good = backup.back_up(home)
    fill(home, 10)
    overwrite(home.journal, leaf(home.journal, b"remark 15 5"), b"\xa5" * PAGE)
    with pytest.raises(JournalError, match="no backup of the journal"):
        backup.back_up(home)
    assert backup.copies(home) == [good]


def test_of_many_backups_the_newest_and_the_last_of_some_hours_and_days_are_kept(home: Home) -> None:
    home.backups.mkdir()
    made = [f"202611{day:02}T{hour:02}{minute}00" for day in (1, 2, 3, 4, 5) for hour in (8, 9) for minute in (10, 50)]
    for number, when in enumerate(made):
        (home.backups / f"journal-{when}-{number + 1:06}.db.gz").write_bytes(b"")
    copy = Copy(home.backups / f"journal-20261105T095500-{99:06}.db.gz", "20261105T095500", 99)
    copy.path.write_bytes(b"")
    backup._rotate(backup.copies(home))
    kept = [c.made for c in backup.copies(home)]
    assert kept == [
        *("20261105T095500", "20261105T095000", "20261105T085000"),
        *("20261104T095000", "20261103T095000"),
    ]


def test_a_backup_with_a_changed_byte_holds_nothing(home: Home) -> None:
    copy = backup.back_up(home)
    assert copy is not None
    overwrite(copy.path, copy.path.stat().st_size // 2, b"\x00\x01")
    assert backup.read_copy(copy).damage and not backup.read_copy(copy).rows


def test_another_journal_sets_the_backups_of_the_one_before_aside(home: Home) -> None:
    old = backup.back_up(home)
    assert old is not None
    home.journal.unlink()
    fill(home, 10)
    new = backup.back_up(home)
    assert [c.last for c in backup.copies(home)] == [10] and new is not None
    assert [p.name for p in (home.root / "set-aside").glob("*/*")] == [old.path.name]


@pytest.mark.parametrize("cut", [3, 5, 8])
def test_of_a_journal_cut_short_what_is_left_is_read(home: Home, cut: int) -> None:
    whole = backup.read_file(home.journal).rows
    os.truncate(home.journal, cut * PAGE)
    found = backup.read_file(home.journal)
    assert found.damage
    assert found.rows.items() <= whole.items() and len(found.rows) < 300


def test_of_a_journal_with_a_damaged_page_every_other_entry_is_read(home: Home) -> None:
    whole = backup.read_file(home.journal).rows
    overwrite(home.journal, leaf(home.journal, b"remark 15 5"), b"\xa5" * PAGE)
    found = backup.read_file(home.journal)
    assert found.damage
    assert found.rows.items() < whole.items() and {1, 300} <= found.rows.keys() and 156 not in found.rows
    assert len(found.rows) > 200


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, b"SQLite format 3\x00" + b"\xff" * 9000])
def test_what_is_no_journal_is_damage_and_not_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    found = backup.read_file(path)
    assert found.damage and not found.rows


def test_an_entry_that_is_no_longer_text_is_named_and_left_out(home: Home) -> None:
    at = home.journal.read_bytes().index(b'"remark 7 3"')
    overwrite(home.journal, at, b"\xff\xfe")
    found = backup.read_file(home.journal)
    assert found.damage == "entry 74 cannot be understood" and found.unreadable == (74,)
    assert found.rows.keys() == set(range(1, 301)) - {74}


def test_a_journal_is_written_under_the_same_numbers(tmp_path: Path) -> None:
    rows = {n: Row(n, "night", 1.5, "PauseRequested", "{}", None) for n in (3, 9)}
    backup.write_journal(tmp_path / "journal.db", rows)
    with Journal(tmp_path / "journal.db") as journal:
        assert [(e.seq, e.body) for e in journal.read()] == [(3, PauseRequested()), (9, PauseRequested())]
        assert journal.append("night", StateChanged(State.RUNNING))[0].seq == 10


def test_while_a_daemon_lives_and_when_it_ends_the_journal_is_backed_up(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "LOOK_S", 0.01)
    with backup.keeping(home, lambda: pytest.fail("the journal is still there")):
        wait_for(lambda: [c.last for c in backup.copies(home)] == [300])
        fill(home, 10)
    assert backup.copies(home)[0].last == 310


def test_a_journal_that_is_deleted_under_the_daemon_is_backed_up_first_and_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "LOOK_S", 0.01)
    gone = threading.Event()
    with backup.keeping(home, gone.set):
        wait_for(lambda: bool(backup.copies(home)))
        fill(home, 10)
        home.journal.unlink()
        assert gone.wait(60)
    assert backup.copies(home)[0].last == 310


def test_numbers_are_named_in_spans() -> None:
    assert backup.spans([7]) == "entry 7" and backup.spans([9, 7, 10, 11]) == "entries 7, 9–11"


def test_a_backup_is_an_ordinary_journal_once_unpacked(home: Home, tmp_path: Path) -> None:
    copy = backup.back_up(home)
    assert copy is not None
    (tmp_path / "copy.db").write_bytes(gzip.decompress(copy.path.read_bytes()))
    with Journal(tmp_path / "copy.db") as journal:
        assert len(journal.read()) == 300


def wait_for(done: object) -> None:
    """Poll a condition with a deadline; what is waited for is another thread's file."""
    end = threading.Event()
    for _ in range(6000):
        if done():  # type: ignore[operator]
            return
        end.wait(0.01)
    raise AssertionError("not within a minute")
