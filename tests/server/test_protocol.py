"""docs/protocol.md against the code: every method, command and field is there, and nothing that is not."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from loop.control import control, exporting
from loop.record.experiment import Experiment
from loop.record.types import Author
from loop.views.claims import claim
from loop.views.status import status_dict
from server import table
from server.news import describe
from server.requests.history import summary
from server.snapshot import Snapshot
from tests.campaigns import Campaign, make_repository
from tests.server.editor import ROOT, editing
from tests.server.test_property import Desk

PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    return PAGE.partition(f"## {name}\n")[2].partition("\n## ")[0]


def first_column(name: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", section(name), re.M)


def test_every_method_is_documented_and_served() -> None:
    assert first_column("Methods") == [*table.DOCUMENT, *table.SESSION]


def test_every_command_is_documented_and_served() -> None:
    assert first_column("Commands") == [*table.COMMANDS]


def test_every_custom_message_is_documented() -> None:
    named = re.findall(r"^- (?:Notification|Request) `([^`]+)`", section("The custom layer"), re.M)
    assert named == ["autoresearch/status", *(m for m in table.SESSION if m.startswith("autoresearch/"))]


def test_the_fields_of_the_custom_layer_are_documented(tmp_path: Path) -> None:
    values = {f.name: None for f in dataclasses.fields(Experiment)}
    values |= {
        "number": 1,
        "commit": "",
        "hypothesis": "",
        "author": Author.KNOBS,
        "runs": (),
        "cost": type("Free", (), {"dollars": 0.0}),
    }  # type: ignore[dict-item]
    fields = [*summary(Experiment(**values), Snapshot(tmp_path)), *describe(Snapshot(tmp_path))]  # type: ignore[arg-type]
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
        for name, extra in (("text", {"at": "accepted"}), ("plan", {})):
            told = await editor.client.protocol.send_request_async(f"autoresearch/{name}", {"uri": uri, **extra})
            bullet = PAGE.partition(f"Request `autoresearch/{name}`")[2].partition("\n- ")[0]
            assert [field for field in told._fields if f"`{field}`" not in bullet] == []
        history = await editor.client.protocol.send_request_async("autoresearch/history", {"uri": uri})
        assert [e.number for e in history.experiments] == [0, 1]


def documented(command: str) -> set[str]:
    """Return the fields that the page names in a command's answer."""
    row = next(line for line in section("Commands").splitlines() if line.startswith(f"| `autoresearch.{command}` |"))
    answer = row.split("|")[3].partition(": ")[0]
    like = re.search(r"as `(\w+)`", answer)
    if like:
        return documented(like[1])
    return {*describe(Snapshot(ROOT))} - {"message"} if "the body of" in answer else set(re.findall(r"`(\w+)`", answer))


async def test_every_answer_has_the_documented_fields_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, kept, mine = "LR = 1\nWD = 1\n", "LR = 2\nWD = 1\n", "LR = 2\nWD = 2\n"
    campaign = Campaign(make_repository(tmp_path / "r", base.encode()))
    campaign.keep(kept, "more", 0.9)
    campaign.keep(mine, "decay", 0.8)
    for name in ("start", "pause", "resume", "stop", "verify"):
        monkeypatch.setattr(control, name, lambda *_, **__: control.Answer(campaign.name, "done"))
    written = exporting.Written(*(tmp_path / name for name in ("results.tsv", "progress.png", "report.html")), "")
    monkeypatch.setattr(exporting, "write_apart", lambda *_: written)
    desk = Desk(campaign.folder, base, "utf-16")
    await desk.begin(campaign.folder)
    given: dict[str, set[str]] = {}

    async def run(name: str, **arguments: Any) -> None:
        await desk.settle(campaign)
        result = await desk.run(name, **arguments)
        assert result["ok"], result
        given.setdefault(name, set()).update(set(result) - {"ok", "message"})

    for name in ("start", "pause", "resume", "stop", "status", "showResults", "report", "verify", "pull"):
        await run(name)
    for name in ("showExperiment", "showDiff", "revertExperiment"):
        await run(name, experiment=1)
    await run("undoRevert")
    for name in ("nextHunk", "previousHunk", "revertHunk"):
        await run(name, line=1)
    await run("measureEdit")
    await run("note", text="larger steps")
    await run("pull", experiment=2)
    await run("acceptExperiment", experiment=1)
    await run("acceptHunk", line=1)
    (campaign.top / "train.py").write_text(mine)
    await run("commitAccepted")
    campaign.keep(mine + "# x\n", "a remark", 0.7)
    await run("pull")
    await run("acceptAll")
    await desk.end()
    given["status"] -= {*campaign_status(campaign)}
    assert {f"autoresearch.{name}": fields for name, fields in given.items()} == {
        name: documented(name.partition(".")[2]) for name in table.COMMANDS
    }


def campaign_status(campaign: Campaign) -> dict[str, Any]:
    """Return the fields of `autoresearch status --json`, which the page refers to."""
    status = {**status_dict(campaign.ledger, None), **dataclasses.asdict(claim(campaign.ledger))}
    return {k: v for k, v in status.items() if k not in describe(Snapshot(ROOT))}
