"""The rebuilt journal before it is written: the entries of the old one and of its backup, and what was said of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from loop.record import salvage
from loop.record.entries import Body
from loop.record.ledger import Ledger
from loop.record.salvage import Found, Row, spans
from loop.setup.rows import about, feed, in_order, made
from loop.setup.sources import Sources


@dataclass
class Draft:
    """The rebuilt journal before it is written."""

    rows: dict[int, Row]
    said: list[str] = field(default_factory=list)  # of the whole
    campaigns: dict[str, list[str]] = field(default_factory=dict)  # what was restored of each and what is lost
    stale: list[Path] = field(default_factory=list)  # folders of runs without a record: renamed, others would use them
    changed: bool = False

    @property
    def gaps(self) -> list[int]:
        """The numbers below the last entry that no entry has."""
        return sorted(set(range(1, max(self.rows, default=0))) - self.rows.keys())

    def gap_before(self, seq: int) -> int | None:
        """Return the last number before this one that is free."""
        return next((number for number in range(seq - 1, 0, -1) if number not in self.rows), None)

    def of(self, campaign: str) -> list[Row]:
        """Return the entries of a campaign, in order."""
        return [row for row in in_order(self.rows) if row.campaign == campaign]

    def ledger(self, campaign: str) -> Ledger:
        """Return a campaign as its entries here tell it."""
        ledger = Ledger(campaign)
        for row in self.of(campaign):
            feed(ledger, row)
        return ledger

    def append(self, campaign: str, facts: list[tuple[Body, float]]) -> None:
        """Add facts at the end, each with its time."""
        self.changed = True
        seq = max(self.rows, default=0)
        for offset, (body, at) in enumerate(facts, 1):
            self.rows[seq + offset] = made(seq + offset, campaign, at, body, time.monotonic())

    def leave_out(self, row: Row) -> None:
        """Drop an entry about an experiment that nothing knows, and say so."""
        del self.rows[row.seq]
        self.campaigns[row.campaign].append(
            f"entry {row.seq} is about #{about(row)}, of which nothing is left, and was left out"
        )


def merged(sources: Sources) -> Draft:
    """Return the entries of both files: those of the backup, and of the journal those that it lacks."""
    journal, held = sources.journal or Found(), sources.held
    if sources.complete:
        return Draft(dict(journal.rows), list(sources.unsound))
    draft = Draft(dict(held.rows), list(sources.unsound), changed=bool(journal.rows or held.rows or journal.damage))
    if sources.journal is not None:
        how = "older than its backup" if journal.rows else "empty"
        how = f"not as its backup has it: {spans(sources.differ)}" if sources.differ else how
        draft.said.append("the journal was " + (f"damaged ({journal.damage})" if journal.damage else how))
    if sources.copy is not None:
        draft.said.append(f"restored from the backup of {sources.copy.when}: {spans(tuple(held.rows))}")
    own = {seq: row for seq, row in journal.rows.items() if seq not in held.rows}
    if not salvage.continues(held.rows, journal.rows):
        parted = min(sources.differ)
        other = [seq for seq in journal.rows if seq >= parted]
        draft.said.append(f"{spans(other)} of the journal are not those of the backup and were left out")
        own = {seq: row for seq, row in own.items() if seq < parted}
    if own:
        draft.said.append(f"read from the journal itself: {spans(tuple(own))}")
    draft.rows.update(own)
    if gaps := draft.gaps:
        draft.said.append(f"lost, since nothing holds them: {spans(gaps)}")
    draft.said.append(f"lost, if there were any: {_tail(draft)}")
    return draft


def _tail(draft: Draft) -> str:
    if not draft.rows:
        return "all entries; nothing of them could be read, and there is no backup"
    last = draft.rows[max(draft.rows)]
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(last.at))
    return f"entries after number {last.seq} ({when}); of those only what git shows is restored"
