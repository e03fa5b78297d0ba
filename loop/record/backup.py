"""Copies of the journal: made while a daemon lives, checked before they count, few and small.

A copy is made by SQLite's own backup, so it is of one moment whatever is being written, and stored compressed, whose
checksum finds a byte that changed on the disk. Merging what several copies hold is rebuild.py's.
"""

from __future__ import annotations

import gzip
import logging
import os
import re
import sqlite3
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from loop.record.home import Home
from loop.record.salvage import Found, connect, continues, read_file
from loop.record.types import JournalError

NAME = re.compile(r"journal-(\d{8}T\d{6})-(\d+)\.db\.gz")
NEWEST = 2  # of the copies are kept: one may turn out to be damaged
HOURS, DAYS = 2, 3  # of which the last copy is kept besides
LOOK_S, EVERY_S = 1.0, 20.0  # what a power cut can lose at the most is what EVERY_S recorded
SHARE = 100  # a backup costs a hundredth of the time at the most, however long the journal is

log = logging.getLogger(__name__)


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
            with closing(connect(home.journal)) as own:
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
    with closing(connect(home.journal)) as source:
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
        with closing(connect(home.journal)) as source:
            found, _ = _copy(source, home.root)
            return found
    except (sqlite3.Error, OSError) as error:
        return Found(damage=str(error))


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


def _last(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT COALESCE(MAX(seq), 0) FROM entry").fetchone()[0])


def _copy(source: sqlite3.Connection, folder: Path) -> tuple[Found, bytes]:
    """Return what a copy of the journal holds, and the copy's bytes."""
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=folder) as scratch:
        path = Path(scratch) / "copy.db"
        with closing(sqlite3.connect(path)) as target:
            source.backup(target)
        return read_file(path), path.read_bytes()


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
