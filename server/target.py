"""What a command, a request or a code action is about, found once: everything that it says is of one moment. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loop.record.ledger import Ledger
from loop.record.types import Refused
from server.documents import Document
from server.reading import Reading, read_canvas
from server.snapshot import Review, Snapshot


@dataclass(frozen=True, eq=False)
class Target:
    """A campaign's folder, what is recorded of it, and its canvas where that is open."""

    folder: Path
    snapshot: Snapshot
    document: Document | None

    @property
    def campaign(self) -> str | None:
        """The campaign that the editor shows of the folder."""
        return self.snapshot.ledger.campaign if self.snapshot.ledger else None

    @property
    def ledger(self) -> Ledger:
        """What is known of the campaign; raises Refused where there is none, or where it cannot be read."""
        if self.snapshot.ledger is None:
            raise self.without_campaign()
        return self.snapshot.ledger

    def without_campaign(self) -> Refused:
        """Return why there is no campaign: what is broken, or that none was started."""
        return Refused(self.snapshot.trouble or f"{self.folder.name}: no campaign has been started here")

    @property
    def review(self) -> Review:
        """What was kept and accepted; raises Refused before there is a baseline."""
        if self.snapshot.review is None:
            raise Refused(self.snapshot.trouble or "the campaign's baseline is not recorded yet; try again in a moment")
        return self.snapshot.review

    @property
    def shown(self) -> Document:
        """The open canvas; raises Refused where it is not open."""
        if self.document is None:
            raise Refused(f"{self.snapshot.canvas}: open it first")
        return self.document


@dataclass(frozen=True, eq=False)
class Canvas(Target):
    """A target whose canvas is open and has been read against what was kept."""

    document: Document
    reading: Reading

    @classmethod
    def of(cls, target: Target) -> Canvas:
        """Return the canvas of a target; raises Refused where it is not open, or there is no baseline."""
        document = target.shown
        return cls(target.folder, target.snapshot, document, read_canvas(target.review, document))
