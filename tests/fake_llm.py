"""A real local HTTP server that speaks OpenAI's, Anthropic's and Ollama's chat protocols from a script of replies.

It counts what it served, so that a test can compare a recorded cost with the server's own count. No network, no sleep:
a reply that hangs waits for the client to go or the server to close. One buffered write per part, TCP_NODELAY.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One scripted answer. `finish` None with `cut` ends the stream in the middle; `usage` False sends no counts."""

    text: str = ""
    finish: str | None = "stop"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error: str = ""  # message of an answer that is not 200
    code: str = ""
    cut: bool = False  # close the connection in the middle of the stream
    quiet_end: bool = False  # end the stream in good order, but with no finish_reason
    hang: bool = False  # send nothing for as long as the client waits
    hang_after: bool = False  # the same after the first words
    usage: bool = True
    cached: int = 0  # prompt tokens that the provider had cached
    refusal: str = ""


def reply(hypothesis: str, search: str, replace: str, canvas: str = "train.py", expected: str = "-0.001") -> str:
    """Return a good reply with one edit."""
    block = f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE"
    return f"HYPOTHESIS: {hypothesis}\nEXPECTED: {expected}\nCITES: none\n\n{canvas}\n```python\n{block}\n```\n"


def count(text: str) -> int:
    """Return the server's own idea of a token: a word or a mark; any number would do, but it is not litellm's."""
    return len(text) // 4 + 1


class FakeLLM:
    """Use as `with FakeLLM([Answer(...), "text", ...]) as server`; then `server.url` is an OpenAI-compatible address.

    When the script is used up, `fallback` answers from the request's body, or the server says 500.
    """

    def __init__(
        self, script: Sequence[Answer | str] = (), fallback: Callable[[dict[str, Any]], Answer | str] | None = None
    ) -> None:
        self.script, self.fallback = list(script), fallback
        self.requests: list[dict[str, Any]] = []  # bodies
        self.paths: list[str] = []
        self.keys: list[str] = []  # what clients sent as Authorization or x-api-key
        self.tokens_in = self.tokens_out = self.cached = 0
        self.hung_up = threading.Event()  # a client left a stream that was still open
        self.closing = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> FakeLLM:
        server = self

        class Bound(_Handler):
            fake = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    def next(self, path: str, key: str, body: dict[str, Any]) -> Answer:
        with self._lock:
            self.requests.append(body)
            self.paths.append(path)
            self.keys.append(key)
            if self.script:
                answer = self.script.pop(0)
            elif self.fallback is not None:
                answer = self.fallback(body)
            else:
                answer = Answer(status=500, error="the script is used up")
        return Answer(answer) if isinstance(answer, str) else answer

    def counted(self, tokens_in: int, tokens_out: int, cached: int = 0) -> None:
        with self._lock:
            self.tokens_in, self.tokens_out = self.tokens_in + tokens_in, self.tokens_out + tokens_out
            self.cached += cached


def prompt_of(body: dict[str, Any]) -> str:
    """Return all text that a request carried, in order."""
    parts: list[str] = []
    for message in [{"content": body.get("system", "")}, *body.get("messages", [])]:
        content = message.get("content") or ""
        parts += [content] if isinstance(content, str) else [part.get("text", "") for part in content]
    return "\n".join(parts)


class _Handler(BaseHTTPRequestHandler):
    fake: FakeLLM
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            super().handle()

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if not self.path.endswith(("/chat/completions", "/messages", "/api/chat")):
            self._whole(404, {"error": {"message": f"no such path {self.path}"}})
            return
        key = self.headers.get("Authorization") or self.headers.get("x-api-key") or ""
        answer = self.fake.next(self.path, key, body)
        try:
            self._answer(answer, body)
        except (BrokenPipeError, ConnectionResetError):
            self.fake.hung_up.set()
            self.close_connection = True

    def _answer(self, answer: Answer, body: dict[str, Any]) -> None:
        if answer.hang:
            self._wait()
        elif answer.status != 200:
            error = {"message": answer.error or f"status {answer.status}", "type": answer.code, "code": answer.code}
            self._whole(answer.status, {"type": "error", "error": error}, answer.headers)
        else:
            tokens = count(prompt_of(body)), count(answer.text) if answer.text else 0
            self.fake.counted(*tokens, answer.cached)
            kind = self.path.rpartition("/")[2]
            lines = {"completions": _openai, "messages": _anthropic, "chat": _ollama}[kind](answer, body, *tokens)
            self._stream(lines, answer, "application/x-ndjson" if kind == "chat" else "text/event-stream")

    def _whole(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, lines: list[str], answer: Answer, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if answer.hang_after:
            self._chunk("".join(lines[:2]))
            self._wait()
        elif answer.cut:
            self._chunk("".join(lines[: max(2, len(lines) // 2)]))
            self.close_connection = True
        else:
            self._chunk("".join(lines))
            self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _wait(self) -> None:
        """Wait until the client goes away or the server closes."""
        self.connection.settimeout(0.05)
        while not self.fake.closing.is_set():
            try:
                if not self.connection.recv(1):
                    raise BrokenPipeError
            except TimeoutError:
                continue
        self.close_connection = True


def _pieces(text: str) -> list[str]:
    return [text[i : i + 60] for i in range(0, len(text), 60)]


def _openai(answer: Answer, body: dict[str, Any], tokens_in: int, tokens_out: int) -> list[str]:
    def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
        choice = [] if more else [{"index": 0, "delta": delta, "finish_reason": finish}]
        data = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": body["model"], "choices": choice}
        return f"data: {json.dumps({**data, **more})}\n\n"

    lines = [event({"role": "assistant", "content": ""})]
    lines += [event({"content": piece}) for piece in _pieces(answer.text)]
    lines += [event({"refusal": answer.refusal})] if answer.refusal else []
    lines += [] if answer.quiet_end else [event({}, answer.finish)]
    if answer.usage and not answer.quiet_end:
        usage = {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
            "prompt_tokens_details": {"cached_tokens": answer.cached},
        }
        lines.append(event({}, usage=usage))
    return [*lines, "data: [DONE]\n\n"]


def _anthropic(answer: Answer, body: dict[str, Any], tokens_in: int, tokens_out: int) -> list[str]:
    def event(kind: str, **data: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n"

    usage = {"input_tokens": tokens_in - answer.cached, "cache_read_input_tokens": answer.cached}
    usage |= {"cache_creation_input_tokens": 0, "output_tokens": 1}
    message = {"id": "m1", "type": "message", "role": "assistant", "content": [], "model": body["model"]}
    reason = {"stop": "end_turn", "length": "max_tokens"}.get(answer.finish or "", answer.finish)
    return [
        event("message_start", message={**message, "stop_reason": None, "stop_sequence": None, "usage": usage}),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(event("content_block_delta", index=0, delta={"type": "text_delta", "text": p}) for p in _pieces(answer.text)),
        event("content_block_stop", index=0),
        event(
            "message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage={"output_tokens": tokens_out}
        ),
        event("message_stop"),
    ]


def _ollama(answer: Answer, body: dict[str, Any], tokens_in: int, tokens_out: int) -> list[str]:
    def line(text: str, **more: Any) -> str:
        data = {"model": body["model"], "created_at": "2026-01-01T00:00:00Z", "done": False}
        return json.dumps({**data, "message": {"role": "assistant", "content": text}, **more}) + "\n"

    end = {"done": True, "done_reason": answer.finish, "prompt_eval_count": tokens_in, "eval_count": tokens_out}
    return [*(line(piece) for piece in _pieces(answer.text)), line("", **end)]
