"""The language server: start-up, latencies, freshness, memory; beside a bare pygls server and two Python servers."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from bench.stubs import scratch
from bench.table import Row, Table, percentile
from loop.record.entries import Body
from loop.record.experiment_facts import Judged, Proposed, RunEnded, RunStarted, Scored
from loop.record.types import Author, Cost, Outcome, Purpose, Reason, ScoreSource, Verdict
from tests.campaigns import Campaign, make_repository

SIZES = (100, 1_000, 10_000)
KEEP_EVERY = 33  # about as many keeps as a night has
ROOT = Path(__file__).resolve().parents[1]
START_FACTOR, ANSWER_MS, FACT_MS, MEMORY_MB = 1.2, 10.0, 500.0, 80.0
OURS = [sys.executable, "-P", "-m", "loop", "lsp"]
BARE = """
from pygls.lsp.server import LanguageServer
server = LanguageServer("bare", "1")
@server.feature("textDocument/hover")
def hover(params):
    return None
server.start_io()
"""


class Client:
    """The least that a client can be: frames over pipes, `null` to whatever the server asks."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.began = time.perf_counter()
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/local/bin:/usr/bin:/bin"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, cwd=folder, env=environment
        )
        self.number, self.heard = 0, [""]
        capabilities = {"workspace": {"codeLens": {"refreshSupport": True}, "inlayHint": {"refreshSupport": True}}}
        self.ask("initialize", processId=None, rootUri=folder.as_uri(), capabilities=capabilities)
        self.start_ms = 1000 * (time.perf_counter() - self.began)
        self.tell("initialized")

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def tell(self, method: str, **params: Any) -> None:
        self.send({"method": method, "params": params})

    def ask(self, method: str, **params: Any) -> Any:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            message = self.read()
            if message.get("id") == self.number and "method" not in message:
                return message.get("result")

    def read(self) -> dict[str, Any]:
        assert self.process.stdout
        length = 0
        while (line := self.process.stdout.readline()).strip():
            if line.lower().startswith(b"content-length"):
                length = int(line.split(b":")[1])
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        if "method" in message:
            self.heard.append(message["method"])
            if "id" in message:
                self.send({"id": message["id"], "result": None})
        return message

    def open(self, path: Path) -> dict[str, str]:
        item = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": path.read_text()}
        self.tell("textDocument/didOpen", textDocument=item)
        return {"uri": path.as_uri()}

    @property
    def memory_mb(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def canvas(lines: int = 1000) -> str:
    """Return a canvas: knobs at the top, functions below, blank lines and repeats as in real code."""
    head = [f"KNOB_{n} = {n}" for n in range(60)]
    body = [
        part
        for n in range((lines - 60) // 4)
        for part in (f"def f_{n}(x):", f"    y = x * KNOB_{n % 60}", "    return y", "")
    ]
    return "\n".join([*head, *body])[: 10**6] + "\n"


def campaign(folder: Path, experiments: int) -> tuple[Campaign, str]:
    """Return a campaign with so many experiments and the incumbent's text."""
    text = canvas()
    made = Campaign(make_repository(folder, text.encode()))
    bodies: list[Body] = []
    parent, score = made.baseline, 1.0
    for n in range(1, experiments + 1):
        knob, value = f"KNOB_{n * 7 % 60}", str(n)
        commit, kept = parent, n % KEEP_EVERY == 0
        if kept:
            text = "\n".join(
                f"{knob} = {value}" if line.startswith(f"{knob} = ") else line for line in text.split("\n")
            )
            commit, score = made.repo.commit_text(parent, "train.py", text, f"idea {n}", time.time()), score - 0.0001
        verdict, reason = (Verdict.KEEP, Reason.BETTER) if kept else (Verdict.DISCARD, Reason.WORSE)
        why = f"idea {n}: set {knob} to {value}, because a larger one lets the optimizer take longer steps"
        bodies += [
            Proposed(n, commit, parent, why, Author.MODEL, "anthropic/claude", 1, 1, fingerprint=f"{n:064x}",
                     knobs={knob: ("1", value)}, cost=Cost(20_000, 900, 0.07, 30.0)),
            RunStarted(n, 1, Purpose.MEASURE, 0, commit),
            RunEnded(n, 1, Outcome.FINISHED, 300.0, 320.0, 4000.0, 1e5),
            Scored(n, 1, score + (0.0 if kept else 0.01), ScoreSource.SEALED),
            Judged(n, verdict, reason, score if kept else score + 0.01, -0.0001 if kept else 0.01, 0.0003),
        ]  # fmt: skip
        parent = commit
        if len(bodies) > 2000 or n == experiments:
            made.record(*bodies)
            bodies = []
    made.repo.move_ref(made.repo.branch(made.name), parent, None)
    return made, text


def latencies(client: Client, method: str, count: int, **params: Any) -> tuple[float, float]:
    """Return p50 and p99 of a request in milliseconds."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        client.ask(method, **params)
        times.append(1000 * (time.perf_counter() - began))
    return percentile(times, 0.5), percentile(times, 0.99)


def freshness(client: Client, made: Campaign, document: dict[str, str], facts: int) -> float:
    """Return the slowest time from a recorded fact to a lens that shows it, in milliseconds."""
    slowest = 0.0
    for k in range(facts):
        number = made.propose(made.text(made.ledger.incumbent or 0), f"fact {k}")
        began = time.perf_counter()
        made.record(Judged(number, Verdict.KEEP, Reason.BETTER, 0.5 - k / 100, -0.01))
        while not any(f"best {0.5 - k / 100:.4f}" in lens["command"]["title"] for lens in lenses(client, document)):
            while client.read().get("method") != "workspace/codeLens/refresh":
                pass
        slowest = max(slowest, 1000 * (time.perf_counter() - began))
    return slowest


def lenses(client: Client, document: dict[str, str]) -> list[Any]:
    return list(client.ask("textDocument/codeLens", textDocument=document) or [])


def ready(client: Client, document: dict[str, str], words: str) -> float:
    """Wait until the campaign is shown; return the seconds since the server was spawned."""
    while not any(words in lens["command"]["title"] for lens in lenses(client, document)):
        time.sleep(0.05)
    return time.perf_counter() - client.began


def run(quick: bool) -> Table:
    sizes, count, starts = ((20,), 20, 1) if quick else (SIZES, 400, 7)
    rows: list[Row] = []
    with scratch() as folder:
        (folder / "bare.py").write_text(BARE)
        begun: dict[str, list[float]] = {"ours": [], "bare": []}
        made, _ = campaign(folder / "start", sizes[0])
        for _ in range(starts):
            for name, command in (("bare", [sys.executable, "-P", str(folder / "bare.py")]), ("ours", OURS)):
                client = Client(command, made.top)
                begun[name].append(client.start_ms)
                client.end()
        ours, bare = (statistics.median(begun[name]) for name in ("ours", "bare"))
        met = None if quick else ours <= START_FACTOR * bare
        rows.append(
            Row(
                "spawn to initialize answered",
                f"{ours:.0f} ms, {ours / bare:.2f} x bare pygls ({bare:.0f} ms)",
                f"<= {START_FACTOR} x",
                met,
            )
        )
        for size in sizes:
            rows += _size(folder / str(size), size, count, quick, last=size == sizes[-1])
        if not quick:
            rows += _others(folder, made.top)
    return Table(
        "server: the language server on a canvas of 1,000 lines",
        f"Counted at a client over pipes. Latencies are of {count} requests each, hints of the whole file; goals are "
        "for the largest campaign. A fact is a verdict appended to the journal; the slowest is shown. Memory is "
        "resident, after all requests. The other servers are asked the same hover on the same file.",
        rows,
    )


def _size(folder: Path, size: int, count: int, quick: bool, last: bool) -> list[Row]:
    made, text = campaign(folder, size)
    (made.top / "train.py").write_text(text)
    client = Client(OURS, made.top)
    document = client.open(made.top / "train.py")
    shown = ready(client, document, "best ")
    place = {"line": 7, "character": 2}
    span = {"start": {"line": 0, "character": 0}, "end": {"line": 2000, "character": 0}}
    name = f"{size:,} experiments"
    judged = (lambda value, goal: None) if quick or not last else (lambda value, goal: value <= goal)
    rows = [Row(f"{name}: all of it shown after", f"{shown:.1f} s from spawn")]
    for label, method, params in (
        ("lens", "codeLens", {}),
        ("hint", "inlayHint", {"range": span}),
        ("hover", "hover", {"position": place}),
        ("action", "codeAction", {"range": {"start": place, "end": place}, "context": {"diagnostics": []}}),
    ):
        p50, p99 = latencies(client, f"textDocument/{method}", count, textDocument=document, **params)
        rows.append(
            Row(
                f"{name}: {label}",
                f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
                f"<= {ANSWER_MS:.0f} ms" if last else "",
                judged(p99, ANSWER_MS),
            )
        )
    slowest = freshness(client, made, document, 2 if quick else 8)
    rows.append(
        Row(f"{name}: fact to refreshed lens", f"{slowest:.0f} ms", f"<= {FACT_MS:.0f} ms", judged(slowest, FACT_MS))
    )
    memory = client.memory_mb
    rows.append(
        Row(f"{name}: memory", f"{memory:.0f} MB", f"<= {MEMORY_MB:.0f} MB" if last else "", judged(memory, MEMORY_MB))
    )
    client.end()
    return rows


def _others(folder: Path, top: Path) -> list[Row]:
    """Measure two Python language servers from a scratch environment; say so where they cannot be installed."""
    python = folder / "venv" / "bin" / "python"
    install = [[sys.executable, "-m", "venv", str(folder / "venv")]]
    install.append([str(python), "-m", "pip", "install", "-q", "python-lsp-server", "jedi-language-server"])
    for command in install:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return [Row("python-lsp-server, jedi-language-server", f"not installed: {done.stderr.strip()[-80:]}")]
    rows = []
    for name, program in (("python-lsp-server", "pylsp"), ("jedi-language-server", "jedi-language-server")):
        starts = []
        for _ in range(3):
            client = Client([str(python.with_name(program))], top)
            starts.append(client.start_ms)
            if len(starts) < 3:
                client.end()
        document = client.open(top / "train.py")
        p50, p99 = latencies(
            client, "textDocument/hover", 100, textDocument=document, position={"line": 61, "character": 9}
        )
        rows.append(
            Row(
                f"{name}",
                f"start {statistics.median(starts):.0f} ms, hover p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
                f"{client.memory_mb:.0f} MB",
            )
        )
        client.end()
    return rows
