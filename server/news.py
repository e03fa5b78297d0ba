"""What is told of a campaign: its status, whenever it moves, and a message for three things only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lsprotocol import types as t

from loop.record.types import Cause, State
from loop.text.numbers import plain
from loop.views.state import message_text
from server.features.words import best_words, status_rows
from server.session import Session
from server.snapshot import Snapshot


class News:
    """Tells what is new of every folder, and nothing twice."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._statuses: dict[Path, dict[str, Any]] = {}

    def snapshot_moved(self, old: Snapshot, new: Snapshot) -> None:
        self._tell_status(new)
        self._tell_events(old, new)

    def forget(self, folder: Path) -> None:
        """Tell the status of a folder anew when it comes back."""
        self._statuses.pop(folder, None)

    def _tell_status(self, new: Snapshot) -> None:
        status = describe(new)
        if self.session.client.status and self._statuses.get(new.folder) != status:
            self._statuses[new.folder] = status
            self.session.server.protocol.notify("autoresearch/status", status)

    def _tell_events(self, old: Snapshot, new: Snapshot) -> None:
        """Interrupt the human for three things only, and only where they happen while we look."""
        if new.trouble and new.trouble != old.trouble:
            self.session.say(t.MessageType.Error, f"{new.trouble}")
        if old.ledger is None or new.ledger is None or old.ledger.campaign != new.ledger.campaign:
            return
        if new.best is not None and old.best is not None and new.best.number != old.best.number:
            self.session.say(t.MessageType.Info, f"new {best_words(new)}: {plain(new.best.hypothesis, 120)}")
        if old.alive and not new.alive and new.ledger.state not in (State.STOPPED, State.FINISHED):
            self.session.say(
                t.MessageType.Error,
                f"{new.ledger.campaign} was interrupted: its daemon has ended; 'start' resumes it",
            )
        if new.ledger.state is not old.ledger.state:
            if new.ledger.state is State.FINISHED:
                self.session.say(t.MessageType.Info, f"{new.ledger.campaign} has ended: {new.ledger.message}")
            elif new.ledger.state is State.STOPPED and new.ledger.cause is Cause.ERROR:
                self.session.say(t.MessageType.Error, f"{new.ledger.campaign} stopped: {new.ledger.message}")
            elif new.ledger.state is State.PAUSED and new.ledger.cause is Cause.CRASHES:
                self.session.say(t.MessageType.Warning, f"{new.ledger.campaign} waits: {new.ledger.message}")


def describe(snapshot: Snapshot) -> dict[str, Any]:
    """Return the body of `autoresearch/status`."""
    health = "error" if snapshot.trouble else "ok"
    return {
        **snapshot.status,
        "folder": str(snapshot.folder),
        "health": health,
        "quiescent": snapshot.state not in (State.PREPARING, State.RUNNING),
        "state": str(snapshot.state) or "none",
        "campaigns": list(snapshot.campaigns),
        "text": snapshot.line,
        "rows": status_rows(snapshot),
        "message": snapshot.trouble
        or (message_text(snapshot.ledger, snapshot.alive, snapshot.silent_s) if snapshot.ledger else ""),
    }
