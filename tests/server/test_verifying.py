"""`autoresearch verify` from the editor: it says at once what it does or why it cannot, and the headline follows."""

from __future__ import annotations

from pathlib import Path

from loop.control import control
from loop.record.campaign_facts import StateChanged
from loop.record.intents import VerifyRequested
from loop.record.types import State
from tests import stub
from tests.campaigns import Campaign, make_repository
from tests.server.editor import Editor, editing
from tests.server.small import BASE, PROGRAM, told

NOT_YET = "not verified yet; 'autoresearch verify' measures the gain"


async def headline(editor: Editor, folder: Path, words: str) -> bool:
    """Return whether the headline that the editor is sent begins with these words."""
    answer = await editor.run("status", folder=str(folder), quiet=True)
    return str(answer.get("headline")).startswith(words)


async def test_a_campaign_that_ended_unverified_is_verified_from_its_lens(tmp_path: Path) -> None:
    folder = stub.make_campaign(tmp_path / "c")
    assert stub.run_to_end(folder).keeps
    async with editing("vscode", folder) as editor:
        program = editor.open(folder / "program.md")
        button = await editor.until(lambda: editor.button(program, "Verify"))
        assert await headline(editor, folder, NOT_YET)
        result = await editor.press(button)
        assert result["ok"] and result["message"].startswith("verifies at the next run's boundary")
        assert result["experiment"] == control.load(folder).best.number  # type: ignore[union-attr]
        await editor.until(lambda: headline(editor, folder, "verified: −"))
        assert not [lens for lens in await editor.lenses(program) if lens.command and lens.command.title == "Verify"]
    stub.gone(folder)


async def test_what_cannot_be_verified_is_refused_at_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", BASE.encode(), PROGRAM)
    async with editing("helix", folder) as editor:
        uri = editor.open(folder / "program.md")
        assert (await editor.run("verify", uri=uri))["message"] == "r: no campaign has been started here"
        actions = {a.title: a.disabled for a in await editor.actions(uri)}
        disabled = actions["Verify the gain in fresh pairs of best and baseline"]
        assert disabled and disabled.reason == "no campaign yet"
        campaign = Campaign(folder)
        campaign.record(StateChanged(State.FINISHED, "done"))
        refused = "campaign nov23 has kept nothing better than its baseline; there is no gain to verify"
        await editor.until(lambda: refuses(editor, uri, refused))
        assert await told(editor, refused), "a client that drops results shows it"
        for wrong in ({"pairs": 1}, {"pairs": 0}, {"pairs": "many"}, {"keeps": -1}):
            assert not (await editor.run("verify", uri=uri, **wrong))["ok"]
        assert not any(isinstance(entry.body, VerifyRequested) for entry in campaign.journal.read())


async def refuses(editor: Editor, uri: str, sentence: str) -> bool:
    return bool((await editor.run("verify", uri=uri))["message"] == sentence)


async def test_a_client_that_shows_no_results_is_told_at_once(tmp_path: Path) -> None:
    folder = stub.make_campaign(tmp_path / "c")
    best = stub.run_to_end(folder).best
    assert best is not None
    async with editing("helix", folder) as editor:
        uri = editor.open(folder / "program.md")
        action = await editor.until(lambda: verifiable(editor, uri))
        assert (await editor.press(action))["ok"]
        assert await told(editor, f"asked to verify #{best.number} against the baseline in 3 fresh pairs")
        await editor.until(lambda: headline(editor, folder, "verified: −"))
    stub.gone(folder)


async def verifiable(editor: Editor, uri: str) -> object:
    """Return the command of the action that verifies, once it is possible."""
    found = [a for a in await editor.actions(uri) if a.title.startswith("Verify the gain") and not a.disabled]
    return found[0].command if found else None


async def test_while_another_campaign_runs_or_this_one_is_paused_it_says_so(tmp_path: Path) -> None:
    folder = stub.make_campaign(tmp_path / "c")
    first = stub.run_to_end(folder)
    control.start(folder, {"experiments": "60"}, new=True)
    stub.until(folder, lambda ledger: ledger.campaign != first.campaign and ledger.keeps > 0)
    async with editing("neovim", folder) as editor:
        uri = editor.open(folder / "program.md")
        await editor.until(lambda: verifiable(editor, uri))
        control.pause(folder)
        stub.until(folder, lambda ledger: ledger.state is State.PAUSED)
        paused = await editor.run("verify", uri=uri, quiet=True)
        assert paused["message"] == "verifies once it is resumed; the headline is in status and report"
        assert (await editor.run("status", uri=uri, campaign=first.campaign, quiet=True))["ok"]
        refused = await editor.run("verify", uri=uri, quiet=True)
        assert not refused["ok"] and "runs" in refused["message"], refused
    control.stop(folder, now=True)
    stub.gone(folder)
