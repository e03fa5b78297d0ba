"""Several campaign folders in one repository: each shows its own last campaign, by the engine's own rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.record.home import find_home
from loop.record.intents import NoteAdded
from loop.record.lock import holding
from server.reader import Reader
from server.snapshot import Snapshot
from tests.campaigns import Campaign, git, make_repository


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = make_repository(tmp_path / "mono", b"LR = 1\n")
    for name in "ab":
        (top / name).mkdir()
        (top / name / "program.md").write_text("Lower val_bpb.\n")
        (top / name / "train.py").write_text("LR = 1\n")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "two folders")
    return top


def shown(reader: Reader) -> Snapshot:
    """Return what a folder shows now."""
    snapshot = reader.poll() or reader._snapshot
    assert snapshot is not None and not snapshot.trouble, snapshot
    return snapshot


def test_each_folder_shows_its_own_last_campaign(top: Path) -> None:
    made = {name: Campaign(top, name, name[0]) for name in ("b1", "a1", "b2")}
    a, b = Reader(top / "a"), Reader(top / "b")
    for reader, name in ((a, "a1"), (b, "b2")):
        snapshot = shown(reader)
        assert snapshot.ledger is not None and snapshot.ledger.campaign == name
    assert shown(b).campaigns == ("b2", "b1")
    made["b1"].record(NoteAdded("this one again"))
    assert shown(b).ledger.campaign == "b1" and shown(a).ledger.campaign == "a1"  # type: ignore[union-attr]
    b.pick("b2")
    assert shown(b).ledger.campaign == "b2"  # type: ignore[union-attr]


def test_only_the_folder_whose_campaign_runs_is_alive(top: Path) -> None:
    for name in ("b1", "a1"):
        Campaign(top, name, name[0])
    home = find_home(top)
    with holding(home.lock):
        home.lock.write_text("b1")
        assert [shown(Reader(top / name)).alive for name in "ab"] == [False, True]
