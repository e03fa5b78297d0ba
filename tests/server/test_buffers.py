"""A text that the server asks an editor to change: versions, line ends, byte order marks, what is not saved."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from server.commands.campaign import unsaved
from server.documents import Document
from server.snapshot import Snapshot
from tests.campaigns import Campaign, make_repository
from tests.server.editor import editing
from tests.server.small import BASE, FOURTH, PROGRAM, THIRD, first_hunk, opened


async def test_a_stale_version_changes_nothing_and_says_so(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        hunk, version = await first_hunk(editor, uri), editor.buffers[uri].version
        editor.type(uri, FOURTH + "# mine\n")
        for name in ("acceptHunk", "revertHunk"):
            result = await editor.run(name, uri=uri, hunk=hunk, version=version)
            assert not result["ok"] and "has changed since this was shown" in result["message"]
        assert editor.buffers[uri].text == FOURTH + "# mine\n"


async def test_an_edit_that_the_editor_only_says_it_applied_is_not_believed(campaign: Campaign) -> None:
    async with editing("neovim", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        editor.skip_edits = True
        before = len(campaign.journal.read())
        result = await editor.run("revertHunk", uri=uri, hunk=await first_hunk(editor, uri))
        assert not result["ok"] and "its text shows otherwise; nothing was recorded" in result["message"]
        assert len(campaign.journal.read()) == before


async def test_an_editor_that_ends_every_text_is_believed(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign.keep(FOURTH.removesuffix("\n"), "end the last line nowhere", 0.96)
    async with editing("neovim", campaign.folder) as editor:
        uri, typed = await opened(editor, BASE, 0), editor.type
        monkeypatch.setattr(editor, "type", lambda uri, text: typed(uri, text.removesuffix("\n") + "\n"))
        assert (await editor.run("pull", uri=uri))["pulled"] == 3
        assert editor.buffers[uri].text == FOURTH


@pytest.mark.parametrize("ends", ["\r\n", "\n"])
async def test_pull_and_revert_keep_the_line_ends_and_the_missing_last_one(tmp_path: Path, ends: str) -> None:
    def form(text: str) -> str:
        return ("# é😋\n" + text).replace("\n", ends).removesuffix(ends)

    campaign = Campaign(make_repository(tmp_path / "r", form(BASE).encode()))
    campaign.keep(form(THIRD), "a larger rate", 0.99)
    campaign.keep(form(FOURTH), "clip", 0.97)
    for client in ("neovim", "vscode", "eglot"):
        async with editing(client, campaign.folder) as editor:
            uri = await opened(editor, form(BASE), 0)
            assert (await editor.run("pull", uri=uri))["pulled"] == 2
            assert editor.buffers[uri].text == form(FOURTH)
            result = await editor.run("revertHunk", uri=uri, line=2)
            assert result["ok"], result
            assert editor.buffers[uri].text == form(FOURTH.replace("0.3", "0.1"))
            assert (await editor.run("undoRevert", uri=uri))["ok"]
            assert editor.buffers[uri].text == form(FOURTH)


async def test_a_checkout_with_converted_line_ends_shows_no_edit(campaign: Campaign) -> None:
    async with editing("helix", campaign.folder) as editor:
        uri = await opened(editor, FOURTH.replace("\n", "\r\n"), 2)
        assert set(await editor.hints(uri)) == {1, 6}
        assert (await editor.run("revertExperiment", uri=uri, experiment=1))["measured"]
        assert editor.buffers[uri].text == FOURTH.replace("0.3", "0.1").replace("\n", "\r\n")
        assert "\r" not in campaign.journal.read()[-1].body.text  # type: ignore[union-attr]


async def test_a_byte_order_mark_that_the_editor_hides_is_no_edit_and_is_measured(tmp_path: Path) -> None:
    mark = "\ufeff"
    campaign = Campaign(make_repository(tmp_path / "r", (mark + BASE).encode(), mark + PROGRAM))
    campaign.keep(mark + THIRD, "a larger rate", 0.99)
    async with editing("vscode", campaign.folder) as editor:
        uri, program = await opened(editor, BASE, 0), editor.open(campaign.folder / "program.md", PROGRAM)
        hunks = await editor.client.protocol.send_request_async("autoresearch/hunks", {"uri": uri})
        assert not hunks.own
        for at in ("accepted", "incumbent", hunks.base):
            base = await editor.client.protocol.send_request_async("autoresearch/text", {"uri": uri, "at": at})
            assert base.text == (THIRD if at == "incumbent" else BASE)
        assert (await editor.run("pull", uri=uri))["ok"]
        assert editor.buffers[uri].text == THIRD
        assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
        assert campaign.journal.read()[-1].body.text == mark + BASE  # type: ignore[union-attr]
        assert (await editor.run("undoRevert", uri=uri))["ok"] and (await editor.run("acceptAll", uri=uri))["ok"]
        (campaign.top / "train.py").write_bytes((mark + THIRD).encode())
        assert (await editor.run("commitAccepted", uri=uri))["ok"], "the buffer is what is on disk"
        assert await editor.hover(program, 1)


@pytest.mark.parametrize(
    ("disk", "shown", "names"),
    [
        pytest.param("\ufeffx\n", "x\n", [], id="a hidden byte order mark"),
        pytest.param("\ufeffx\n", "\ufeffx\n", [], id="a shown one"),
        pytest.param("x\n", "x\n\n", ["train.py"], id="one line more"),
        pytest.param("x\n", "\ud800\n", ["train.py"], id="half a character"),
        pytest.param(None, "x\n", ["train.py"], id="never written"),
    ],
)
def test_what_is_not_saved(tmp_path: Path, disk: str | None, shown: str, names: list[str]) -> None:
    path = tmp_path / "train.py"
    if disk is not None:
        path.write_bytes(disk.encode())
    session = SimpleNamespace(documents={path.as_uri(): Document(path.as_uri(), path, 1, shown)})
    assert unsaved(session, Snapshot(tmp_path)) == names  # type: ignore[arg-type]
