"""Backups of the journal: whole, sound, few; a damaged journal never replaces a good one."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path

import pytest

from loop.record import backup
from loop.record.backup import Copy
from loop.record.home import Home
from loop.record.journal import Journal
from loop.record.types import JournalError
from tests.loop.record.files import PAGE, fill, leaf, overwrite


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
