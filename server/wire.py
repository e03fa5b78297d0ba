"""Frames and messages: what pygls leaves open where a client misbehaves. Knows no feature and no campaign.

Every request gets exactly one answer, also one that does not parse, comes too early or too late, fails or is cancelled.
No exception travels to the client; the log on standard error has it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, BinaryIO, Protocol

from lsprotocol import types as t
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol

log = logging.getLogger(__name__)

LARGEST_FRAME = 64 << 20  # bytes; a canvas is thousands of times smaller
MessageId = int | str
Handler = Callable[[Any], Any]

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
NOT_INITIALIZED, CANCELLED = -32002, -32800


class AsyncReader(Protocol):
    """Where frames come from."""

    def readline(self) -> Awaitable[bytes]: ...

    def readexactly(self, n: int) -> Awaitable[bytes]: ...


class Wire(LanguageServerProtocol):
    """pygls' protocol with our own dispatch. Handlers get the parameters and return, or await, the result."""

    handlers: dict[str, Handler]

    def __init__(self, server: Any, converter: Any) -> None:
        super().__init__(server, converter)
        self.handlers = {}
        self._tasks: dict[MessageId, asyncio.Future[Any]] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._ready = False
        # Documents are kept by the session: pygls' own store splits lines where Python does, and raises for strangers.
        for method in (
            t.TEXT_DOCUMENT_DID_OPEN,
            t.TEXT_DOCUMENT_DID_CHANGE,
            t.TEXT_DOCUMENT_DID_CLOSE,
            t.NOTEBOOK_DOCUMENT_DID_OPEN,
            t.NOTEBOOK_DOCUMENT_DID_CHANGE,
            t.NOTEBOOK_DOCUMENT_DID_CLOSE,
            t.WORKSPACE_EXECUTE_COMMAND,
        ):
            self.fm.builtin_features.pop(method, None)

    def structure_message(self, data: Any) -> Any:
        """Leave JSON as it is: pygls calls this for every nested object, where our arguments may look like messages."""
        return data

    def receive(self, body: bytes) -> None:
        """Take in one frame."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            self._refuse(None, PARSE_ERROR, "not JSON")
            return
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            self._refuse(_id(message), INVALID_REQUEST, "not a JSON-RPC 2.0 message")
            return
        method, number = message.get("method"), _id(message)
        if isinstance(method, str):
            if "id" not in message:
                self._notified(method, message)
            elif number is None:
                self._refuse(None, INVALID_REQUEST, "an id is a number or a text")
            else:
                self._asked(number, method, message)
        elif number is not None and ("result" in message or "error" in message):
            self._answered(number, message)
        else:
            self._refuse(number, INVALID_REQUEST, "neither a request nor an answer")

    def _asked(self, number: MessageId, method: str, message: dict[str, Any]) -> None:
        if self._shutdown:
            self._refuse(number, INVALID_REQUEST, "the server is shutting down")
        elif not self._ready and method != t.INITIALIZE:
            self._refuse(number, NOT_INITIALIZED, "the first request is 'initialize'")
        elif self._ready and method == t.INITIALIZE:
            self._refuse(number, INVALID_REQUEST, "initialized already")
        elif number in self._tasks or number in self._request_futures:
            self._refuse(number, INVALID_REQUEST, "a request with this id is under way")
        elif method not in self.handlers and method not in self.fm.builtin_features:
            self._refuse(number, METHOD_NOT_FOUND, f"no method {method[:100]}")
        else:
            try:
                params = self._params(method, message)
            except Exception as error:
                log.info("the parameters of %s do not fit: %r", method, error)
                self._refuse(number, INVALID_PARAMS, f"the parameters of {method} do not fit")
                return
            if method in self.handlers:
                self._run(number, method, self.handlers[method], params)
            else:
                self._handle_request(number, method, params)
                self._ready = self._ready or method == t.INITIALIZE

    def _params(self, method: str, message: dict[str, Any]) -> Any:
        kind = self.get_message_type(method)
        if kind is None:
            return message.get("params")
        return getattr(self._converter.structure(message, kind), "params", None)

    def _run(self, number: MessageId, method: str, handler: Handler, params: Any) -> None:
        try:
            result = handler(params)
        except Exception:
            log.exception("%s failed", method)
            self._refuse(number, INTERNAL_ERROR, f"{method} failed; the server's log says why")
            return
        if not (asyncio.iscoroutine(result) or asyncio.isfuture(result)):
            self._send_response(number, result)
            return
        task = asyncio.ensure_future(result)
        self._tasks[number] = task
        task.add_done_callback(lambda done: self._finished(number, method, done))

    def _finished(self, number: MessageId, method: str, task: asyncio.Future[Any]) -> None:
        self._tasks.pop(number, None)
        if task.cancelled():
            self._refuse(number, CANCELLED, "cancelled")
        elif (error := task.exception()) is not None:
            log.error("%s failed", method, exc_info=error)
            self._refuse(number, INTERNAL_ERROR, f"{method} failed; the server's log says why")
        else:
            self._send_response(number, task.result())

    def _notified(self, method: str, message: dict[str, Any]) -> None:
        try:
            if method == t.CANCEL_REQUEST:
                task = self._tasks.get(message["params"]["id"])
                if task is not None:
                    task.cancel()
            elif method == t.EXIT or (self._ready and not self._shutdown):
                if method in self.handlers:
                    result = self.handlers[method](self._params(method, message))
                    if asyncio.iscoroutine(result):
                        self.spawn(result)
                elif method in self.fm.builtin_features:
                    self._handle_notification(method, self._params(method, message))
        except Exception:
            log.warning("the notification %s was passed over", method[:100], exc_info=True)

    def _answered(self, number: MessageId, message: dict[str, Any]) -> None:
        """Take in the client's answer to a request of ours."""
        future = self._request_futures.get(number)
        kind = self._result_types.pop(number, None)
        if future is None or kind is None or future.done():
            return
        del self._request_futures[number]
        try:
            if "error" in message:
                error = message["error"] if isinstance(message["error"], dict) else {}
                raise JsonRpcException(str(error.get("message", "refused"))[:500])
            future.set_result(self._converter.structure(message, kind).result)
        except Exception as error:
            future.set_exception(error)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the requests; what it raises is logged."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._spawned)
        return task

    def _spawned(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work failed", exc_info=error)

    def _refuse(self, number: MessageId | None, code: int, sentence: str) -> None:
        self._send_data({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": sentence}})

    def _send_response(self, msg_id: Any, result: Any = None, error: Any = None) -> None:
        """Send an answer. Plain JSON goes out as it is; only what is an lsprotocol object is converted."""
        if error is not None:
            self._send_data({"jsonrpc": "2.0", "id": msg_id, "error": error})
        else:
            self._send_data({"jsonrpc": "2.0", "id": msg_id, "result": result})


def _id(message: object) -> MessageId | None:
    number = message.get("id") if isinstance(message, dict) else None
    return number if isinstance(number, int | str) and not isinstance(number, bool) else None


async def serve(wire: Wire, reader: AsyncReader, stopped: Callable[[], bool] = lambda: False) -> None:
    """Hand frames to the protocol until the client's end is closed. Junk between frames is passed over."""
    while not stopped():
        length = 0
        while line := await _line(reader):
            if not line.strip():
                break
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                length = int(value.strip()[:12])
        if not line:
            return
        if 0 < length <= LARGEST_FRAME:
            try:
                wire.receive(await reader.readexactly(length))
                await asyncio.sleep(0)  # a request begins on the text that it was sent about, not on the next one
            except asyncio.IncompleteReadError:
                return


async def _line(reader: AsyncReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:  # a line longer than the buffer is no header
        return b"\xff\n"


async def connect(stdin: BinaryIO) -> AsyncReader:
    """Return a reader of a pipe, socket or terminal; by thread of what nobody can wait for, as a file or /dev/null."""
    mode = os.fstat(stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stdin.isatty()):
        from pygls.io_ import StdinAsyncReader

        return StdinAsyncReader(stdin)
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdin)
    return reader


def claim_stdout() -> BinaryIO:
    """Return standard output for us alone: whatever else prints there goes to standard error from now on."""
    sys.stdout.flush()
    ours = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return ours
