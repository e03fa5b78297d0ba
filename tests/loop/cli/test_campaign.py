"""What the verbs that run a campaign take."""

from __future__ import annotations

from pathlib import Path

from loop.record.campaign_facts import StateChanged
from loop.record.home import find_home
from loop.record.intents import NoteAdded
from loop.record.journal import Journal
from loop.record.types import State
from tests.loop.cli.running import run
from tests.stub import entries, make_campaign


def test_a_note_may_be_an_item_of_a_list(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "c")
    with Journal(find_home(folder).journal) as journal:
        journal.append("night", StateChanged(State.STOPPED, ""))
    done = run(folder, "note", "- try -C, a smaller canvas")
    assert done.returncode == 0, done.stderr
    assert [e.body.text for e in entries(folder) if isinstance(e.body, NoteAdded)] == ["- try -C, a smaller canvas"]
