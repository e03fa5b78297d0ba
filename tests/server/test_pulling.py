"""Pull and restore over stdio: what stays the user's own, and which canvas of which folder is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types as t

from tests.campaigns import Campaign, git, make_repository
from tests.server.editor import editing
from tests.server.small import BASE, FOURTH, THIRD, opened, waiting


async def test_the_users_own_edit_is_kept_by_a_pull_and_is_not_the_agents(campaign: Campaign) -> None:
    async with editing("zed", campaign.folder) as editor:
        uri = await opened(editor, BASE + "# mine\n", 0)
        assert (await editor.run("pull", uri=uri))["ok"]
        assert editor.buffers[uri].text == FOURTH + "# mine\n"
        await editor.until(lambda: waiting(editor, uri, 2))
        assert (await editor.run("acceptAll", uri=uri))["accepted"] == 2
        hunks = await editor.client.protocol.send_request_async("autoresearch/hunks", {"uri": uri})
        assert len(hunks.own) == 1 and not hunks.hunks


@pytest.mark.parametrize(("client", "opens"), [("neovim", True), ("zed", False)])
async def test_a_canvas_that_is_not_open_is_opened_or_asked_for(campaign: Campaign, client: str, opens: bool) -> None:
    async with editing(client, campaign.folder) as editor:
        program, canvas = editor.open(campaign.folder / "program.md"), (campaign.folder / "train.py").as_uri()
        result = await editor.run("pull", uri=program, quiet=True)
        assert result["ok"] is opens and (canvas in editor.buffers) is opens, result
        if not opens:
            assert result["message"] == "train.py: open it first"
        else:
            assert editor.buffers[canvas].text == FOURTH and (campaign.folder / "train.py").read_text() == BASE
            editor.client.text_document_did_close(t.DidCloseTextDocumentParams(t.TextDocumentIdentifier(canvas)))
            assert await editor.lenses(canvas) == [] and await editor.hover(canvas, 1) == ""


async def test_the_canvas_is_whatever_file_the_program_names_in_whatever_folder(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", BASE.encode())
    (top / "night" / "src").mkdir(parents=True)
    (top / "night" / "program.md").write_text("---\ncanvas: src/kernel.py\n---\n# T\n")
    (top / "night" / "src" / "kernel.py").write_text(BASE)
    git(top, "add", "-A")
    git(top, "commit", "-qm", "night")
    campaign = Campaign(top, folder="night", canvas="src/kernel.py")
    campaign.keep(FOURTH, "both at once", 0.9)
    async with editing("vscode", top) as editor:
        kernel, other = editor.open(top / "night" / "src" / "kernel.py"), editor.open(top / "train.py")
        await editor.until(lambda: editor.button(kernel, "1 kept patch not in this file"))
        assert (await editor.run("pull", uri=kernel))["ok"] and editor.buffers[kernel].text == FOURTH
        await editor.until(lambda: waiting(editor, kernel, 2))
        assert (await editor.run("revertHunk", uri=kernel, line=1))["measured"]
        assert (await editor.run("undoRevert", uri=kernel))["withdrawn"]
        assert (await editor.run("acceptAll", uri=kernel))["accepted"] == 2
        assert await editor.hints(other) == {} and editor.diagnostics(other) == []
        assert (await editor.run("status", uri=kernel))["folder"] == str(top / "night")
        assert "no campaign" in (await editor.run("status", uri=other))["message"]


async def test_a_campaign_inside_the_folder_of_another_is_meant_by_its_own_folder(campaign: Campaign) -> None:
    inner = campaign.top / "inner"
    inner.mkdir()
    (inner / "program.md").write_text("# Inner\n")
    (inner / "train.py").write_text(BASE)
    git(campaign.top, "add", "-A")
    git(campaign.top, "commit", "-qm", "inner")
    Campaign(campaign.top, "inner", folder="inner").keep(THIRD, "a larger rate", 0.9)
    async with editing("vscode", campaign.folder) as editor:
        assert (await editor.run("status", folder=str(inner)))["folder"] == str(inner)
        outer = await opened(editor, BASE, 0)
        program, canvas = editor.open(inner / "program.md"), editor.open(inner / "train.py")
        assert (await editor.run("pull", uri=program))["pulled"] == 1
        assert (editor.buffers[canvas].text, editor.buffers[outer].text) == (THIRD, BASE)


async def test_restore_brings_one_experiment_into_the_buffer(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        shown = await editor.run("showResults", uri=uri)
        results = Path(shown["path"]).as_uri()
        lenses = await editor.lenses(results)
        assert [lens.command.title for lens in lenses if lens.command] == ["Diff", "Restore"] * 3
        assert "a larger rate" in await editor.hover(results, 2)
        symbols = await editor.client.text_document_document_symbol_async(
            t.DocumentSymbolParams(t.TextDocumentIdentifier(results))
        )
        assert [s.name for s in symbols or []] == ["#0 baseline", "#1 a larger rate", "#2 clip the gradient"]
        assert lenses[3].command
        assert (await editor.press(lenses[3].command))["ok"]
        assert editor.buffers[uri].text == THIRD
