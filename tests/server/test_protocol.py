"""docs/protocol.md against the code: every method, command and field is there, and nothing that is not."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from loop.ledger import Experiment
from loop.types import Author
from server import app
from server.features import showing
from server.publish import describe
from server.snapshot import Snapshot
from tests.campaigns import Campaign, make_repository
from tests.server.editor import ROOT, editing

PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    return PAGE.partition(f"## {name}\n")[2].partition("\n## ")[0]


def first_column(name: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", section(name), re.M)


def test_every_method_is_documented_and_served() -> None:
    assert first_column("Methods") == [*app.DOCUMENT, *app.SESSION]


def test_every_command_is_documented_and_served() -> None:
    assert first_column("Commands") == [f"autoresearch.{name}" for name in app.COMMANDS]


@pytest.mark.parametrize("name", ["status", "history", "hunks", "experiment"])
def test_every_custom_message_is_documented(name: str) -> None:
    assert f"`autoresearch/{name}`" in section("The custom layer")


def test_the_fields_of_the_custom_layer_are_documented(tmp_path: Path) -> None:
    values = {f.name: None for f in dataclasses.fields(Experiment)}
    values |= {"number": 1, "author": Author.KNOBS, "runs": (), "cost": type("Free", (), {"dollars": 0.0})}  # type: ignore[dict-item]
    fields = [*showing.summary(Experiment(**values)), *describe(Snapshot(tmp_path))]  # type: ignore[arg-type]
    assert [name for name in fields if f"`{name}`" not in section("The custom layer")] == []


async def test_the_hunks_have_the_documented_fields(tmp_path: Path) -> None:
    campaign = Campaign(make_repository(tmp_path / "r", b"LR = 1\n"))
    campaign.keep("LR = 2\n", "more", 0.9)
    async with editing("vscode", campaign.folder) as editor:
        uri = editor.open(campaign.folder / "train.py", "LR = 2\n# mine\n")

        async def read() -> object:
            found = await editor.client.protocol.send_request_async("autoresearch/hunks", {"uri": uri})
            return found if found.base else None

        found = await editor.until(read)
        fields = {*found._fields, *found.hunks[0]._fields, *found.own[0]._fields}  # type: ignore[attr-defined]
        assert [name for name in fields if f"`{name}`" not in section("The custom layer")] == []
        one = await editor.client.protocol.send_request_async("autoresearch/experiment", {"uri": uri, "experiment": 1})
        assert one.diff.startswith("diff --git") and "more" in one.markdown
        history = await editor.client.protocol.send_request_async("autoresearch/history", {"uri": uri})
        assert [e.number for e in history.experiments] == [0, 1]
