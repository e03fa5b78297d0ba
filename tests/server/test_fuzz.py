"""A session that talks nonsense: a hundred thousand messages, valid and not, in frames cut anywhere.

The server runs in this process behind the same frames as over a pipe. It must not fail, and answers each request once.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from loop.control import control, exporting
from loop.record.types import Refused
from server import app, table
from server.wire import serve
from tests.campaigns import Campaign, make_repository

MESSAGES = int(os.environ.get("AUTORESEARCH_FUZZ_MESSAGES", "100000"))
ENCODINGS = ("utf-8", "utf-16", "utf-32")
BASE = "import os\nLR = 0.1\nWD = 0.2\n\n# é 😋 漢字\ndef main():\r\n    print('val_bpb: 1.0')\n\n\nmain()"
KEPT = BASE.replace("LR = 0.1", "LR = 0.3").replace("    print", "    clip()\n    print")
PROGRAM = "---\nmodel: knobs\nstop: {experiments: 3}\n---\n# Übung 😋\n\n- larger rates\n- clip\n"
JUNK: list[Any] = [None, True, -1, 2**40, 1e300, "", "x", [], {}, [1], {"jsonrpc": "2.0", "id": 1}, "\ud800", "é😋"]


class Client:
    """The far side: sends what chance says, answers what the server asks in every possible way, counts answers."""

    def __init__(self, chance: random.Random, folder: Path) -> None:
        self.chance, self.reader = chance, asyncio.StreamReader(limit=1 << 20)
        self.uris = [(folder / name).as_uri() for name in ("train.py", "program.md", "results.tsv", "other.txt")]
        self.uris += ["untitled:1", "file://host/x", "file:///%00", "file:///", "x", ""]
        self.asked: list[Any] = []
        self.answers: Counter[Any] = Counter()
        self.versions = Counter(dict.fromkeys(self.uris, 1))
        self.errors: list[Any] = []
        self.gone = False

    # ---- pygls' writer ----

    def write(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        assert int(head.split(b"\r\n")[0].split(b":")[1]) == len(body)
        message = json.loads(body)
        if "method" in message:
            if "id" in message:
                self._reply(message)
        else:
            self.answers[json.dumps(message["id"])] += 1
            assert ("result" in message) != ("error" in message)
            if "error" in message and message["error"]["code"] == -32603:
                self.errors.append(message)

    def close(self) -> None:
        pass

    def _reply(self, message: dict[str, Any]) -> None:
        kind = self.chance.random()
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        if kind < 0.1 or self.gone:
            return  # never
        if kind < 0.2:
            answer["error"] = self.chance.choice([{"code": -32600, "message": "no"}, None, 7])
        elif kind < 0.3:
            answer["result"] = self.chance.choice(JUNK)
        elif message["method"] == "workspace/applyEdit":
            answer["result"] = {"applied": self.chance.random() < 0.5}
        else:
            answer["result"] = {"success": True} if message["method"] == "window/showDocument" else None
        self.send(answer)

    # ---- sending ----

    def send(self, message: Any) -> None:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        frame = b"Content-Length: %d\r\n\r\n" % len(body) + body
        if self.chance.random() < 0.02:
            frame = b"content-length: %d\r\nContent-Type: x\r\n\r\n" % len(body) + body
        cut = self.chance.randrange(len(frame)) if self.chance.random() < 0.2 else 0
        for part in (frame[:cut], frame[cut:]):
            if part:
                self.reader.feed_data(part)

    def ask(self, method: str, params: Any) -> None:
        number = self.chance.choice([len(self.asked), f"id-{len(self.asked)}"])
        self.asked.append(number)
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        if self.chance.random() < 0.05:
            target = self.chance.choice([number, self.chance.choice(self.asked), "nobody", None, {}])
            self.tell("$/cancelRequest", {"id": target})

    def tell(self, method: str, params: Any) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def place(self) -> dict[str, Any]:
        pick = self.chance
        return {
            "line": pick.choice([0, 1, 2, 4, 5, 9, 10, 99, 2**31 - 1]),
            "character": pick.choice([0, 1, 3, 5, 7, 2**31 - 1]),
        }

    def step(self) -> None:
        """Send one message."""
        pick, uri = self.chance, self.chance.choice(self.uris if self.chance.random() < 0.3 else self.uris[:3])
        document = {"uri": uri}
        span = {"start": self.place(), "end": self.place()}
        kind = pick.random()
        if kind < 0.22:
            method = pick.choice(["codeLens", "documentSymbol", "inlayHint", "hover", "codeAction", "completion"])
            params = {"textDocument": document, "position": self.place(), "range": span, "context": {"diagnostics": []}}
            if method == "codeAction" and pick.random() < 0.3:
                params["context"]["only"] = [pick.choice(["quickfix", "source", "refactor", ""])]  # type: ignore[index]
            self.ask(f"textDocument/{method}", params)
        elif kind < 0.55:
            self.versions[uri] += 1
            text = pick.choice(["", "x", "\n", "\r\n", "LR = 0.3\n", "😋", "\x0c", "# b", "---\n", "\ud83d"])
            change: dict[str, Any] = (
                {"range": span, "text": text} if pick.random() < 0.7 else {"text": pick.choice([BASE + text, KEPT])}
            )
            self.tell(
                "textDocument/didChange",
                {"textDocument": {**document, "version": self.versions[uri]}, "contentChanges": [change]},
            )
        elif kind < 0.62:
            item = {
                "uri": uri,
                "languageId": "x",
                "version": self.versions[uri],
                "text": pick.choice([BASE, KEPT, PROGRAM, "", "\ud800"]),
            }
            self.tell("textDocument/didOpen", {"textDocument": item})
        elif kind < 0.638:
            self.tell("textDocument/didClose", {"textDocument": document})
        elif kind < 0.64:
            here = [{"uri": pick.choice([self.uris[0].rpartition("/")[0], uri]), "name": "x"}]
            came, left = pick.choice([(here, []), ([], here), (here, here)])
            self.tell("workspace/didChangeWorkspaceFolders", {"event": {"added": came, "removed": left}})
        elif kind < 0.66:
            name = pick.choice([*table.COMMANDS, "autoresearch.nothing", "autoresearch."])
            given: dict[str, Any] = {
                "uri": uri,
                "experiment": pick.choice([0, 1, 2, 3, -5, "x"]),
                "line": pick.choice([0, 1, 6, -1, "x"]),
            }
            given |= {"hunk": pick.choice(JUNK)} if pick.random() < 0.3 else {}
            given |= {"version": pick.choice([self.versions[uri], 1, None])} if pick.random() < 0.3 else {}
            arguments: Any = pick.choice([[given], [given], [given], [], None, [1, 2], [pick.choice(JUNK)]])
            self.ask("workspace/executeCommand", {"command": name, "arguments": arguments})
        elif kind < 0.72:
            self.ask(
                f"autoresearch/{pick.choice(['history', 'hunks', 'experiment', 'text', 'plan', 'nothing'])}",
                pick.choice(
                    [
                        document,
                        {**document, "experiment": 1, "at": "accepted"},
                        {**document, "at": pick.choice(JUNK)},
                        *JUNK,
                    ]
                ),
            )
        elif kind < 0.8:
            self.ask(
                pick.choice(
                    [
                        "textDocument/hover",
                        "textDocument/codeAction",
                        "initialize",
                        "x/y",
                        "workspace/executeCommand",
                        "textDocument/inlayHint",
                    ]
                ),
                pick.choice(JUNK),
            )
        elif kind < 0.88:
            self.tell(
                pick.choice(
                    [
                        "textDocument/didChange",
                        "textDocument/didOpen",
                        "window/workDoneProgress/cancel",
                        "workspace/didChangeWorkspaceFolders",
                        "$/setTrace",
                        "x/y",
                        "initialized",
                        "notebookDocument/didOpen",
                    ]
                ),
                pick.choice(JUNK),
            )
        elif kind < 0.94:
            odd: list[Any] = [
                b"{",
                b"[]",
                b"[1]",
                b"nonsense",
                b"\xff\xfe",
                b"[" * 5000,
                b'"x"',
                {"id": None, "jsonrpc": "2.0"},
            ]
            odd += [
                {"jsonrpc": "1.0"},
                {"jsonrpc": "2.0"},
                {"jsonrpc": "2.0", "id": "z", "result": 1},
                {"jsonrpc": "2.0", "method": 3},
            ]
            self.send(pick.choice(odd))
        else:
            self.reader.feed_data(
                pick.choice([b"", b"\r\n", b"X: y\r\n\r\n", b"Content-Length: x\r\n\r\n", b"Content-Length: 0\r\n\r\n"])
            )


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
async def test_no_message_breaks_the_session(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise Refused("not in this test")

    for name in ("start", "ask", "pause", "resume"):
        monkeypatch.setattr(control, name, refuse)
    monkeypatch.setattr(exporting, "write_apart", refuse)
    monkeypatch.setattr("server.commands.editing.ANSWER_S", 0.2)
    monkeypatch.setattr("server.commands.editing.SEEN_S", 0.05)
    monkeypatch.setattr("server.asked.OPEN_S", 0.05)
    monkeypatch.setattr("server.session.SHOW_S", 0.2)  # one that never answers is waited for in turn
    chance = random.Random(seed)
    made = Campaign(make_repository(tmp_path / "ü b", BASE.encode(), PROGRAM))
    made.keep(BASE.replace("LR = 0.1", "LR = 0.3"), "a larger rate 😋", 0.99, {"LR": ("0.1", "0.3")})
    made.keep(KEPT, "clip", 0.98)
    made.crash(made.propose(BASE.replace("WD", "WE"), "rename"), 3, "NameError: WD")
    client = Client(chance, made.folder)
    server = app.Server()
    server.protocol.set_writer(client)
    work = asyncio.ensure_future(serve(server.wire, client.reader))
    capabilities = {
        "general": {"positionEncodings": [ENCODINGS[seed % 3]]},
        "experimental": {"autoresearch": seed % 2 == 0},
    }
    capabilities["window"] = {"workDoneProgress": True, "showDocument": {"support": True}}
    capabilities["workspace"] = {"codeLens": {"refreshSupport": True}, "inlayHint": {"refreshSupport": True}}
    client.ask("textDocument/hover", {})  # too early
    client.ask("initialize", {"processId": None, "rootUri": made.folder.as_uri(), "capabilities": capabilities})
    client.tell("initialized", {})
    for number in range(MESSAGES // 4):
        client.step()
        if number % 20 == 0:
            await asyncio.sleep(0)
        if number % 2000 == 0:
            await asyncio.sleep(0.01)
    end = asyncio.get_running_loop().time() + 300  # commands on one folder wait for one another
    while any(client.answers[json.dumps(n)] == 0 for n in client.asked) and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.05)
    client.gone = True
    client.reader.feed_eof()
    await asyncio.wait_for(work, 60)
    assert server.session is not None
    server.session.close()
    assert client.errors == []
    assert {n: client.answers[json.dumps(n)] for n in client.asked if client.answers[json.dumps(n)] != 1} == {}
    assert [r.getMessage() for r in caplog.records if r.levelname in ("ERROR", "CRITICAL")] == []
