"""What a damaged journal still holds, and a journal made of entries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loop.record import salvage
from loop.record.campaign_facts import StateChanged
from loop.record.home import Home
from loop.record.intents import PauseRequested
from loop.record.journal import Journal
from loop.record.salvage import Row
from loop.record.types import State
from tests.loop.record.files import PAGE, leaf, overwrite


@pytest.mark.parametrize("cut", [3, 5, 8])
def test_of_a_journal_cut_short_what_is_left_is_read(home: Home, cut: int) -> None:
    whole = salvage.read_file(home.journal).rows
    os.truncate(home.journal, cut * PAGE)
    found = salvage.read_file(home.journal)
    assert found.damage
    assert found.rows.items() <= whole.items() and len(found.rows) < 300


def test_of_a_journal_with_a_damaged_page_every_other_entry_is_read(home: Home) -> None:
    whole = salvage.read_file(home.journal).rows
    overwrite(home.journal, leaf(home.journal, b"remark 15 5"), b"\xa5" * PAGE)
    found = salvage.read_file(home.journal)
    assert found.damage
    assert found.rows.items() < whole.items() and {1, 300} <= found.rows.keys() and 156 not in found.rows
    assert len(found.rows) > 200


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, b"SQLite format 3\x00" + b"\xff" * 9000])
def test_what_is_no_journal_is_damage_and_not_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    found = salvage.read_file(path)
    assert found.damage and not found.rows


def test_an_entry_that_is_no_longer_text_is_named_and_left_out(home: Home) -> None:
    at = home.journal.read_bytes().index(b'"remark 7 3"')
    overwrite(home.journal, at, b"\xff\xfe")
    found = salvage.read_file(home.journal)
    assert found.damage == "entry 74 cannot be understood" and found.unreadable == (74,)
    assert found.rows.keys() == set(range(1, 301)) - {74}


def test_a_journal_is_written_under_the_same_numbers(tmp_path: Path) -> None:
    rows = {n: Row(n, "night", 1.5, "PauseRequested", "{}", None) for n in (3, 9)}
    salvage.write_journal(tmp_path / "journal.db", rows)
    with Journal(tmp_path / "journal.db") as journal:
        assert [(e.seq, e.body) for e in journal.read()] == [(3, PauseRequested()), (9, PauseRequested())]
        assert journal.append("night", StateChanged(State.RUNNING))[0].seq == 10


def test_numbers_are_named_in_spans() -> None:
    assert salvage.spans([7]) == "entry 7" and salvage.spans([9, 7, 10, 11]) == "entries 7, 9–11"


def test_one_journal_continues_another_where_the_last_entry_of_both_is_one() -> None:
    def rows(*words: str) -> dict[int, Row]:
        return {n: Row(n, "night", 1.5, "NoteAdded", word, None) for n, word in enumerate(words, 1)}

    assert salvage.continues(rows("a", "b"), rows("a", "b", "c"))
    assert salvage.continues(rows("a", "b", "c"), rows("x", "b")), "a byte changed on the disk, the journal is one"
    assert not salvage.continues(rows("a", "b"), rows("a", "x", "y"))
    assert salvage.continues({}, rows("a"))
