"""The ruler under test: small corpora, a cache of its own, a run, a budget, and a hub that misbehaves on demand."""

import hashlib
import json
import random
import socket
import struct
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import prepare  # noqa: E402
from tests.ruler.scored import HONEST, T, V  # noqa: E402

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


@pytest.fixture(scope="module")
def ruler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[prepare.Dataset]:
    """A profile of small rows over a small corpus, in force while a file is tested."""
    folder = tmp_path_factory.mktemp("ruler")
    (folder / "corpus.txt").write_text(prose(0, 200_000))
    small = replace(prepare.CPU, vocab=V, context=T, eval_rows=4, source=str(folder / "corpus.txt"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTORESEARCH_CACHE", str(folder / "cache"))
        patch.setenv("AUTORESEARCH_PROFILE", json.dumps(asdict(small)))
        patch.setattr(prepare, "_side_by_side", lambda p: 1)
        prepare.profile.cache_clear()
        prepare.dataset.cache_clear()
        yield prepare.dataset()
    prepare.profile.cache_clear()
    prepare.dataset.cache_clear()


@pytest.fixture
def run(ruler: prepare.Dataset, tmp_path: Path) -> Callable[..., Path]:
    """Write a run: a canvas, and the checkpoint of a table of random logits."""

    def write(canvas: str = "", weights: torch.Tensor | None = None) -> Path:
        (tmp_path / "train.py").write_text(HONEST + textwrap.dedent(canvas))
        torch.manual_seed(1)
        torch.save({"table.weight": torch.randn(V, V) if weights is None else weights}, tmp_path / "checkpoint.pt")
        return tmp_path

    return write


@pytest.fixture
def begin(tiny: prepare.Profile, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], prepare.Budget]]:
    """A budget of a given size whose clock stands still unless told."""
    clock = [1000.0]
    budgets: list[prepare.Budget] = []
    monkeypatch.setattr(prepare.time, "monotonic", lambda: clock[0])

    def start(text: str) -> prepare.Budget:
        monkeypatch.setenv("AUTORESEARCH_BUDGET", text)
        monkeypatch.setattr(prepare.Budget, "latest", None)
        budget = prepare.Budget()
        budget.pass_s = lambda seconds: clock.__setitem__(0, clock[0] + seconds)
        budgets.append(budget)
        return budget

    yield start
    for budget in budgets:
        for counter in filter(None, (budget._cost, budget._outside)):
            counter.stop()


@dataclass
class Hub:
    """A fake of the hub: files by their path below `/datasets/`, served as from its CDN, after a redirect.

    Each request to the CDN is answered by the next of `manners`, the last one for ever; `busy` heads of the hub come
    first. `asked` holds what was asked for: method, host (hub or cdn), Range and Authorization.
    """

    files: dict[str, bytes]
    manners: list[str] = field(default_factory=lambda: ["well"])
    busy: int = 0
    tag: str = "sha256"
    asked: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    url: str = ""

    @property
    def ranges(self) -> list[str | None]:
        return [asked for method, host, asked, _ in self.asked if (method, host) == ("GET", "cdn")]


class Handler(BaseHTTPRequestHandler):
    """One request to a Hub. The CDN has another name of this machine, so that a token must not be sent there."""

    hub: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, place = self.hub, "cdn" if self.path.startswith("/cdn/") else "hub"
        hub.asked.append((self.command, place, self.headers.get("Range"), self.headers.get("Authorization")))
        path = self.path.removeprefix("/cdn").removeprefix("/datasets/")
        if path not in hub.files:
            self.send_error(404)
        elif place == "cdn":
            self.serve(hub.files[path], hub.manners.pop(0) if len(hub.manners) > 1 else hub.manners[0])
        elif hub.busy:
            hub.busy -= 1
            self.send_error(503)
        else:
            self.redirect(path)

    def redirect(self, path: str) -> None:
        body, tag = self.hub.files[path], self.hub.tag
        self.send_response(302)
        self.send_header("Location", f"{self.hub.url.replace('127.0.0.1', 'localhost')}/cdn/datasets/{path}")
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("X-Linked-Size", str(len(body)))
        self.send_header("X-Linked-Etag", f'"{hashlib.sha256(body).hexdigest() if tag == "sha256" else tag}"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def serve(self, body: bytes, manner: str) -> None:
        asked = self.headers.get("Range")
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and manner != "ignores ranges" else 0
        if manner.isdecimal():
            self.send_error(int(manner))
            return
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(body) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        self.wfile.write(
            body[first : first + (len(body) - first) // 2] if manner in ("cuts", "resets") else body[first:]
        )
        if manner == "resets":  # the connection ends in an error, not in an end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Hub]]:
    """Start a Hub, in force here and in every process started from here."""
    running = []

    def start(files: dict[str, bytes], *manners: str, **settings: Any) -> Hub:
        hub = Hub(files, list(manners) or ["well"], **settings)
        http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
        threading.Thread(target=http.serve_forever, daemon=True).start()
        running.append(http)
        hub.url = f"http://127.0.0.1:{http.server_port}"
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        address = hub.url + "/{repo_id}/resolve/{revision}/{filename}"  # what the variable makes of it at import
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address)
        return hub

    yield start
    for http in running:
        http.shutdown()
        http.server_close()
