"""What breaks around a server that continues: the journal, git, the folder, file events. A sentence, no traceback."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from server.commands import showing
from server.reader import Reader
from server.snapshot import Snapshot
from server.watcher import Watcher
from tests.campaigns import Campaign, git
from tests.server.editor import DEADLINE_S, editing
from tests.server.small import FOURTH, opened, told, waiting


def polled(reader: Reader, holds: Callable[[Snapshot], bool]) -> Snapshot:
    """Poll until a snapshot is as wanted."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        snapshot = reader.poll()
        if snapshot is not None and holds(snapshot):
            return snapshot
        time.sleep(0.01)
    raise AssertionError(f"not seen within {DEADLINE_S:g} s")


@pytest.fixture
def reader(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A reader that has seen the campaign and is impatient."""
    monkeypatch.setattr("server.reader.RETRY_S", 0.0)
    monkeypatch.setattr("loop.record.journal.BUSY_S", 0.05)
    reader = Reader(campaign.folder)
    polled(reader, lambda s: s.review is not None)
    return reader


def test_a_locked_journal_is_said_and_what_was_known_stays_shown(
    campaign: Campaign, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(campaign.home.journal, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        seen = polled(reader, lambda s: bool(s.trouble))
        assert seen.trouble == "journal.db: database is locked; the file was left as it is"
        assert seen.ledger is not None and seen.review is not None
        assert reader.poll() is None, "the same trouble is told once"
    assert polled(reader, lambda s: not s.trouble).ledger is not None
    assert [bool(r.exc_info) for r in caplog.records if r.levelno >= logging.WARNING] == [False]


def test_a_journal_damaged_while_it_is_read_is_said_and_read_again_when_it_is_whole(
    campaign: Campaign, reader: Reader
) -> None:
    whole = campaign.home.journal.read_bytes()
    campaign.home.journal.write_bytes(b"this is no database" * 1000)
    assert "file is not a database" in polled(reader, lambda s: bool(s.trouble)).trouble
    campaign.home.journal.write_bytes(whole)
    assert polled(reader, lambda s: not s.trouble).status["keeps"] == 2


def test_a_journal_that_was_deleted_is_gone_and_a_new_one_is_noticed(campaign: Campaign, reader: Reader) -> None:
    shutil.rmtree(campaign.home.root)
    gone = polled(reader, lambda s: s.ledger is None)
    assert not gone.trouble and gone.campaigns == () and gone.review is None
    Campaign(campaign.top, name="fresh")
    fresh = polled(reader, lambda s: s.review is not None)
    assert fresh.campaigns == ("fresh",) and fresh.status["keeps"] == 0


def test_a_bug_is_logged_once_with_its_traceback_and_reading_goes_on(
    campaign: Campaign, reader: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("server.reader.status_line", lambda *_: 1 // 0)
        campaign.keep(FOURTH.replace("0.2", "0.4"), "decay", 0.9)
        seen = polled(reader, lambda s: bool(s.trouble))
        assert seen.trouble == "ZeroDivisionError while reading the campaign; see the log"
        assert reader.poll() is None
    assert polled(reader, lambda s: not s.trouble).status["keeps"] == 3
    assert [bool(r.exc_info) for r in caplog.records if r.levelno >= logging.WARNING] == [True]


async def test_a_reset_and_packed_refs_under_an_open_buffer_lose_nothing(campaign: Campaign) -> None:
    (campaign.top / "train.py").write_text(FOURTH)
    git(campaign.top, "commit", "-qam", "mine")
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        git(campaign.top, "reset", "-q", "--hard", "HEAD~1")
        git(campaign.top, "pack-refs", "--all")
        assert (await editor.run("acceptHunk", uri=uri, line=1))["ok"]
        git(campaign.top, "pack-refs", "--all")
        assert (await editor.run("acceptAll", uri=uri))["accepted"] == 1
        assert editor.buffers[uri].text == FOURTH
        refused = await editor.run("commitAccepted", uri=uri, quiet=True)
        assert "has unsaved changes; save it first" in refused["message"]


async def test_a_folder_that_was_deleted_refuses_in_sentences(campaign: Campaign) -> None:
    async with editing("neovim", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        shutil.rmtree(campaign.top.rename(campaign.top.with_name("bin")))  # gone in one step, as to a bin

        async def gone() -> bool:
            return bool((await editor.run("status", uri=uri, quiet=True))["message"] == "no campaign yet")

        await editor.until(gone)
        for name in ("start", "pull", "note", "commitAccepted", "undoRevert"):
            result = await editor.run(name, uri=uri, text="x", quiet=True)
            assert not result["ok"] and "log" not in result["message"], result
        assert editor.client.messages == []


async def test_what_is_shown_of_a_canvas_goes_with_its_program_md(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        asked = editor.refreshed["lens"]
        program = (campaign.folder / "program.md").rename(campaign.folder / "strategy.md")
        await editor.until(lambda: waiting(editor, uri, 0))
        assert await editor.lenses(uri) == []

        async def again() -> bool:
            return editor.refreshed["lens"] > asked

        await editor.until(again)
        for name in ("acceptAll", "pull", "revertExperiment", "measureEdit"):
            result = await editor.run(name, uri=uri, experiment=1, quiet=True)
            assert not result["ok"] and "there is no program.md any more" in result["message"]
        program.rename(campaign.folder / "program.md")
        await editor.until(lambda: waiting(editor, uri, 2))


async def test_half_a_character_is_not_measured_and_its_line_is_named(campaign: Campaign) -> None:
    async with editing("neovim", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        editor.type(uri, FOURTH + "S = '\ud83d'\n")
        refused = await editor.run("measureEdit", uri=uri, quiet=True)
        assert refused["message"] == "train.py, line 12: half a character, which no file can hold; retype it"


async def test_an_unreadable_journal_is_one_message_and_a_live_server(campaign: Campaign) -> None:
    campaign.home.journal.write_bytes(b"this is no database" * 100)
    async with editing("vscode", campaign.folder) as editor:
        uri = editor.open(campaign.folder / "train.py")
        await editor.until(lambda: told(editor, "journal.db"))
        assert await editor.hints(uri) == {}
        assert not (await editor.run("acceptAll", uri=uri, quiet=True))["ok"]
        assert len([m for m in editor.client.messages if "journal.db" in m.message]) == 1


async def test_without_git_the_journal_is_still_shown(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(campaign.folder))
    monkeypatch.setenv("GIT_PYTHON_GIT_EXECUTABLE", "")
    async with editing("vscode", campaign.folder) as editor:
        editor.open(campaign.folder / "program.md")
        await editor.until(lambda: told(editor, "git was not found"))
        assert (await editor.run("status", quiet=True))["health"] == "error"


async def test_where_the_system_gives_no_file_events_polling_does(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine has 128 inotify instances by default, and editors use them up."""

    def refuse(self: Watcher) -> None:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr(Watcher, "_observe", refuse)
    seen: list[int] = []
    loop, found = asyncio.get_running_loop(), asyncio.Event()

    def publish(snapshot: object) -> None:
        ledger = getattr(snapshot, "ledger", None)
        seen.append(ledger.keeps if ledger else -1)
        loop.call_soon_threadsafe(found.set)

    watcher = Watcher(publish)  # type: ignore[arg-type]
    watcher.follow(campaign.folder)
    watcher.start()
    campaign.keep(FOURTH.replace("0.2", "0.4"), "decay", 0.9)
    while 3 not in seen:
        found.clear()
        await asyncio.wait_for(found.wait(), DEADLINE_S)
    watcher.stop()


def test_a_text_that_is_shown_in_many_windows_at_once_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "views" / "1.diff"
    with ThreadPoolExecutor(8) as windows:
        for written in [windows.submit(showing.write, path, f"{k % 10}" * 10_000) for k in range(400)]:
            assert written.result() is None
    assert len(set(path.read_text(encoding="utf-8"))) == 1 and path.stat().st_mode & 0o777 == 0o444
    assert list(path.parent.iterdir()) == [path], "nothing half written is left"
