"""The server over stdio against campaigns made by hand: what is shown, what is refused, and that editors agree."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from lsprotocol import types as t

from loop.record.campaign_facts import StateChanged
from loop.record.lock import beat, holding
from loop.record.types import Cause, State, Verdict
from server.documents import Document
from server.features.commands import unsaved
from server.snapshot import Snapshot
from tests.campaigns import Campaign, git, make_repository
from tests.server.editor import DEADLINE_S, SERVER, Editor, editing
from tests.server.small import BASE, FOURTH, PROGRAM, THIRD, first_hunk, opened, told, waiting


async def test_a_stale_version_changes_nothing_and_says_so(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        hunk, version = await first_hunk(editor, uri), editor.buffers[uri].version
        editor.type(uri, FOURTH + "# mine\n")
        for name in ("acceptHunk", "revertHunk"):
            result = await editor.run(name, uri=uri, hunk=hunk, version=version)
            assert not result["ok"] and "has changed since this was shown" in result["message"]
        assert editor.buffers[uri].text == FOURTH + "# mine\n"


@pytest.mark.parametrize(("client", "marked"), [("vscode", True), ("eglot", False)])
async def test_a_hover_is_in_the_form_that_the_client_shows(campaign: Campaign, client: str, marked: bool) -> None:
    async with editing(client, campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        words = await editor.hover(uri, 6)
        assert "#2 clip the gradient" in words.replace("**", "") and ("**#2**" in words) is marked


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


async def test_a_second_accept_at_the_heels_of_the_first_is_honoured(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        hunks = (await editor.client.protocol.send_request_async("autoresearch/hunks", {"uri": uri})).hunks
        asked = [editor.run("acceptHunk", uri=uri, hunk=str(hunk.id), version=1) for hunk in hunks]
        results = await asyncio.gather(*asked)
        assert [(r["ok"], r["message"]) for r in results] == [
            (True, "accepted 1 hunk of #1"),
            (True, "accepted 1 hunk of #2"),
        ]
        await editor.until(lambda: waiting(editor, uri, 0))


async def test_two_editors_agree(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as one, editing("eglot", campaign.folder) as other:
        first, second = await opened(one, FOURTH, 2), await opened(other, FOURTH, 2)
        hunk = await first_hunk(one, first)
        assert (await one.run("acceptHunk", uri=first, hunk=hunk))["ok"]
        await other.until(lambda: waiting(other, second, 1))
        result = await other.run("acceptHunk", uri=second, hunk=hunk)
        assert not result["ok"] and "does not wait for review any more" in result["message"]


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


async def possible(editor: Editor, uri: str) -> set[str]:
    """Return the titles of what can be done, as far as it is not disabled."""
    return {action.title for action in await editor.actions(uri) if action.disabled is None}


async def test_one_commit_for_each_accepted_experiment(campaign: Campaign) -> None:
    (campaign.top / "train.py").write_text(FOURTH)
    async with editing("helix", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert "Commit what was accepted" not in await possible(editor, uri)
        assert (await editor.run("acceptAll", uri=uri))["ok"]
        assert "Commit what was accepted" in await possible(editor, uri)
        assert [c["experiment"] for c in (await editor.run("commitAccepted", uri=uri))["commits"]] == [1, 2]
    assert git(campaign.top, "log", "-1", "--format=%s") == "clip the gradient\n"
    assert git(campaign.top, "status", "--porcelain") == ""


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


async def test_every_fact_reaches_the_lens_and_the_client_is_told_to_look_again(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = editor.open(campaign.folder / "train.py", FOURTH)
        await editor.until(lambda: editor.button(uri, "best 0.9700"))
        for k in range(5):
            before = editor.refreshed["lens"]
            campaign.keep(FOURTH.replace("0.2", f"0.{k + 3}"), f"decay {k}", 0.96 - k / 100)
            await editor.until(lambda before=before: _refreshed(editor, before))  # type: ignore[misc]
            await editor.until(lambda k=k: editor.button(uri, f"best {0.96 - k / 100:.4f}"))  # type: ignore[misc]


async def _refreshed(editor: Editor, before: int) -> bool:
    return editor.refreshed["lens"] > before


async def test_opening_runs_nothing_and_leaves_no_file(campaign: Campaign) -> None:
    before = sorted(p for p in campaign.top.rglob("*") if "objects" not in p.parts)
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        for name in ("status", "nextHunk", "previousHunk"):
            assert (await editor.run(name, uri=uri))["ok"]
    assert sorted(p for p in campaign.top.rglob("*") if "objects" not in p.parts) == before


async def test_new_best_and_the_end_interrupt_the_human_and_nothing_else_does(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        await opened(editor, FOURTH, 2)
        campaign.judge(campaign.propose(FOURTH + "# worse\n", "worse"), 1.2, Verdict.DISCARD)
        campaign.keep(FOURTH.replace("0.2", "0.4"), "[decay](command:x)\x1b[2J", 0.95)
        await editor.until(lambda: told(editor, "new best 0.9500 self-reported (#4): [decay] (command:x) [2J"))
        campaign.record(StateChanged(State.FINISHED, "100 experiments done"))
        await editor.until(lambda: told(editor, "has ended"))
        assert len(editor.client.messages) == 2


async def test_a_daemon_that_dies_is_told_and_one_that_ends_its_campaign_is_not(campaign: Campaign) -> None:
    campaign.home.lock.write_text(campaign.name)
    async with editing("vscode", campaign.folder) as editor:
        program = editor.open(campaign.folder / "program.md")
        with holding(campaign.home.lock):
            await editor.until(lambda: editor.button(program, "⏸ Pause"))
        await editor.until(lambda: told(editor, "was interrupted: its daemon is gone; a start goes on"))
        assert await editor.button(program, "▶ Continue campaign")
        with holding(campaign.home.lock):
            await editor.until(lambda: editor.button(program, "⏸ Pause"))
            campaign.record(StateChanged(State.STOPPED, "stopped after the experiment"))
        await editor.until(lambda: editor.button(program, "▶ Continue campaign"))
        assert len(editor.client.messages) == 1


@pytest.mark.parametrize(
    ("state", "cause", "shown"),
    [
        (State.PAUSED, Cause.CRASHES, "waits"),
        (State.PAUSED, Cause.ASKED, ""),
        (State.STOPPED, Cause.ERROR, "stopped"),
        (State.STOPPED, Cause.VERIFIED, ""),
        (State.STOPPED, None, ""),
    ],
)
async def test_the_cause_of_a_state_decides_whether_it_interrupts_and_not_its_words(
    campaign: Campaign, state: State, cause: Cause | None, shown: str
) -> None:
    campaign.home.lock.write_text(campaign.name)
    with holding(campaign.home.lock):
        async with editing("vscode", campaign.folder) as editor:
            program = editor.open(campaign.folder / "program.md")
            await editor.until(lambda: editor.button(program, "⏸ Pause"))
            campaign.record(StateChanged(state, "crash, stopped", cause=cause))
            resume = "▶ Resume" if state is State.PAUSED else "▶ Continue campaign"
            await editor.until(lambda: editor.button(program, resume))
            if not shown:
                campaign.record(StateChanged(State.FINISHED, "done"))
            await editor.until(lambda: told(editor, f" {shown or 'has ended'}: "))
            assert len(editor.client.messages) == 1


async def test_a_daemon_that_does_not_answer_is_shown_above_the_title(campaign: Campaign) -> None:
    campaign.home.lock.write_text(campaign.name)
    beat(campaign.home)
    os.utime(campaign.home.beat, (1e9, 1e9))
    async with editing("vscode", campaign.folder) as editor:
        program = editor.open(campaign.folder / "program.md")
        with holding(campaign.home.lock):
            await editor.until(lambda: editor.button(program, "◌ no answer for"))
            later = time.time() + 3600
            os.utime(campaign.home.beat, (later, later))
            await editor.until(lambda: editor.button(program, "● "))


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
