"""What a command is about, as one value: what it has, and the refusal that names what it lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loop.record.types import Refused
from server.documents import Document
from server.snapshot import Snapshot
from server.target import Canvas, Target
from tests.campaigns import Campaign
from tests.server.small import FOURTH, seen

EMPTY = Snapshot(Path("/night"))


def canvas(snapshot: Snapshot) -> Document:
    path = snapshot.folder / snapshot.canvas
    return Document(path.as_uri(), path, 1, FOURTH)


@pytest.mark.parametrize("lacks", ["ledger", "review", "shown"])
def test_what_a_target_lacks_is_refused_with_its_name(lacks: str) -> None:
    refusals = {
        "ledger": "night: no campaign has been started here",
        "review": "the campaign's baseline is not recorded yet; try again in a moment",
        "shown": "train.py: open it first",
    }
    with pytest.raises(Refused) as refusal:
        getattr(Target(EMPTY.folder, EMPTY, None), lacks)
    assert str(refusal.value) == refusals[lacks]


@pytest.mark.parametrize("lacks", ["ledger", "review"])
def test_where_reading_failed_the_refusal_says_why(lacks: str) -> None:
    broken = replace(EMPTY, trouble="journal.db: file is not a database")
    with pytest.raises(Refused, match="file is not a database"):
        getattr(Target(broken.folder, broken, None), lacks)


def test_a_canvas_is_a_target_that_has_been_read(campaign: Campaign) -> None:
    snapshot = seen(campaign.folder)
    target = Target(snapshot.folder, snapshot, canvas(snapshot))
    read = Canvas.of(target)
    assert (read.folder, read.campaign, read.document) == (target.folder, campaign.name, target.document)
    assert [pending.experiments for pending in read.reading.pending] == [(1,), (2,)]
    with pytest.raises(Refused, match="open it first"):
        Canvas.of(replace(target, document=None))
