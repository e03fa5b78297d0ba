"""What a journal's file holds, damaged as it may be, entry by entry; and a journal made of entries. The only other SQL.

What can be read is read around damaged pages; an entry that cannot be understood is named by its number.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from loop.record.codec import decode
from loop.record.journal import VERSION, Journal
from loop.record.types import JournalError

WANTED = "seq, campaign, at, kind, data, {}"


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


def read_file(path: Path) -> Found:
    """Return what a file holds that nobody writes to, damaged as it may be. Recovers a transaction that was cut off."""
    if not path.stat().st_size:
        return Found(damage="the file is empty")
    try:
        with closing(connect(path)) as db:
            damage = _check(db)
        with closing(connect(path)) as db:
            db.execute("PRAGMA writable_schema=ON")  # or SQLite would refuse a file that is cut short
            return _examine(db, damage)
    except sqlite3.Error as error:
        return Found(damage=str(error))


def write_journal(path: Path, rows: Mapping[int, Row]) -> None:
    """Make a journal that holds these entries under their own numbers. Raises JournalError."""
    Journal(path).close()
    try:
        with closing(connect(path)) as db:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("BEGIN IMMEDIATE")
            statement = "INSERT INTO entry (seq, campaign, at, kind, data, tick) VALUES (?, ?, ?, ?, ?, ?)"
            db.executemany(statement, [rows[seq] for seq in sorted(rows)])
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise JournalError(f"{path.name}: {error}") from error


def continues(earlier: Mapping[int, Row], later: Mapping[int, Row]) -> bool:
    """Return whether one journal continues from another, as far as both can be read: the last entry of both is one."""
    both = earlier.keys() & later.keys()
    return not both or earlier[max(both)] == later[max(both)]


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


def connect(path: Path) -> sqlite3.Connection:
    """Open a journal that is there, for reading and writing, as it is: nothing of it is migrated."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=10.0, isolation_level=None)


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
        decode(row.kind, row.data)
    except (ValueError, TypeError, AttributeError, JournalError):
        return None
    return row
