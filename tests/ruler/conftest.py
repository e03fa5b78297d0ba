"""The ruler under test, a small corpus, a cache of its own, and a server on the loopback that misbehaves on demand."""

import json
import random
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import prepare  # noqa: E402

WORDS = ["the", "a naïve", "model", "reads", "every row", "once, then", "predicts", "what follows", "12", "345", "():"]
WORDS += ["é", "漢字", "🙂", "return", "x = y", "\n"]


def prose(seed: int, characters: int) -> str:
    """Return text that is the same for a seed and has characters of one to four bytes."""
    dice = random.Random(seed)
    text = ""
    while len(text) < characters:
        text += " ".join(dice.choices(WORDS, k=200))
    return text[:characters]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder of sixty small texts."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.txt").write_text(prose(number, 2500), encoding="utf-8")
    return folder


@pytest.fixture
def tiny(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[prepare.Profile]:
    """A profile of small rows over the small corpus, in force here and in every process started from here."""
    small = replace(prepare.CPU, context=32, vocab=300, eval_tokens=640, source=str(corpus))
    monkeypatch.delenv("AUTORESEARCH_RUN", raising=False)
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AUTORESEARCH_PROFILE", json.dumps(asdict(small)))
    monkeypatch.setattr(prepare.Budget, "latest", None)
    for cached in (prepare.profile, prepare.dataset):
        cached.cache_clear()
    yield small
    for cached in (prepare.profile, prepare.dataset):
        cached.cache_clear()


@dataclass
class Server:
    """Serves one body; each request is answered by the next of `manners`, the last one for ever."""

    body: bytes
    url: str
    manners: list[str] = field(default_factory=lambda: ["well"])
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def serve() -> Iterator[Callable[[bytes, list[str]], Server]]:
    running = []

    def start(body: bytes, manners: list[str]) -> Server:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                manner = server.manners.pop(0) if len(server.manners) > 1 else server.manners[0]
                asked = self.headers.get("Range")
                server.ranges.append(asked)
                first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and manner != "ignores ranges" else 0
                if manner.isdecimal():
                    self.send_error(int(manner))
                    return
                if first >= len(body):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(body)}")
                    self.end_headers()
                    return
                self.send_response(206 if first else 200)
                self.send_header("Content-Length", str(len(body) - first))
                if first:
                    self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
                if manner == "wrong hash":
                    self.send_header("ETag", '"' + "0" * 64 + '"')
                self.end_headers()
                cut = first + (len(body) - first) // 2 if manner == "cuts" else len(body)
                self.wfile.write(body[first:cut])

            def log_message(self, *args: object) -> None:
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        running.append(http)
        server = Server(body, f"http://127.0.0.1:{http.server_port}", list(manners))
        return server

    yield start
    for http in running:
        http.shutdown()
        http.server_close()
