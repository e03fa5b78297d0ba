"""A fake editor on the far side of the pipe: buffers, the answers of real clients, and waiting with deadlines."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest_lsp
from lsprotocol import types as t
from lsprotocol.converters import get_converter
from pytest_lsp import ClientServerConfig, LanguageClient

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = Path(__file__).parent / "clients"
SERVER = [sys.executable, "-P", "-m", "server.app"]
DEADLINE_S = 120.0

T = TypeVar("T")

# What each client draws, from the table in docs/protocol.md; what it does not draw must not be needed.
DRAWS = {
    "vscode": (True, True),
    "neovim": (True, True),
    "helix": (False, True),
    "zed": (True, True),
    "eglot": (False, True),
}


def capabilities(client: str) -> t.ClientCapabilities:
    """Return what a client declares: our recordings, and pytest-lsp's of VS Code."""
    if client == "vscode":
        return pytest_lsp.client_capabilities("visual-studio-code")
    name = {"neovim": "neovim_0.12.4", "helix": "helix_25.07.1", "zed": "zed", "eglot": "emacs_30.1"}[client]
    data = json.loads((CLIENTS / f"{name}.json").read_text())
    return get_converter().structure(data["capabilities"], t.ClientCapabilities)


def units(text: str, encoding: str) -> int:
    """Return the length of a text as the client counts; written apart from the server's own arithmetic."""
    return {"utf-8": len(text.encode()), "utf-16": len(text.encode("utf-16-le")) // 2, "utf-32": len(text)}[encoding]


def offset(text: str, place: t.Position, encoding: str) -> int:
    """Return the index in the text of a position that must exist in it."""
    at, line = 0, 0
    while line < place.line:
        end = text.index("\n", at)
        at, line = end + 1, line + 1
    used = 0
    while used < place.character:
        used += units(text[at], encoding)
        at += 1
    assert used == place.character, "a position inside a character"
    return at


def edited(text: str, edits: list[t.TextEdit], encoding: str) -> str:
    """Apply edits that all refer to the same text."""
    spans = [(offset(text, e.range.start, encoding), offset(text, e.range.end, encoding), e.new_text) for e in edits]
    for start, end, new in sorted(spans, reverse=True):
        assert start <= end
        text = text[:start] + new + text[end:]
    return text


@dataclass
class Buffer:
    """One open file as the human sees it."""

    uri: str
    version: int
    text: str


class Editor:
    """Drives the real server as one client would."""

    def __init__(self, client: LanguageClient, name: str, folder: Path) -> None:
        self.client, self.name, self.folder = client, name, folder
        self.draws_lenses, self.draws_hints = DRAWS[name]
        self.buffers: dict[str, Buffer] = {}
        self.skip_edits = False  # Neovim's answer to a stale edit: applied, and nothing happened
        self.refreshed = {"lens": 0, "hint": 0}
        self.encoding = "utf-16"

    # ---- what the server asks of us ----

    def apply_edit(self, params: t.ApplyWorkspaceEditParams) -> t.ApplyWorkspaceEditResult:
        if self.skip_edits:
            return t.ApplyWorkspaceEditResult(applied=True)
        for change in params.edit.document_changes or []:
            assert isinstance(change, t.TextDocumentEdit)
            buffer = self.buffers.get(change.text_document.uri)
            if buffer is None or change.text_document.version != buffer.version:
                return t.ApplyWorkspaceEditResult(applied=False, failure_reason="stale")
            self.type(buffer.uri, edited(buffer.text, list(change.edits), self.encoding))  # type: ignore[arg-type]
        return t.ApplyWorkspaceEditResult(applied=True)

    def show_document(self, params: t.ShowDocumentParams) -> t.ShowDocumentResult:
        path = Path(params.uri.removeprefix("file://").replace("%20", " ").replace("%C3%BC", "ü"))
        if params.uri not in self.buffers and path.exists():
            self.open(path)
        return t.ShowDocumentResult(success=True)

    # ---- what the human does ----

    def open(self, path: Path, text: str | None = None) -> str:
        shown = path.read_bytes().decode() if text is None else text
        buffer = self.buffers[path.as_uri()] = Buffer(path.as_uri(), 1, shown)
        item = t.TextDocumentItem(buffer.uri, "python", 1, buffer.text)
        self.client.text_document_did_open(t.DidOpenTextDocumentParams(item))
        return buffer.uri

    def type(self, uri: str, text: str) -> None:
        buffer = self.buffers[uri]
        buffer.version, buffer.text = buffer.version + 1, text
        whole = t.TextDocumentContentChangeWholeDocument(text)
        document = t.VersionedTextDocumentIdentifier(uri=uri, version=buffer.version)
        self.client.text_document_did_change(t.DidChangeTextDocumentParams(document, [whole]))

    async def run(self, name: str, **arguments: Any) -> Any:
        """Run a command; return its result as a plain dict."""
        params = t.ExecuteCommandParams(f"autoresearch.{name}", [arguments])
        return _plain(await asyncio.wait_for(self.client.workspace_execute_command_async(params), DEADLINE_S))

    async def press(self, command: t.Command) -> Any:
        """Run what a lens or an action carries."""
        params = t.ExecuteCommandParams(command.command, [_plain(a) for a in command.arguments or []])
        return _plain(await asyncio.wait_for(self.client.workspace_execute_command_async(params), DEADLINE_S))

    # ---- what the human sees ----

    async def lenses(self, uri: str) -> list[t.CodeLens]:
        return list(await self.client.text_document_code_lens_async(t.CodeLensParams(_id(uri))) or [])

    async def hints(self, uri: str) -> dict[int, str]:
        place = t.Range(t.Position(0, 0), t.Position(10_000, 0))
        found = await self.client.text_document_inlay_hint_async(t.InlayHintParams(_id(uri), place)) or []
        return {hint.position.line: str(hint.label) for hint in found}

    async def hover(self, uri: str, line: int, character: int = 0) -> str:
        params = t.HoverParams(_id(uri), t.Position(line, character))
        found = await self.client.text_document_hover_async(params)
        return found.contents.value if found and isinstance(found.contents, t.MarkupContent) else ""

    async def actions(self, uri: str, line: int = 0, last: int | None = None) -> list[t.CodeAction]:
        place = t.Range(t.Position(line, 0), t.Position(line if last is None else last, 0))
        params = t.CodeActionParams(_id(uri), place, t.CodeActionContext([]))
        found = await self.client.text_document_code_action_async(params) or []
        return [_action(action) for action in found]

    async def button(self, uri: str, words: str, line: int | None = None) -> t.Command | None:
        """Return what this client offers under these words: a lens where it draws them, else a code action."""
        if self.draws_lenses:
            for lens in await self.lenses(uri):
                if lens.command and words in lens.command.title and line in (None, lens.range.start.line):
                    return lens.command
            return None
        last = None if line is not None else 10_000
        for action in await self.actions(uri, line or 0, last):
            if words in action.title and action.command is not None and action.disabled is None:
                return action.command
        return None

    def diagnostics(self, uri: str) -> list[t.Diagnostic]:
        return list(self.client.diagnostics.get(uri, []))

    def progress(self) -> list[Any]:
        return [value for values in self.client.progress_reports.values() for value in values]

    async def until(self, look: Callable[[], Awaitable[T | None]], deadline_s: float = DEADLINE_S) -> T:
        """Look again and again until there is something; fails at the deadline with what the server last said."""
        end = asyncio.get_running_loop().time() + deadline_s
        while True:
            found = await look()
            if found:
                return found
            said = [m.message for m in [*self.client.log_messages, *self.client.messages]][-5:]
            assert asyncio.get_running_loop().time() < end, f"not seen within {deadline_s:g} s; last messages: {said}"
            await asyncio.sleep(0.05)


def _id(uri: str) -> t.TextDocumentIdentifier:
    return t.TextDocumentIdentifier(uri)


def _action(found: t.Command | t.CodeAction) -> t.CodeAction:
    """Return an action as it was sent: lsprotocol's client side takes one that has a command for a bare command."""
    if isinstance(found, t.CodeAction):
        return found
    inner = ast.literal_eval(found.command)
    command = t.Command(inner["title"], inner["command"], arguments=inner["arguments"])
    return t.CodeAction(found.title, command=command)


def _plain(value: Any) -> Any:
    """Return pygls' named tuples as plain JSON."""
    if hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@asynccontextmanager
async def editing(name: str, folder: Path, other: t.ClientCapabilities | None = None) -> AsyncIterator[Editor]:
    """Start a server for one client and leave it in order; whatever it prints to standard output would break it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    config = ClientServerConfig(server_command=SERVER, server_env=environment)
    client = await config.start()
    assert isinstance(client, LanguageClient)
    editor = Editor(client, name, folder)

    @client.feature(t.WORKSPACE_APPLY_EDIT)
    def _(params: t.ApplyWorkspaceEditParams) -> t.ApplyWorkspaceEditResult:
        return editor.apply_edit(params)

    @client.feature(t.WORKSPACE_CODE_LENS_REFRESH)
    def _(params: None) -> None:
        editor.refreshed["lens"] += 1

    @client.feature(t.WORKSPACE_INLAY_HINT_REFRESH)
    def _(params: None) -> None:
        editor.refreshed["hint"] += 1

    client.protocol.fm.features.pop(t.WINDOW_SHOW_DOCUMENT)

    @client.feature(t.WINDOW_SHOW_DOCUMENT)
    def _(params: t.ShowDocumentParams) -> t.ShowDocumentResult:
        return editor.show_document(params)

    params = t.InitializeParams(capabilities=other or capabilities(name), root_uri=folder.as_uri())
    params.workspace_folders = [t.WorkspaceFolder(folder.as_uri(), folder.name)]
    answer = await client.initialize_session(params)
    editor.encoding = str(
        getattr(answer.capabilities.position_encoding, "value", answer.capabilities.position_encoding)
    )
    try:
        yield editor
    finally:
        await asyncio.wait_for(client.shutdown_session(), DEADLINE_S)
        await client.stop()
    assert client.error is None, client.error
