"""The server over stdio: what is shown of which folder, and how a session begins and ends."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from lsprotocol import types as t

from loop.record.lock import holding
from loop.record.types import Verdict
from tests.campaigns import Campaign, make_repository
from tests.server.editor import DEADLINE_S, SERVER, Editor, editing
from tests.server.small import BASE, FOURTH, PROGRAM, THIRD, opened


async def test_opening_runs_nothing_and_leaves_no_file(campaign: Campaign) -> None:
    before = sorted(p for p in campaign.top.rglob("*") if "objects" not in p.parts)
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        for name in ("status", "nextHunk", "previousHunk"):
            assert (await editor.run(name, uri=uri))["ok"]
    assert sorted(p for p in campaign.top.rglob("*") if "objects" not in p.parts) == before


@pytest.mark.parametrize(("client", "marked"), [("vscode", True), ("eglot", False)])
async def test_a_hover_is_in_the_form_that_the_client_shows(campaign: Campaign, client: str, marked: bool) -> None:
    async with editing(client, campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        words = await editor.hover(uri, 6)
        assert "#2 clip the gradient" in words.replace("**", "") and ("**#2**" in words) is marked


async def test_a_crash_is_shown_on_its_line_and_tampering_as_it_is_typed(campaign: Campaign) -> None:
    campaign.crash(campaign.propose(FOURTH.replace("0.2", "0.5"), "decay"), 7, "NameError: name 'clip' is not defined")
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, "# mine\n" + FOURTH, 2)
        (crash,) = [d for d in editor.diagnostics(uri) if "crashed" in d.message]
        assert crash.range.start.line == 7 and crash.severity is t.DiagnosticSeverity.Warning
        editor.type(uri, FOURTH + "print('val_bpb: 0.1')\n")

        async def warned() -> list[t.Diagnostic]:
            return [d for d in editor.diagnostics(uri) if "engine" in d.message or "must not print" in d.message]

        (warning,) = await editor.until(warned)
        assert warning.range.start.line == 11 and warning.severity is t.DiagnosticSeverity.Warning


async def test_program_md_explains_and_mends_itself(campaign: Campaign) -> None:
    campaign.judge(campaign.propose(THIRD, "larger", cites=("Try larger rates",)), 0.98, Verdict.DISCARD)
    text = "---\nmodel: knobs\nbudgett: 5m\nstop: {experiments: 0}\n---\n" + PROGRAM.partition("---\n# ")[2].join(
        ["# ", ""]
    )
    async with editing("helix", campaign.folder) as editor:
        uri = editor.open(campaign.folder / "program.md", text)
        await editor.until(lambda: _count(editor, uri, 2))
        assert {d.range.start.line for d in editor.diagnostics(uri)} == {2, 3}
        assert "Who proposes" in await editor.hover(uri, 1)
        params = t.CompletionParams(t.TextDocumentIdentifier(uri), t.Position(1, 7))
        items = await editor.client.text_document_completion_async(params)
        assert "knobs" in [
            i.label for i in (items if isinstance(items, list | tuple) else items.items if items else [])
        ]
        fixes = [a for a in await editor.actions(uri, 2) if a.edit]
        assert fixes[0].title == "Rename to 'budget'"
        cited = next(n for n, line in enumerate(text.splitlines()) if "larger" in line)
        hints = await editor.until(lambda: editor.hints(uri))
        assert hints[cited].startswith("→ #3")
        symbols = await editor.client.text_document_document_symbol_async(
            t.DocumentSymbolParams(t.TextDocumentIdentifier(uri))
        )
        assert next(s.name for s in symbols or []) == "Title"


async def _count(editor: Editor, uri: str, count: int) -> bool:
    return len(editor.diagnostics(uri)) == count


async def test_folders_and_campaigns_are_kept_apart_and_can_be_picked(campaign: Campaign, tmp_path: Path) -> None:
    other = Campaign(make_repository(tmp_path / "other", BASE.encode()), name="other")
    newer = Campaign(campaign.top, name="zweite")
    async with editing("vscode", campaign.folder) as editor:
        first = editor.open(campaign.folder / "program.md")
        second = editor.open(other.folder / "program.md")
        await editor.until(lambda: _campaign(editor, first, "zweite"))
        await editor.until(lambda: _campaign(editor, second, "other"))
        picked = await editor.run("status", uri=first, campaign=campaign.name)
        assert picked["campaign"] == campaign.name and picked["campaigns"] == [newer.name, campaign.name]
        assert (await editor.run("status", uri=second))["campaign"] == "other"


async def test_a_folder_that_comes_into_the_window_is_shown_until_it_leaves(campaign: Campaign, tmp_path: Path) -> None:
    other = Campaign(make_repository(tmp_path / "other", BASE.encode()), name="other")
    other.home.lock.write_text("other")

    def change(added: list[Path], removed: list[Path]) -> None:
        came, left = ([t.WorkspaceFolder(p.as_uri(), p.name) for p in some] for some in (added, removed))
        params = t.DidChangeWorkspaceFoldersParams(t.WorkspaceFoldersChangeEvent(came, left))
        editor.client.workspace_did_change_workspace_folders(params)

    with holding(other.home.lock):  # as a living daemon does
        async with editing("vscode", campaign.folder) as editor:
            await editor.until(lambda: _campaign(editor, campaign.folder.as_uri(), campaign.name))
            change([other.folder], [])
            await editor.until(lambda: _progress(editor, "AutoResearch other"))
            assert "which campaign?" in (await editor.run("status", quiet=True))["message"]
            change([], [other.folder])
            await editor.until(lambda: _progress(editor, "the folder was closed"))
            assert (await editor.run("status", quiet=True))["campaign"] == campaign.name


async def _progress(editor: Editor, words: str) -> bool:
    told = (getattr(value, name, "") for value in editor.progress() for name in ("title", "message"))
    return words in told


async def _campaign(editor: Editor, uri: str, name: str) -> bool:
    return bool((await editor.run("status", uri=uri)).get("campaign") == name)


@pytest.mark.parametrize("given", ["nothing", "a file"])
async def test_the_server_reads_what_is_no_pipe_to_its_end(tmp_path: Path, given: str) -> None:
    ask = b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"processId": null, "capabilities": {}}}'
    path = tmp_path / "session"
    path.write_bytes(b"Content-Length: %d\r\n\r\n%s" % (len(ask), ask))
    with Path(os.devnull if given == "nothing" else path).open("rb") as stdin:
        process = await asyncio.create_subprocess_exec(
            *SERVER,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        said, log = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    assert process.returncode == 0 and log == b""
    assert (b'"capabilities"' in said) is (given == "a file")


async def test_the_server_ends_with_its_editor(campaign: Campaign) -> None:
    process = await asyncio.create_subprocess_exec(
        *SERVER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdin is not None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 0
