"""The one mutable state: open documents, the latest Snapshot of every folder, what the client can do, who waits.

Lives on the loop's thread. Opening a folder or a file runs nothing; it is only looked at.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as t

from loop.record.home import find_home, find_top
from loop.record.types import Refused
from loop.text.numbers import plain
from server.convert import Encoding, path_of, unmarked
from server.documents import Document
from server.snapshot import Snapshot
from server.watcher import Watcher

if TYPE_CHECKING:
    from server.app import Server
    from server.features.reverting import Reverted
    from server.publish import Publisher

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Client:
    """What the client says it can do, as far as we care."""

    lens_refresh: bool = False
    hint_refresh: bool = False
    progress: bool = False
    show_document: bool = False
    disabled_actions: bool = False
    hierarchical_symbols: bool = False
    markdown_completion: bool = False
    markdown_hover: bool = False
    status: bool = False  # wants `autoresearch/status`

    @classmethod
    def of(cls, capabilities: t.ClientCapabilities) -> Client:
        def told(*path: str) -> Any:
            at: Any = capabilities
            for name in path:
                at = at.get(name) if isinstance(at, dict) else getattr(at, name, None)
            return at or ()

        def has(*path: str) -> bool:
            return bool(told(*path))

        return cls(
            lens_refresh=has("workspace", "code_lens", "refresh_support"),
            hint_refresh=has("workspace", "inlay_hint", "refresh_support"),
            progress=has("window", "work_done_progress"),
            show_document=has("window", "show_document", "support"),
            disabled_actions=has("text_document", "code_action", "disabled_support"),
            hierarchical_symbols=has("text_document", "document_symbol", "hierarchical_document_symbol_support"),
            markdown_completion=t.MarkupKind.Markdown
            in told("text_document", "completion", "completion_item", "documentation_format"),
            markdown_hover=t.MarkupKind.Markdown in told("text_document", "hover", "content_format"),
            status=has("experimental", "autoresearch"),
        )


class Session:
    """One editor's session."""

    def __init__(self, server: Server, capabilities: t.ClientCapabilities, encoding: str) -> None:
        from server.publish import Publisher

        self.server = server
        self.client = Client.of(capabilities)
        self.encoding = Encoding(encoding)
        self.documents: dict[str, Document] = {}
        self.snapshots: dict[Path, Snapshot] = {}
        self.views: dict[Path, Path] = {}  # scratch file that we showed → folder of its campaign
        self.reverted: dict[Path, list[Reverted]] = {}  # folder → the reverts that can be undone, the last one last
        self.reverting: dict[Path, asyncio.Lock] = {}  # folder → held while a hunk is reverted
        self.accepting: dict[Path, asyncio.Lock] = {}  # folder → held while its accepted base moves
        self.publisher: Publisher = Publisher(self)
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
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
            self.publisher.clear(params.text_document.uri)

    def _moved(self, uri: str) -> None:
        self._check_waiting()
        self.publisher.document_moved(uri)

    # ---- folders ---------------------------------------------------------------------------------------------------

    def follow(self, folder: Path | None) -> None:
        """Look after a campaign's folder from now on."""
        if folder is not None and folder not in self.snapshots:
            self.snapshots[folder] = Snapshot(folder)
            self.watcher.follow(folder)

    def forget(self, folder: Path) -> None:
        """Look after a folder no longer; a document of it that is still open brings it back."""
        if self.snapshots.pop(folder, None) is not None:
            self.reverted.pop(folder, None)
            self.watcher.forget(folder)
            self.publisher.forget(folder)

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

    def folder_asked(self, arguments: dict[str, Any]) -> Path:
        """Return the folder that a command is about; raises Refused where that is not clear."""
        for name in ("uri", "folder"):
            given = arguments.get(name)
            if isinstance(given, str) and given:
                path = path_of(given) if "://" in given else Path(given)
                folder = path and (self.folder_of(path) or (path if path.is_dir() else path.parent))
                if folder is None or not folder.is_absolute():
                    raise Refused(f"{given[:200]}: not a file or folder here")
                self.follow(folder)
                return folder
        known = [s.folder for s in self.snapshots.values() if s.ledger is not None] or list(self.snapshots)
        if len(known) != 1:
            raise Refused("which campaign? give {uri: ...} or {folder: ...}" if known else "open a program.md first")
        return known[0]

    def take(self, snapshot: Snapshot) -> None:
        """Take in what the watcher found."""
        old = self.snapshots.get(snapshot.folder)
        if old is None:  # forgotten meanwhile
            return
        self.snapshots[snapshot.folder] = snapshot
        self._check_waiting()
        self.publisher.snapshot_moved(old, snapshot)

    def canvas_uri(self, snapshot: Snapshot) -> str | None:
        """Return the open canvas of a folder."""
        path = snapshot.folder / snapshot.canvas
        return next((d.uri for d in self.documents.values() if d.path == path), None)

    def view_path(self, snapshot: Snapshot, name: str) -> Path:
        """Return where a scratch file of ours may lie, and remember whose it is."""
        campaign = snapshot.ledger.campaign if snapshot.ledger else "none"
        path = find_home(snapshot.folder).root / "views" / campaign / name
        self.views[path] = snapshot.folder
        return path

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

    def fitted(self, method: str, document: Document, result: Any) -> Any:
        """Return a result in the form that this client understands."""
        if method == t.TEXT_DOCUMENT_CODE_ACTION and not self.client.disabled_actions:
            return [action for action in result if action.disabled is None]
        if method == t.TEXT_DOCUMENT_DOCUMENT_SYMBOL and not self.client.hierarchical_symbols:
            from server.features.symbols import flat

            return flat(document, result)
        if method == t.TEXT_DOCUMENT_COMPLETION and not self.client.markdown_completion:
            for item in result:
                item.documentation = unmarked(item.documentation.value)
        if method == t.TEXT_DOCUMENT_HOVER and result is not None and not self.client.markdown_hover:
            result.contents = t.MarkupContent(t.MarkupKind.PlainText, unmarked(result.contents.value))
        return result

    def say(self, kind: t.MessageType, sentence: str) -> None:
        """Show a message. A model's words may be in it: no control characters, and no link that an editor would run."""
        words = plain(sentence).replace("](", "] (")
        self.server.window_show_message(t.ShowMessageParams(kind, f"AutoResearch: {words}"))

    def close(self) -> None:
        self.watcher.stop()
