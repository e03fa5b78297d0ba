"""The language server: one table from protocol method to feature. Nothing else registers anything.

Features are named by text and loaded when first needed: `initialize` is answered before any of them is imported.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from lsprotocol import types as t
from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter

from server.wire import Wire, claim_stdout, connect, serve

if TYPE_CHECKING:
    from server.session import Session

log = logging.getLogger("autoresearch")

NAME = "autoresearch"
KINDS = ["quickfix", "source.autoresearch"]
COMMANDS = (
    *("start", "pause", "resume", "stop", "status", "pull", "acceptHunk", "revertHunk", "acceptExperiment"),
    *("revertExperiment", "acceptAll", "undoRevert", "measureEdit", "note", "nextHunk", "previousHunk"),
    *("showExperiment", "showDiff", "showResults", "report", "verify", "commitAccepted"),
)

# About a document: called with (snapshot, document, encoding) and the parameters where the function takes them.
DOCUMENT = {
    t.TEXT_DOCUMENT_CODE_LENS: "lenses.code_lenses",
    t.TEXT_DOCUMENT_INLAY_HINT: "hints.inlay_hints",
    t.TEXT_DOCUMENT_HOVER: "hovers.hover",
    t.TEXT_DOCUMENT_CODE_ACTION: "actions.code_actions",
    t.TEXT_DOCUMENT_COMPLETION: "completion.complete",
    t.TEXT_DOCUMENT_DOCUMENT_SYMBOL: "symbols.symbols",
}
# About the session: called with (session, parameters).
SESSION = {
    t.TEXT_DOCUMENT_DID_OPEN: "lifecycle.opened",
    t.TEXT_DOCUMENT_DID_CHANGE: "lifecycle.changed",
    t.TEXT_DOCUMENT_DID_CLOSE: "lifecycle.closed",
    t.TEXT_DOCUMENT_DID_SAVE: "lifecycle.looked",
    t.WORKSPACE_DID_CHANGE_WATCHED_FILES: "lifecycle.looked",
    t.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: "lifecycle.folders",
    t.WORKSPACE_EXECUTE_COMMAND: "lifecycle.execute",
    t.WINDOW_WORK_DONE_PROGRESS_CANCEL: "lifecycle.cancelled",
    "autoresearch/history": "lifecycle.history",
    "autoresearch/hunks": "lifecycle.hunks",
    "autoresearch/experiment": "lifecycle.experiment",
    "autoresearch/text": "lifecycle.text",
    "autoresearch/plan": "lifecycle.plan",
}
PLAIN = (t.TEXT_DOCUMENT_CODE_LENS, t.TEXT_DOCUMENT_DOCUMENT_SYMBOL)  # functions that need no parameters
EMPTY: dict[str, Any] = {t.TEXT_DOCUMENT_HOVER: None}
OPTIONS: dict[str, Any] = {
    t.TEXT_DOCUMENT_CODE_ACTION: t.CodeActionOptions(code_action_kinds=KINDS),
    t.TEXT_DOCUMENT_COMPLETION: t.CompletionOptions(trigger_characters=[":", " ", "{", ","]),
    t.TEXT_DOCUMENT_DID_SAVE: t.SaveOptions(include_text=False),
}


class Server(LanguageServer):
    """pygls' server with our wire and one session."""

    session: Session | None = None

    def __init__(self) -> None:
        super().__init__(NAME, _version(), protocol_cls=Wire, converter_factory=default_converter)
        self.wire = cast(Wire, self.protocol)
        for method, options in {**dict.fromkeys((*DOCUMENT, *SESSION)), **OPTIONS}.items():
            self.feature(method, options)(_registered)
        for name in COMMANDS:
            self.command(f"{NAME}.{name}")(_registered)
        self.feature(t.INITIALIZED)(lambda params: self._begin(params))
        self.feature(t.SHUTDOWN)(lambda params: self._end(params))
        self.wire.handlers.update({method: self._about_document(method, name) for method, name in DOCUMENT.items()})
        self.wire.handlers.update({method: self._about_session(name) for method, name in SESSION.items()})

    def ready(self) -> Session:
        """Return the session, made when it is first needed: its imports are what `initialize` does not wait for."""
        if self.session is None:
            from server.session import Session

            encoding = self.workspace.position_encoding
            self.session = Session(self, self.client_capabilities, str(getattr(encoding, "value", encoding)))
            folders = [f.uri for f in self.workspace.folders.values()] or [self.workspace.root_uri or ""]
            import_module("server.features.lifecycle").follow(self.session, folders)
            gc.collect()
            gc.freeze()
        return self.session

    def _begin(self, params: t.InitializedParams) -> None:
        self.ready()

    def _end(self, params: None) -> None:
        if self.session is not None:
            self.session.close()

    def _about_document(self, method: str, name: str) -> Callable[[Any], Any]:
        module, _, attribute = name.partition(".")

        def handle(params: Any) -> Any:
            session = self.ready()
            looked = session.look(params.text_document.uri)
            if looked is None:
                return EMPTY.get(method, [])
            act = getattr(import_module(f"server.features.{module}"), attribute)
            document, snapshot = looked
            given = (snapshot, document, session.encoding)
            return session.fitted(method, document, act(*given) if method in PLAIN else act(*given, params))

        return handle

    def _about_session(self, name: str) -> Callable[[Any], Any]:
        module, _, attribute = name.partition(".")
        return lambda params: getattr(import_module(f"server.features.{module}"), attribute)(self.ready(), params)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what pygls would show to the user as `Error in server`."""
        log.warning("%s: %s", getattr(source, "__name__", source), error)


def _registered(*_: Any) -> None:
    """Stand in pygls' registry, which only tells the client what there is; the wire calls the real one."""


def _version() -> str:
    try:
        return metadata.version("autoresearch-lsp")
    except metadata.PackageNotFoundError:
        return "0"


async def run(stdin: BinaryIO, stdout: Any) -> None:
    """Serve one client until it leaves. Everything is sent from the loop's thread."""
    server = Server()
    server.protocol.set_writer(stdout)
    try:
        await serve(server.wire, await connect(stdin))
    finally:
        if server.session is not None:
            server.session.close()


class Output:
    """Standard output as pygls wants it; a client that has gone is no error."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        try:
            self._stream.write(data)
            self._stream.flush()
        except (BrokenPipeError, ValueError):
            log.info("the client is gone")

    def close(self) -> None:
        self._stream.close()


def main() -> int:
    """Serve on standard input and output; return the exit code."""
    logging.basicConfig(stream=sys.stderr, level=os.environ.get("AUTORESEARCH_LOG", "WARNING").upper())
    logging.getLogger("pygls").setLevel(logging.ERROR)  # it logs every body at INFO
    stdout = Output(claim_stdout())
    code = 0
    try:
        asyncio.run(run(sys.stdin.buffer, stdout))
    except (KeyboardInterrupt, SystemExit) as end:
        code = end.code if isinstance(end, SystemExit) and isinstance(end.code, int) else 0
    sys.stderr.flush()
    os._exit(code)  # a worker thread may still wait for a daemon; the editor must not


if __name__ == "__main__":
    sys.exit(main())
