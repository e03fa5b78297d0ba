"""An editor in this process: it applies what the server asks for, and knows the text that the human must see."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from server import app
from server.wire import serve
from tests.campaigns import Campaign
from tests.server.editor import DEADLINE_S, edited, offset


class Desk:
    """An editor in this process: it applies what it is asked to, and knows the text that the human must see."""

    def __init__(self, folder: Path, text: str, encoding: str) -> None:
        self.reader = asyncio.StreamReader()
        self.uri = (folder / "train.py").as_uri()
        self.text, self.version, self.encoding, self.number = text, 1, encoding, 0
        self.answers: dict[int, asyncio.Future[Any]] = {}
        self.server = app.Server()
        self.server.protocol.set_writer(self)
        self.work = asyncio.ensure_future(serve(self.server.wire, self.reader))

    def write(self, data: bytes) -> None:
        message = json.loads(data.partition(b"\r\n\r\n")[2])
        if message.get("method") == "workspace/applyEdit":
            (change,) = message["params"]["edit"]["documentChanges"]
            fits = change["textDocument"]["version"] == self.version
            if fits:
                self.type(_edited(self.text, change["edits"], self.encoding))
            self.send({"id": message["id"], "result": {"applied": fits}})
        elif "id" in message and "method" not in message:
            self.answers.pop(message["id"]).set_result(message.get("result"))

    def close(self) -> None:
        pass

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.reader.feed_data(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def type(self, text: str) -> None:
        self.text, self.version = text, self.version + 1
        document = {"uri": self.uri, "version": self.version}
        self.send(
            {
                "method": "textDocument/didChange",
                "params": {"textDocument": document, "contentChanges": [{"text": text}]},
            }
        )

    async def ask(self, method: str, params: Any) -> Any:
        self.number += 1
        future = self.answers[self.number] = asyncio.get_running_loop().create_future()
        self.send({"id": self.number, "method": method, "params": params})
        return await asyncio.wait_for(future, DEADLINE_S)

    async def run(self, name: str, **arguments: Any) -> Any:
        return await self.ask(
            "workspace/executeCommand",
            {"command": f"autoresearch.{name}", "arguments": [{"uri": self.uri, **arguments}]},
        )

    async def begin(self, folder: Path) -> None:
        capabilities = {"general": {"positionEncodings": [self.encoding]}}
        await self.ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": capabilities})
        self.send({"method": "initialized", "params": {}})
        item = {"uri": self.uri, "languageId": "python", "version": self.version, "text": self.text}
        self.send({"method": "textDocument/didOpen", "params": {"textDocument": item}})

    async def settle(self, campaign: Campaign) -> dict[str, Any]:
        """Return the hunks once the server knows the newest fact of the journal."""
        last, accepted = campaign.ledger.last_seq, campaign.repo.ref(campaign.repo.accepted_ref(campaign.name))

        def knows() -> bool:
            session = self.server.session
            snapshot = session and session.snapshots.get(campaign.folder)
            if not (snapshot and snapshot.ledger and snapshot.review):
                return False
            return snapshot.ledger.last_seq >= last and snapshot.review.reviewed.commit == accepted

        session = self.server.ready()
        known = await session.until(knows, DEADLINE_S)
        now = session.snapshots[campaign.folder]
        assert known, (last, now.ledger and now.ledger.last_seq, now.review is None, now.trouble)
        found: dict[str, Any] = await self.ask("autoresearch/hunks", {"uri": self.uri})
        assert found["version"] == self.version
        return found

    async def end(self) -> None:
        self.reader.feed_eof()
        await self.work
        assert self.server.session is not None
        self.server.session.close()


def _edited(text: str, edits: list[dict[str, Any]], encoding: str) -> str:
    from lsprotocol import types as t

    def place(at: dict[str, int]) -> t.Position:
        return t.Position(at["line"], at["character"])

    whole = [t.TextEdit(t.Range(place(e["range"]["start"]), place(e["range"]["end"])), e["newText"]) for e in edits]
    assert all(offset(text, e.range.start, encoding) >= 0 for e in whole)
    return edited(text, whole, encoding)
