"""The language server: start, end, and the way from a message to the function that the table names for it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable
from importlib import metadata
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from lsprotocol import types as t
from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter

from server.table import COMMANDS, DOCUMENT, EMPTY, PLAIN, SESSION, load
from server.wire import Wire, claim_stdout, connect, serve

if TYPE_CHECKING:
    from server.session import Session

log = logging.getLogger("autoresearch")

NAME = "autoresearch"
KINDS = ["quickfix", "source.autoresearch"]
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
            self.command(name)(_registered)
        self.feature(t.INITIALIZED)(lambda params: self._begin(params))
        self.feature(t.SHUTDOWN)(lambda params: self._end(params))
        self.wire.handlers.update({method: self._about_document(method, row) for method, row in DOCUMENT.items()})
        self.wire.handlers.update({method: self._about_session(row) for method, row in SESSION.items()})

    def ready(self) -> Session:
        """Return the session, made when it is first needed: its imports are what `initialize` does not wait for."""
        if self.session is None:
            from server.lifecycle import follow
            from server.publish import Publisher
            from server.session import Session

            encoding = self.workspace.position_encoding
            units = str(getattr(encoding, "value", encoding))
            self.session = Session(self, self.wire, self.client_capabilities, units, Publisher)
            follow(self.session, [f.uri for f in self.workspace.folders.values()] or [self.workspace.root_uri or ""])
            gc.collect()
            gc.freeze()
        return self.session

    def _begin(self, params: t.InitializedParams) -> None:
        self.ready()

    def _end(self, params: None) -> None:
        if self.session is not None:
            self.session.close()

    def _about_document(self, method: str, row: str) -> Callable[[Any], Any]:
        def handle(params: Any) -> Any:
            session = self.ready()
            looked = session.look(params.text_document.uri)
            if looked is None:
                return EMPTY.get(method, [])
            document, snapshot = looked
            given = (snapshot, document, session.encoding)
            result = load(row)(*given) if method in PLAIN else load(row)(*given, params)
            return session.client.fitted(method, document, result)

        return handle

    def _about_session(self, row: str) -> Callable[[Any], Any]:
        return lambda params: load(row)(self.ready(), params)

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
