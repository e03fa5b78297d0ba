"""Copies of the journal: made while a daemon lives, checked before they count, few and small; and what a file holds.

A copy is made by SQLite's own backup, so it is of one moment whatever is being written, and stored compressed, whose
checksum finds a byte that changed on the disk. Merging what several copies hold is rebuild.py's.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import sqlite3
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from loop.record.home import Home
from loop.record.journal import VERSION, Journal, decode
from loop.record.types import JournalError

NAME = re.compile(r"journal-(\d{8}T\d{6})-(\d+)\.db\.gz")
NEWEST = 2  # of the copies are kept: one may turn out to be damaged
HOURS, DAYS = 2, 3  # of which the last copy is kept besides
LOOK_S, EVERY_S = 1.0, 20.0  # what a power cut can lose at the most is what EVERY_S recorded
SHARE = 100  # a backup costs a hundredth of the time at the most, however long the journal is
WANTED = "seq, campaign, at, kind, data, {}"

log = logging.getLogger(__name__)


class Row(NamedTuple):
    """One entry as it stands in the file."""

    seq: int
    campaign: str
    at: float
    kind: str
    data: str
    tick: float | None


@dataclass(frozen=True)
class Found:
    """What one file holds: every entry that can be understood, and in words what is wrong with it ("" for nothing)."""

    rows: Mapping[int, Row] = field(default_factory=dict)
    damage: str = ""
    unreadable: tuple[int, ...] = ()  # numbers of entries that are there and cannot be understood


@dataclass(frozen=True)
class Copy:
    """One backup file: when it was made (UTC) and the number of the last entry in it."""

    path: Path
    made: str
    last: int

    @property
    def when(self) -> str:
        """The time as people write it."""
        made = self.made
        return f"{made[:4]}-{made[4:6]}-{made[6:8]} {made[9:11]}:{made[11:13]} UTC"


def copies(home: Home) -> list[Copy]:
    """Return the backups, the one with the most entries first."""
    found = []
    if home.backups.is_dir():
        for path in home.backups.iterdir():
            if name := NAME.fullmatch(path.name):
                found.append(Copy(path, name[1], int(name[2])))
    return sorted(found, key=lambda copy: (copy.last, copy.made), reverse=True)


def back_up(home: Home, source: sqlite3.Connection | None = None) -> Copy | None:
    """Copy the journal as it is now and drop the backups that are no longer needed; None where that would add nothing.

    Raises JournalError, and touches no earlier backup, where the copy is not sound.
    """
    before = copies(home)
    try:
        if source is None:
            with closing(_connect(home.journal)) as own:
                found, content = _copy(own, home.root)
        else:
            found, content = _copy(source, home.root)
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"no backup of the journal: {error}") from error
    if found.damage:
        raise JournalError(f"no backup of the journal, which is damaged: {found.damage}")
    last = max(found.rows, default=0)
    if not last:
        return None
    if before and not continues(read_copy(before[0]).rows, found.rows):
        set_aside(home, [copy.path for copy in before])  # they are of another journal, which this one replaced
    elif before and before[0].last >= last:
        return None
    made = stamp()
    copy = Copy(home.backups / f"journal-{made}-{last:06}.db.gz", made, last)
    _write(copy.path, gzip.compress(content, 6))
    _rotate(copies(home))
    return copy


@contextmanager
def keeping(home: Home, gone: Callable[[], None]) -> Iterator[None]:
    """Back the journal up from a thread while inside, and once more at the end.

    `gone` is called where somebody has deleted or replaced the journal: what was in it until then is backed up first.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_keep, args=(home, ended, gone), name="backup", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _keep(home: Home, ended: threading.Event, gone: Callable[[], None]) -> None:
    """Its connection stays open: it leads to the journal's content also where its name no longer does."""
    place, done, next_at = _place(home.journal), -1, 0.0
    with closing(_connect(home.journal)) as source:
        while True:
            last_time = ended.wait(LOOK_S)
            lost = _place(home.journal) != place
            began = time.monotonic()
            if last_time or lost or began >= next_at:
                try:
                    if done != (now := _last(source)):
                        back_up(home, source)
                        done = now
                except (JournalError, sqlite3.Error, OSError) as error:
                    log.warning("%s", error)
                next_at = time.monotonic() + max(EVERY_S, SHARE * (time.monotonic() - began))
            if lost:
                log.error("%s was deleted or replaced while the campaign ran", home.journal)
                gone()
            if last_time or lost:
                return


def _place(path: Path) -> tuple[int, int] | None:
    """Return which file a name leads to, None for none."""
    with suppress(OSError):
        stat = path.stat()
        return stat.st_dev, stat.st_ino
    return None


def continues(earlier: Mapping[int, Row], later: Mapping[int, Row]) -> bool:
    """Return whether one journal goes on from another, as far as both can be read: the last entry of both is one."""
    both = earlier.keys() & later.keys()
    return not both or earlier[max(both)] == later[max(both)]


def read_copy(copy: Copy) -> Found:
    """Return what a backup holds; one that is not sound holds nothing."""
    try:
        content = gzip.decompress(copy.path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        return Found(damage=str(error))
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=copy.path.parent.parent) as scratch:
        path = Path(scratch) / "copy.db"
        path.write_bytes(content)
        return read_file(path)


def read_live(home: Home) -> Found:
    """Return what the journal holds, of one moment, while others may write to it."""
    try:
        with closing(_connect(home.journal)) as source:
            found, _ = _copy(source, home.root)
            return found
    except (sqlite3.Error, OSError) as error:
        return Found(damage=str(error))


def read_file(path: Path) -> Found:
    """Return what a file holds that nobody writes to, damaged as it may be. Recovers a transaction that was cut off."""
    if not path.stat().st_size:
        return Found(damage="the file is empty")
    try:
        with closing(_connect(path)) as db:
            damage = _check(db)
        with closing(_connect(path)) as db:
            db.execute("PRAGMA writable_schema=ON")  # or SQLite would refuse a file that is cut short
            return _examine(db, damage)
    except sqlite3.Error as error:
        return Found(damage=str(error))


def write_journal(path: Path, rows: Mapping[int, Row]) -> None:
    """Make a journal that holds these entries under their own numbers. Raises JournalError."""
    Journal(path).close()
    try:
        with closing(_connect(path)) as db:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("BEGIN IMMEDIATE")
            statement = "INSERT INTO entry (seq, campaign, at, kind, data, tick) VALUES (?, ?, ?, ?, ?, ?)"
            db.executemany(statement, [rows[seq] for seq in sorted(rows)])
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise JournalError(f"{path.name}: {error}") from error


def set_aside(home: Home, paths: list[Path]) -> Path:
    """Move files into a new folder of their own, where nothing reads them; return it."""
    place = home.root / "set-aside" / stamp()
    number = 1
    while place.exists():
        place = place.with_name(f"{stamp()}-{(number := number + 1)}")
    place.mkdir(parents=True)
    for path in paths:
        path.rename(place / path.name)
    return place


def stamp() -> str:
    """Return the time as it stands in our file names."""
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime())


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=10.0, isolation_level=None)


def _last(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT COALESCE(MAX(seq), 0) FROM entry").fetchone()[0])


def _copy(source: sqlite3.Connection, folder: Path) -> tuple[Found, bytes]:
    """Return what a copy of the journal holds, and the copy's bytes."""
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=folder) as scratch:
        path = Path(scratch) / "copy.db"
        with closing(sqlite3.connect(path)) as target:
            source.backup(target)
        return read_file(path), path.read_bytes()


def _check(db: sqlite3.Connection) -> list[str]:
    """Return what SQLite finds wrong with the structure of a journal, its view included."""
    try:
        db.execute("SELECT name FROM campaign ORDER BY last LIMIT 1").fetchone()
        return [str(line) for (line,) in db.execute("PRAGMA integrity_check(3)") if line != "ok"]
    except sqlite3.Error as error:
        return [str(error)]


def _examine(db: sqlite3.Connection, damage: list[str]) -> Found:
    """Return what can be read, with the damage to the structure and to each entry."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if not 1 <= version <= VERSION:
        damage.append(f"version {version}, this program knows {VERSION}")
    rows, unreadable = {}, []
    db.text_factory = bytes  # a byte that changed may leave no UTF-8
    columns = WANTED.format("tick" if version >= 2 else "NULL")
    for raw in _fetch(db, columns, 1, _bound(db)):
        row = _understood(*raw)
        if row is None:
            unreadable.append(raw[0])
        else:
            rows[row.seq] = row
    if unreadable:
        damage.append(f"{spans(unreadable)} cannot be understood")
    text = "; ".join(" ".join(line.replace("*** in database main ***", "").split()) for line in damage)
    return Found(rows, text if len(text) < 200 else f"{text[:200]}…", tuple(unreadable))


def _bound(db: sqlite3.Connection) -> int:
    """Return a number that no entry is beyond."""
    for query in ("SELECT seq FROM sqlite_sequence WHERE name = 'entry'", "SELECT MAX(seq) FROM entry"):
        with suppress(sqlite3.Error):
            found = db.execute(query).fetchone()
            if found and isinstance(found[0], int):
                return min(found[0], 1 << 24)  # a number that changed on the disk is not looked for for ever
    return 1 << 16


def _fetch(db: sqlite3.Connection, columns: str, first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a range; where a page is damaged, those around it."""
    query = f"SELECT {columns} FROM entry NOT INDEXED WHERE seq BETWEEN ? AND ? ORDER BY seq"
    try:
        yield from db.execute(query, (first, last)).fetchall()
    except sqlite3.Error:
        if first < last:
            middle = (first + last) // 2
            yield from _fetch(db, columns, first, middle)
            yield from _fetch(db, columns, middle + 1, last)


def _understood(seq: int, campaign: Any, at: Any, kind: Any, data: Any, tick: Any) -> Row | None:
    """Return a row as text, None where it is not an entry that this program knows."""
    try:
        row = Row(
            seq, campaign.decode(), float(at), kind.decode(), data.decode(), None if tick is None else float(tick)
        )
        decode(row.kind, json.loads(row.data))
    except (ValueError, TypeError, AttributeError, JournalError):
        return None
    return row


def spans(numbers: list[int] | tuple[int, ...]) -> str:
    """Return `entry 7`, or `entries 7, 9–12`."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    words = ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in parts)
    return f"{'entry' if len(numbers) == 1 else 'entries'} {words}"


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there as a whole or not at all, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.part")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _rotate(all_of_them: list[Copy]) -> None:
    """Keep the newest backups, and the last one of the last hours and days that have any."""
    kept = {copy.path for copy in all_of_them[:NEWEST]}
    for digits, count in ((len("20261124T03"), HOURS), (len("20261124"), DAYS)):
        last_of = {copy.made[:digits]: copy.path for copy in reversed(all_of_them)}
        kept |= {last_of[period] for period in sorted(last_of)[-count:]}
    for copy in all_of_them:
        if copy.path not in kept:
            copy.path.unlink(missing_ok=True)
