"""The journal: append entries, read them in order, notice new ones. The only wire between processes.

Readers open read-write as well: a writer killed inside a transaction leaves a hot journal that only they can roll back.
A rollback journal, not WAL: SQLite before 3.51.3 can corrupt a WAL that several connections share.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Self

from loop.record.codec import decode, encode
from loop.record.entries import Body, Entry
from loop.record.types import JournalError

VERSION = 2
FROM_1 = "ALTER TABLE entry ADD COLUMN tick REAL;\nPRAGMA user_version = 2;"
COLUMNS = "seq, campaign, at, kind, data, COALESCE(tick, at)"  # version 1 had no ticks
PAGE = 1000  # entries
BUSY_S = 10.0  # three writers at once were measured to need less than one second


class Journal:
    """One connection to one journal. Not shared between threads."""

    def __init__(self, path: Path, create: bool = True, patience_s: float = BUSY_S) -> None:
        """Open `path`, creating it where asked; raises JournalError with the sentence to show.

        Waits `patience_s` while another process holds the lock.
        """
        if not create and not path.exists():
            raise JournalError(f"{path.name}: no campaign has been started in this repository")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._name = path.name
            self._db = sqlite3.connect(path, timeout=patience_s, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=DELETE")
            self._db.execute("PRAGMA synchronous=FULL")
            self._migrate()
        except PermissionError as error:
            raise JournalError(f"{path.name}: {error.strerror}; make {path.parent.parent} writable for you") from error
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"{path.name}: {_said(error)}; the file was left as it is") from error
        self._seen = self._data_version()

    def _migrate(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise JournalError(
                f"the journal is of version {version}, this program knows {VERSION}; update autoresearch"
            )
        if version == VERSION:
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            version = self._db.execute("PRAGMA user_version").fetchone()[0]  # another may have been quicker
            if version == 0:
                script = resources.files("loop.record").joinpath("schema.sql").read_text("utf-8")
            else:
                script = FROM_1 if version == 1 else ""
            for statement in _statements(script):
                self._db.execute(statement)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def append(self, campaign: str, *bodies: Body) -> list[Entry]:
        """Append what belongs together as one durable transaction; return the entries with their numbers.

        One commit took 12-16 ms where it was measured, five entries in one as long as one. Raises JournalError.
        """
        at, tick = time.time(), time.monotonic()
        entries: list[Entry] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for body in bodies:
                row = (campaign, at, *encode(body), tick)
                cursor = self._db.execute(
                    "INSERT INTO entry (campaign, at, kind, data, tick) VALUES (?, ?, ?, ?, ?)", row
                )
                entries.append(Entry(cursor.lastrowid or 0, campaign, at, body, tick))
            self._db.execute("COMMIT")
        except (sqlite3.Error, UnicodeEncodeError) as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise JournalError(f"the journal could not be written: {error}; nothing was recorded") from error
        return entries

    def read(self, after: int = 0, campaign: str | None = None) -> list[Entry]:
        """Return every entry with `seq > after`, of one campaign or of all, in order."""
        return list(self._read(after, campaign))

    def each(self, after: int = 0, campaign: str | None = None) -> Iterator[Entry]:
        """Yield the entries of `read` page by page: a long journal is neither in memory at once nor locked for long."""
        while page := list(self._read(after, campaign, PAGE)):
            yield from page
            after = page[-1].seq

    def _read(self, after: int, campaign: str | None, limit: int = -1) -> Iterator[Entry]:
        query = f"SELECT {COLUMNS} FROM entry WHERE seq > ?"
        values: tuple[object, ...] = (after,)
        if campaign is not None:
            query, values = query + " AND campaign = ?", (after, campaign)
        with self._reading():
            for row in self._db.execute(f"{query} ORDER BY seq LIMIT {limit}", values):
                yield _entry(*row)

    def last(self) -> int:
        """Return the number of the last entry, 0 where there is none."""
        with self._reading():
            return int(self._db.execute("SELECT COALESCE(MAX(seq), 0) FROM entry").fetchone()[0])

    def campaigns(self) -> list[str]:
        """Return the names of all campaigns, that of the last entry first."""
        with self._reading():
            return [name for (name,) in self._db.execute("SELECT name FROM campaign ORDER BY last DESC")]

    def first(self, campaign: str, *kinds: type[Body]) -> Entry | None:
        """Return a campaign's first entry of these kinds, None where it has none."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT {COLUMNS} FROM entry WHERE campaign = ? AND kind IN ({marks}) ORDER BY seq LIMIT 1"
        with self._reading():
            row = self._db.execute(query, (campaign, *(kind.__name__ for kind in kinds))).fetchone()
        return row and _entry(*row)

    def changed(self) -> bool:
        """Return whether another connection has committed since the last call; costs a few microseconds."""
        version = self._data_version()
        changed, self._seen = version != self._seen, version
        return changed

    def _data_version(self) -> int:
        with self._reading():
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise a JournalError for whatever SQLite finds wrong: locked for too long, damaged, gone."""
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(f"{self._name}: {_said(error)}; the file was left as it is") from error

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _said(error: sqlite3.Error | OSError) -> str:
    """Return what SQLite or the system said, with the next step for a damaged file."""
    damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return f"{error}; 'autoresearch rebuild' restores what can be" if damaged else str(error)


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one: `executescript` would commit our transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _entry(seq: int, campaign: str, at: float, kind: str, data: str, tick: float) -> Entry:
    try:
        return Entry(seq, campaign, at, decode(kind, data), tick)
    except (ValueError, TypeError, AttributeError) as error:
        raise JournalError(f"entry {seq} of the journal cannot be understood ({error}); update autoresearch") from error
