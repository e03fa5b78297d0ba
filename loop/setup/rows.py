"""Entries as they stand in a journal's file → the ledgers of their campaigns. Pure.

A file that lost some may hold entries about an experiment that no other entry names: a ledger cannot take those in.
"""

from __future__ import annotations

from collections.abc import Mapping

from loop.record.codec import decode, encode
from loop.record.entries import Body, Entry
from loop.record.experiment_facts import Judged, RunFact, TextFact
from loop.record.ledger import Ledger
from loop.record.salvage import Row


def ledgers(rows: Mapping[int, Row]) -> dict[str, Ledger]:
    """Return every campaign of these entries; one that is about an unknown experiment is passed over."""
    result: dict[str, Ledger] = {}
    for row in in_order(rows):
        feed(result.setdefault(row.campaign, Ledger(row.campaign)), row)
    return result


def in_order(rows: Mapping[int, Row]) -> list[Row]:
    """Return the rows by their numbers."""
    return sorted(rows.values())


def feed(ledger: Ledger, row: Row) -> bool:
    """Take in an entry; False for one about an experiment that the ledger does not know."""
    body = decode(row.kind, row.data)
    if isinstance(body, TextFact | RunFact | Judged) and body.experiment not in ledger.experiments:
        return False
    ledger.feed([Entry(row.seq, row.campaign, row.at, body, row.at if row.tick is None else row.tick)])
    return True


def about(row: Row) -> int:
    """Return the experiment of an entry that a ledger could not take in."""
    body = decode(row.kind, row.data)
    assert isinstance(body, TextFact | RunFact | Judged), "others are taken in as they are"
    return body.experiment


def made(seq: int, campaign: str, at: float, body: Body, tick: float | None) -> Row:
    """Return the row of an entry."""
    return Row(seq, campaign, at, *encode(body), tick)


def named(numbers: list[int]) -> str:
    """Return these experiments as they are named in a sentence, the first eight of many."""
    return ", ".join(f"#{n}" for n in numbers[:8]) + (" …" if len(numbers) > 8 else "")
