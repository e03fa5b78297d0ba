"""What the server says without being asked: diagnostics, refresh requests, progress, the status, three messages.

One refresh of a kind is under way at a time; what comes meanwhile waits for it. Nothing is sent twice unchanged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as t

from loop.record.types import Cause, State
from loop.text.numbers import plain
from loop.views.state import message_text
from server.documents import Role
from server.features import diagnostics
from server.features.progress import Reporter
from server.snapshot import Snapshot, best_words

if TYPE_CHECKING:
    from server.session import Session

log = logging.getLogger(__name__)

TYPING_S = 0.1  # diagnostics wait for a pause in typing
TICK_S = 1.0  # between refreshes that only move a percentage
CLIENT_S = 10.0  # a client that does not answer a refresh is asked again


class Publisher:
    """Sends what changed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.reporter = Reporter(session)
        self._sent: dict[str, list[t.Diagnostic]] = {}
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._refreshing: set[str] = set()
        self._again: set[str] = set()
        self._ticked = 0.0
        self._statuses: dict[Path, dict[str, Any]] = {}

    # ---- diagnostics -----------------------------------------------------------------------------------------------

    def document_moved(self, uri: str) -> None:
        """Publish the diagnostics of a document once its user pauses; the first ones at once."""
        if uri in self._due:
            self._due.pop(uri).cancel()
        if uri not in self._sent:
            self._publish(uri)
        else:
            self._due[uri] = asyncio.get_running_loop().call_later(TYPING_S, self._publish, uri)

    def clear(self, uri: str) -> None:
        """Take back the diagnostics of a document that is closed, or belongs to no campaign any more."""
        if uri in self._due:
            self._due.pop(uri).cancel()
        if self._sent.pop(uri, []):
            self._send_diagnostics(t.PublishDiagnosticsParams(uri, []))

    def _publish(self, uri: str) -> None:
        self._due.pop(uri, None)
        looked = self.session.look(uri)
        if looked is None:  # its program.md has gone
            self.clear(uri)
            return
        document, snapshot = looked
        try:
            found = diagnostics.diagnose(snapshot, document, self.session.encoding)
        except Exception:
            log.exception("diagnostics failed")
            return
        if self._sent.get(uri) != found:
            self._sent[uri] = found
            self._send_diagnostics(t.PublishDiagnosticsParams(uri, found, document.version))

    def _send_diagnostics(self, params: t.PublishDiagnosticsParams) -> None:
        self.session.server.text_document_publish_diagnostics(params)

    def forget(self, folder: Path) -> None:
        """Take back what is shown of a folder that has left the window."""
        self.reporter.end(folder, "the folder was closed")
        self._statuses.pop(folder, None)

    # ---- a new snapshot --------------------------------------------------------------------------------------------

    def snapshot_moved(self, old: Snapshot, new: Snapshot) -> None:
        facts = _seq(old) != _seq(new) or old.review is not new.review or old.alive != new.alive
        facts = facts or old.silent_s != new.silent_s or old.trouble != new.trouble
        facts = facts or old.files != new.files or old.campaigns != new.campaigns
        lost = self._publish_all(new) if facts else False
        now = time.monotonic()
        if facts or now - self._ticked >= TICK_S:
            self._ticked = now
            self._refresh("lens", lost)
            if facts:
                self._refresh("hint", lost)
        self.reporter.snapshot_moved(new)
        self._tell_status(new)
        self._tell_events(old, new)

    def _publish_all(self, new: Snapshot) -> bool:
        """Publish for what is, or was, of a folder; return whether a document was lost: its program.md has gone."""
        lost = False
        for uri, document in list(self.session.documents.items()):
            looked = self.session.look(uri)
            was = uri in self._sent and new.folder in document.path.parents
            if was or (looked is not None and looked[1] is new):
                lost = lost or looked is None
                self._publish(uri)
        return lost

    def _refresh(self, kind: str, lost: bool) -> None:
        client = self.session.client
        if not (client.lens_refresh if kind == "lens" else client.hint_refresh):
            return
        roles = (Role.PROGRAM, Role.CANVAS, Role.RESULTS)
        looked = map(self.session.look, list(self.session.documents))
        if not lost and not any(pair and pair[1].role(pair[0]) in roles for pair in looked):
            return
        if kind in self._refreshing:
            self._again.add(kind)
        else:
            self._refreshing.add(kind)
            self.session.server.wire.spawn(self._ask_refresh(kind))

    async def _ask_refresh(self, kind: str) -> None:
        server = self.session.server
        ask = server.workspace_code_lens_refresh_async if kind == "lens" else server.workspace_inlay_hint_refresh_async
        while True:
            self._again.discard(kind)
            try:
                await asyncio.wait_for(ask(None), CLIENT_S)
            except Exception as error:
                log.info("the client did not refresh: %r", error)
            if kind not in self._again:
                break
        self._refreshing.discard(kind)

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
                f"{new.ledger.campaign} was interrupted: its daemon is gone; a start goes on",
            )
        if new.ledger.state is not old.ledger.state:
            if new.ledger.state is State.FINISHED:
                self.session.say(t.MessageType.Info, f"{new.ledger.campaign} has ended: {new.ledger.message}")
            elif new.ledger.state is State.STOPPED and new.ledger.cause is Cause.ERROR:
                self.session.say(t.MessageType.Error, f"{new.ledger.campaign} stopped: {new.ledger.message}")
            elif new.ledger.state is State.PAUSED and new.ledger.cause is Cause.CRASHES:
                self.session.say(t.MessageType.Warning, f"{new.ledger.campaign} waits: {new.ledger.message}")


def _seq(snapshot: Snapshot) -> tuple[str, int]:
    return (snapshot.ledger.campaign, snapshot.ledger.last_seq) if snapshot.ledger else ("", 0)


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
        "message": snapshot.trouble
        or (message_text(snapshot.ledger, snapshot.alive, snapshot.silent_s) if snapshot.ledger else ""),
    }
