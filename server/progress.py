"""The campaign as work-done progress that the server begins: percent, and everything also in words."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from pathlib import Path

from lsprotocol import types as t

from loop.record.types import State
from server.features.words import best_words
from server.session import Session
from server.snapshot import Snapshot

log = logging.getLogger(__name__)

REPORT_S = 1.0


class Reporter:
    """One progress per folder whose campaign runs. Its cancel button means pause."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._begun: dict[Path, str] = {}
        self._starting: set[Path] = set()
        self._said: dict[Path, tuple[float, str]] = {}
        self._late: dict[Path, asyncio.TimerHandle] = {}

    def snapshot_moved(self, snapshot: Snapshot) -> None:
        """Begin, report or end what the client shows of a folder."""
        if not self.session.client.progress:
            return
        folder, runs = snapshot.folder, snapshot.state in (State.PREPARING, State.RUNNING)
        if runs and folder not in self._begun and folder not in self._starting:
            self._starting.add(folder)
            self.session.wire.spawn(self._begin(folder))
        elif runs and folder in self._begun:
            self._report(folder)
        elif not runs:
            self.end(folder, f"{snapshot.state}, {best_words(snapshot)}")

    def end(self, folder: Path, message: str) -> None:
        """End the progress of a folder, where one is shown."""
        token = self._begun.pop(folder, None)
        if token is not None:
            self.session.tokens.pop(token, None)
            self.session.server.progress(t.ProgressParams(token, t.WorkDoneProgressEnd(message=message)))

    async def _begin(self, folder: Path) -> None:
        token = str(uuid.uuid4())
        try:
            params = t.WorkDoneProgressCreateParams(token)
            await asyncio.wait_for(self.session.server.window_work_done_progress_create_async(params), 10)
        except Exception as error:
            log.info("the client wants no progress: %r", error)
            return  # stays in `_starting`: it is not asked again
        self._starting.discard(folder)
        snapshot = self.session.snapshots.get(folder)
        if snapshot is None or snapshot.state not in (State.PREPARING, State.RUNNING):
            return
        self._begun[folder], self.session.tokens[token] = token, folder
        title = f"AutoResearch {snapshot.ledger.campaign if snapshot.ledger else ''}".strip()
        begin = t.WorkDoneProgressBegin(title, cancellable=True, message=words(snapshot), percentage=percent(snapshot))
        self.session.server.progress(t.ProgressParams(token, begin))
        self._said[folder] = time.monotonic(), words(snapshot)

    def _report(self, folder: Path) -> None:
        """Report at most once a second, and what was held back once that second is over."""
        if folder in self._late:
            return
        at, _ = self._said.get(folder, (0.0, ""))
        wait = at + REPORT_S - time.monotonic()
        if wait > 0:
            self._late[folder] = asyncio.get_running_loop().call_later(wait, self._send, folder)
        else:
            self._send(folder)

    def _send(self, folder: Path) -> None:
        self._late.pop(folder, None)
        snapshot, token = self.session.snapshots.get(folder), self._begun.get(folder)
        if snapshot is None or token is None:
            return
        message = words(snapshot)
        if self._said.get(folder, (0.0, ""))[1] != message:
            self._said[folder] = time.monotonic(), message
            report = t.WorkDoneProgressReport(cancellable=True, message=message, percentage=percent(snapshot))
            self.session.server.progress(t.ProgressParams(token, report))


def percent(snapshot: Snapshot) -> int:
    return round(100 * snapshot.progress.share) if snapshot.progress else 0


def words(snapshot: Snapshot) -> str:
    """Return the status line and what it lacks: the step and the time left."""
    parts = [snapshot.line]
    if snapshot.progress is not None:
        parts.append(f"step {snapshot.progress.step}")
        if snapshot.progress.remaining_s is not None:
            parts.append(f"{snapshot.progress.remaining_s:.0f} s left")
    elif snapshot.ledger is not None and snapshot.state == State.PREPARING:
        parts.append(snapshot.ledger.message)
    return " · ".join(part for part in parts if part)
