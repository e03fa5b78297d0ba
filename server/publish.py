"""What is published without being asked: diagnostics, and requests to draw lenses and hints anew.

One refresh of a kind is under way at a time; what comes meanwhile waits for it. Nothing is sent twice unchanged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from lsprotocol import types as t

from server.documents import Role
from server.features import diagnostics
from server.news import News
from server.progress import Reporter
from server.session import Session
from server.snapshot import Snapshot

log = logging.getLogger(__name__)

TYPING_S = 0.1  # diagnostics wait for a pause in typing
TICK_S = 1.0  # between refreshes that only move a percentage
CLIENT_S = 10.0  # a client that does not answer a refresh is asked again


class Publisher:
    """Sends what changed. The session's listener."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._reporter, self._news = Reporter(session), News(session)
        self._sent: dict[str, list[t.Diagnostic]] = {}
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._refreshing: set[str] = set()
        self._again: set[str] = set()
        self._ticked = 0.0

    # ---- diagnostics -----------------------------------------------------------------------------------------------

    def document_moved(self, uri: str) -> None:
        """Publish the diagnostics of a document once its user pauses; the first ones at once."""
        if uri in self._due:
            self._due.pop(uri).cancel()
        if uri not in self._sent:
            self._publish(uri)
        else:
            self._due[uri] = asyncio.get_running_loop().call_later(TYPING_S, self._publish, uri)

    def document_closed(self, uri: str) -> None:
        """Take back the diagnostics of a document that is closed, or belongs to no campaign any more."""
        if uri in self._due:
            self._due.pop(uri).cancel()
        if self._sent.pop(uri, []):
            self._send_diagnostics(t.PublishDiagnosticsParams(uri, []))

    def _publish(self, uri: str) -> None:
        self._due.pop(uri, None)
        looked = self.session.look(uri)
        if looked is None:  # its program.md has gone
            self.document_closed(uri)
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

    # ---- a new snapshot --------------------------------------------------------------------------------------------

    def snapshot_moved(self, old: Snapshot, new: Snapshot) -> None:
        changed = _differ(old, new)
        lost = self._publish_all(new) if changed else False
        now = time.monotonic()
        if changed or now - self._ticked >= TICK_S:
            self._ticked = now
            self._refresh("lens", lost)
            if changed:
                self._refresh("hint", lost)
        self._reporter.snapshot_moved(new)
        self._news.snapshot_moved(old, new)

    def folder_left(self, folder: Path) -> None:
        """Take back what is shown of a folder that has left the window."""
        self._reporter.end(folder, "the folder was closed")
        self._news.forget(folder)

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
            self.session.wire.spawn(self._ask_refresh(kind))

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


def _differ(old: Snapshot, new: Snapshot) -> bool:
    """Return whether more has changed than how far a run is."""
    return (
        _seq(old) != _seq(new)
        or old.review is not new.review
        or old.alive != new.alive
        or old.silent_s != new.silent_s
        or old.trouble != new.trouble
        or old.files != new.files
        or old.campaigns != new.campaigns
    )


def _seq(snapshot: Snapshot) -> tuple[str, int]:
    return (snapshot.ledger.campaign, snapshot.ledger.last_seq) if snapshot.ledger else ("", 0)
