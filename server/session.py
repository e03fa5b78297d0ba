"""The one mutable state: open documents, the latest Snapshot of every folder, what the client can do, who waits.

Lives on the loop's thread. Opening a folder or a file runs nothing; it is only looked at.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from lsprotocol import types as t
from pygls.lsp.server import LanguageServer

from loop.record.home import find_top
from loop.text.numbers import plain
from server.convert import Encoding, path_of
from server.documents import Document
from server.fitting import Client
from server.reverts import Reverts
from server.snapshot import Snapshot
from server.target import Target
from server.watcher import Watcher
from server.wire import Wire

log = logging.getLogger(__name__)

SHOW_S = 10.0  # a client that does not say whether it showed a document


class Listener(Protocol):
    """Who is told what has moved."""

    def document_moved(self, uri: str) -> None: ...

    def document_closed(self, uri: str) -> None: ...

    def snapshot_moved(self, old: Snapshot, new: Snapshot) -> None: ...

    def folder_left(self, folder: Path) -> None: ...


class Session:
    """One editor's session."""

    def __init__(
        self,
        server: LanguageServer,
        wire: Wire,
        capabilities: t.ClientCapabilities,
        encoding: str,
        listen: Callable[[Session], Listener],
    ) -> None:
        self.server, self.wire = server, wire
        self.client = Client.of(capabilities)
        self.encoding = Encoding(encoding)
        self.documents: dict[str, Document] = {}
        self.snapshots: dict[Path, Snapshot] = {}
        self.views: dict[Path, Path] = {}  # scratch file that we showed → folder of its campaign
        self.tokens: dict[str, Path] = {}  # token of a progress that the client shows → folder of its campaign
        self.reverts: defaultdict[Path, Reverts] = defaultdict(Reverts)
        self.accepting: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)  # held while its base moves
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._listener = listen(self)
        loop = asyncio.get_running_loop()

        def publish(snapshot: Snapshot) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.take, snapshot)

        self.watcher = Watcher(publish)
        self.watcher.start()

    # ---- documents -------------------------------------------------------------------------------------------------

    def opened(self, params: t.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        path = path_of(item.uri)
        if path is not None:
            self.documents[item.uri] = Document(item.uri, path, item.version, item.text)
            self.follow(self.folder_of(path))
            self._moved(item.uri)

    def changed(self, params: t.DidChangeTextDocumentParams) -> None:
        document = self.documents.get(params.text_document.uri)
        if document is None:
            return
        for change in params.content_changes:
            place = getattr(change, "range", None)
            span = place and (place.start.line, place.start.character, place.end.line, place.end.character)
            version = params.text_document.version
            document = document.changed(version, change.text, span, self.encoding.characters)
            self.documents[document.uri] = document
            self._check_waiting()
        self._moved(document.uri)

    def closed(self, params: t.DidCloseTextDocumentParams) -> None:
        if self.documents.pop(params.text_document.uri, None) is not None:
            self._listener.document_closed(params.text_document.uri)

    def _moved(self, uri: str) -> None:
        self._check_waiting()
        self._listener.document_moved(uri)

    # ---- folders ---------------------------------------------------------------------------------------------------

    def follow(self, folder: Path | None) -> None:
        """Look after a campaign's folder from now on."""
        if folder is not None and folder not in self.snapshots:
            self.snapshots[folder] = Snapshot(folder)
            self.watcher.follow(folder)

    def forget(self, folder: Path) -> None:
        """Look after a folder no longer; a document of it that is still open brings it back."""
        if self.snapshots.pop(folder, None) is not None:
            self.reverts[folder].made.clear()
            self.watcher.forget(folder)
            self._listener.folder_left(folder)

    def folder_of(self, path: Path) -> Path | None:
        """Return the folder of the campaign that a file or folder belongs to: the nearest one with a program.md."""
        if path in self.views:
            return self.views[path]
        if path.name == "program.md":
            return path.parent
        top = find_top(path)
        for folder in (path, *path.parents):
            if (folder / "program.md").is_file():
                return folder
            if folder == top:
                break
        return None

    def look(self, uri: object) -> tuple[Document, Snapshot] | None:
        """Return an open document and what is recorded of its campaign."""
        document = self.documents.get(uri) if isinstance(uri, str) else None
        folder = self.folder_of(document.path) if document else None
        if document is None or folder is None:
            return None
        self.follow(folder)
        return document, self.snapshot(folder)

    def snapshot(self, folder: Path) -> Snapshot:
        """Return what is known of a folder; nothing of one that was forgotten meanwhile."""
        return self.snapshots.get(folder) or Snapshot(folder)

    def target(self, folder: Path, uri: object = None) -> Target:
        """Return a folder as it is now, with its canvas where that is open; the one at `uri` where it is open twice."""
        snapshot = self.snapshot(folder)
        path = folder / snapshot.canvas
        shown = [document for document in self.documents.values() if document.path == path]
        return Target(folder, snapshot, max(shown, key=lambda document: document.uri == uri, default=None))

    def take(self, snapshot: Snapshot) -> None:
        """Take in what the watcher found."""
        old = self.snapshots.get(snapshot.folder)
        if old is None:  # forgotten meanwhile
            return
        self.snapshots[snapshot.folder] = snapshot
        self._check_waiting()
        self._listener.snapshot_moved(old, snapshot)

    # ---- waiting ---------------------------------------------------------------------------------------------------

    async def until(self, holds: Callable[[], bool], deadline_s: float) -> bool:
        """Wait until something holds; it is tried again at every change of a document or a snapshot."""
        if holds():
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((holds, future))
        try:
            await asyncio.wait_for(future, deadline_s)
            return True
        except TimeoutError:
            return holds()
        finally:
            self._waiting = [(h, f) for h, f in self._waiting if f is not future]

    def _check_waiting(self) -> None:
        for holds, future in self._waiting:
            if not future.done() and holds():
                future.set_result(None)

    # ---- the human -------------------------------------------------------------------------------------------------

    def say(self, kind: t.MessageType, sentence: str) -> None:
        """Show a message. A model's words may be in it: no control characters, and no link that an editor would run."""
        words = plain(sentence).replace("](", "] (")
        self.server.window_show_message(t.ShowMessageParams(kind, f"AutoResearch: {words}"))

    def log(self, sentence: str) -> None:
        """Write a sentence into the client's log."""
        self.server.window_log_message(t.LogMessageParams(t.MessageType.Info, sentence))

    async def show(self, uri: str, selection: t.Range | None = None) -> bool:
        """Ask the client to show a document; return whether it did."""
        if not self.client.show_document:
            return False
        try:
            params = t.ShowDocumentParams(uri, take_focus=True, selection=selection)
            answer = await asyncio.wait_for(self.server.window_show_document_async(params), SHOW_S)
        except Exception as error:
            log.info("the client did not show %s: %r", uri, error)
            return False
        return bool(answer and answer.success)

    def close(self) -> None:
        self.watcher.stop()
