"""Reverts: what takes one back takes its price back too, whether by our command or by the editor's own undo."""

from __future__ import annotations

import asyncio

import pytest
from lsprotocol import types as t

from loop.record.campaign_facts import Answered
from loop.record.experiment_facts import Withdrawn
from loop.record.intents import ProposeRequested, WithdrawRequested
from loop.record.types import Author, Verdict
from loop.review.reverts import reverts
from tests.campaigns import Campaign
from tests.server.editor import Editor, editing
from tests.server.small import BASE, FOURTH, opened, told
from tests.server.test_property import Desk

WITHOUT_FIRST = FOURTH.replace("LR = 0.3", "LR = 0.1")


def withdrawn(campaign: Campaign) -> list[int]:
    """Return the experiments whose reverts were taken back, in order."""
    bodies = (entry.body for entry in campaign.journal.read())
    return [body.removes for body in bodies if isinstance(body, WithdrawRequested)]


async def logged(editor: Editor, words: str) -> bool:
    return any(words in m.message for m in editor.client.log_messages)


async def test_the_editors_own_undo_takes_the_price_back_in_silence(campaign: Campaign) -> None:
    async with editing("neovim", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
        editor.type(uri, WITHOUT_FIRST + "# mine\n")
        editor.type(uri, FOURTH + "# mine\n")
        await editor.until(lambda: logged(editor, "the revert of #1 was undone; it will not be measured"))
        assert withdrawn(campaign) == [1] and editor.client.messages == []
        editor.type(uri, WITHOUT_FIRST)
        editor.type(uri, FOURTH)
        refused = await editor.run("undoRevert", uri=uri, quiet=True)
        assert refused["message"] == "nothing was reverted in this campaign"
        assert withdrawn(campaign) == [1], "it is taken back once"


async def test_of_two_reverts_only_the_one_that_is_undone_is_taken_back(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert (await editor.run("revertExperiment", uri=uri, experiment=1))["ok"]
        assert (await editor.run("revertExperiment", uri=uri, experiment=2))["ok"]
        assert editor.buffers[uri].text == BASE
        editor.type(uri, WITHOUT_FIRST)
        await editor.until(lambda: logged(editor, "the revert of #2 was undone"))
        undone = await editor.run("undoRevert", uri=uri)
        assert undone["message"] == "#1 is back in your buffer; it will not be measured"
        assert undone["withdrawn"] and editor.buffers[uri].text == FOURTH and withdrawn(campaign) == [2, 1]


async def test_an_undo_after_a_restart_is_read_from_the_journal(campaign: Campaign) -> None:
    async with editing("helix", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert not [a for a in await editor.actions(uri) if a.title == "Undo last revert" and not a.disabled]
        assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
    async with editing("helix", campaign.folder) as editor:
        uri = await opened(editor, WITHOUT_FIRST, 1)
        assert [a for a in await editor.actions(uri) if a.title == "Undo last revert" and not a.disabled]
        assert (await editor.run("undoRevert", uri=uri))["withdrawn"]
        assert editor.buffers[uri].text == FOURTH and withdrawn(campaign) == [1]


async def test_the_editors_own_undo_after_a_restart_takes_the_price_back(campaign: Campaign) -> None:
    async with editing("neovim", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
    async with editing("neovim", campaign.folder) as editor:
        uri = await opened(editor, WITHOUT_FIRST, 1)
        assert (await editor.run("revertHunk", uri=uri, line=6))["measured"], (
            "and with it what was before is remembered"
        )
        editor.type(uri, FOURTH)
        await editor.until(lambda: logged(editor, "the revert of #1 was undone; it will not be measured"))
        await editor.until(lambda: logged(editor, "the revert of #2 was undone; it will not be measured"))
        assert sorted(withdrawn(campaign)) == [1, 2] and editor.client.messages == []


async def test_a_price_that_has_begun_or_is_known_is_said(campaign: Campaign) -> None:
    async with editing("eglot", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
        number = _take_up(campaign)
        campaign.begin(number)
        editor.type(uri, FOURTH)
        await editor.until(lambda: told(editor, "the revert of #1 was undone"))
        campaign.record(Withdrawn(number))
        assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
        campaign.judge(_take_up(campaign), 0.98, Verdict.KEEP)
        undone = await editor.run("undoRevert", uri=uri)
        assert not undone["withdrawn"] and "#4, without it, is measured and was adopted" in undone["message"]
        assert editor.buffers[uri].text == FOURTH


@pytest.mark.parametrize("by_command", [True, False], ids=["our undo", "the editor's own"])
async def test_an_adopted_revert_that_is_undone_lacks_nothing_and_no_pull_redoes_it(
    campaign: Campaign, by_command: bool
) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
        campaign.judge(_take_up(campaign), 0.98, Verdict.KEEP)
        await editor.until(lambda: says(editor, uri, "every kept patch is in this file"))
        if by_command:
            assert "measure your edit to bring it back" in (await editor.run("undoRevert", uri=uri))["message"]
        else:
            editor.type(uri, FOURTH)
            await editor.until(lambda: told(editor, "the revert of #1 was undone; #3, without it, is measured"))
        assert editor.buffers[uri].text == FOURTH and withdrawn(campaign) == [1]
        await editor.until(lambda: says(editor, uri, "every kept patch is in this file except #3, which you changed"))
    campaign.keep(WITHOUT_FIRST + "main()\n", "run twice", 0.96)
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        await editor.until(lambda: says(editor, uri, "1 kept patch not in this file · Pull"))
        pulled = await editor.run("pull", uri=uri)
        assert (pulled["pulled"], editor.buffers[uri].text) == (1, FOURTH + "main()\n"), "no pull undoes the undo"
        assert not campaign.ledger.promised
        assert (await editor.run("measureEdit", uri=uri))["ok"], "and it can be brought back as it is told"
        asked = campaign.journal.read()[-1].body
        assert isinstance(asked, ProposeRequested) and asked.text == FOURTH + "main()\n"


@pytest.mark.parametrize("by_command", [True, False], ids=["our undo", "the editor's own"])
async def test_a_revert_that_a_measured_edit_took_in_is_undone_as_an_adopted_one(
    campaign: Campaign, by_command: bool
) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
        campaign.judge(_take_up(campaign), 1.02, Verdict.DISCARD)
        editor.type(uri, WITHOUT_FIRST + "# mine\n")
        assert (await editor.run("measureEdit", uri=uri))["ok"]
        campaign.judge(_take_up(campaign), 0.97, Verdict.KEEP)
        await editor.until(lambda: says(editor, uri, "every kept patch is in this file"))
        if by_command:
            undone = (await editor.run("undoRevert", uri=uri))["message"]
            assert "your edit #4 took it in; measure your edit to bring it back" in undone
        else:
            editor.type(uri, FOURTH + "# mine\n")
            await editor.until(lambda: told(editor, "the revert of #1 was undone; #3, without it, is measured"))
        assert editor.buffers[uri].text == FOURTH + "# mine\n" and withdrawn(campaign) == [1]
        await editor.until(lambda: says(editor, uri, "every kept patch is in this file except #4, which you changed"))
    campaign.keep(WITHOUT_FIRST + "# mine\nmain()\n", "run twice", 0.96)
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH + "# mine\n", 3)
        assert (await editor.run("pull", uri=uri))["pulled"] == 1
        assert editor.buffers[uri].text == FOURTH + "# mine\nmain()\n", "no pull undoes the undo"


async def test_a_file_that_lacks_an_adopted_revert_is_told_so_and_not_that_a_patch_is_missing(
    campaign: Campaign,
) -> None:
    campaign.judge(campaign.propose(WITHOUT_FIRST, "Without #1", Author.HUMAN, removes=1), 0.98, Verdict.KEEP)
    campaign.keep(WITHOUT_FIRST + "main()\n", "run twice", 0.96)
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        await editor.until(
            lambda: says(editor, uri, "1 kept patch and the adopted revert of #1 not in this file · Pull")
        )
        editor.type(uri, FOURTH + "main()\n")
        await editor.until(lambda: says(editor, uri, "the adopted revert of #1 not in this file · Pull"))
        assert (await editor.run("pull", uri=uri))["message"] == "pulled the adopted revert of #1, up to #4"


async def says(editor: Editor, uri: str, words: str) -> bool:
    """Return whether the lens at the top of a canvas ends with these words."""
    return any(lens.command and lens.command.title.endswith(f"· {words}") for lens in await editor.lenses(uri))


def _take_up(campaign: Campaign) -> int:
    """Number the last revert, as the daemon does."""
    entry = campaign.journal.read()[-1]
    assert isinstance(entry.body, ProposeRequested)
    number = campaign.propose(entry.body.text, entry.body.hypothesis, Author.HUMAN, removes=entry.body.removes)
    campaign.record(Answered(entry.seq, True, f"queued as #{number}"))
    return number


async def test_a_revert_that_cannot_be_undone_says_so_and_can_be_undone_later(campaign: Campaign) -> None:
    async with editing("zed", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert (await editor.run("revertHunk", uri=uri, line=1))["ok"]
        editor.type(uri, WITHOUT_FIRST.replace("import os\n", "import sys\n"))
        refused = await editor.run("undoRevert", uri=uri, quiet=True)
        assert refused["message"] == "the lines around #1 have changed since it was reverted; nothing was done"
        editor.type(uri, WITHOUT_FIRST)
        assert (await editor.run("undoRevert", uri=uri))["withdrawn"]
        assert editor.buffers[uri].text == FOURTH


async def test_a_pull_at_the_heels_of_a_revert_leaves_it_reverted(campaign: Campaign) -> None:
    campaign.keep(FOURTH + "main()\n", "run twice", 0.96)
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        for taken_back in range(1, 6):  # luck may have it right a few times
            assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
            shown = await editor.client.protocol.send_request_async("autoresearch/hunks", {"uri": uri})
            assert shown.behind == 1, "the revert is not taken for an older text"
            assert (await editor.run("undoRevert", uri=uri))["withdrawn"] and len(withdrawn(campaign)) == taken_back
        assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
        assert (await editor.run("pull", uri=uri))["pulled"] == 1
        assert editor.buffers[uri].text == WITHOUT_FIRST + "main()\n"


async def test_a_second_revert_at_the_heels_of_the_first_is_honoured(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        hunks = (await editor.client.protocol.send_request_async("autoresearch/hunks", {"uri": uri})).hunks
        asked = [editor.run("revertHunk", uri=uri, hunk=str(hunk.id), version=1) for hunk in hunks]
        results = await asyncio.gather(*asked)
        assert [(r["ok"], r.get("experiment")) for r in results] == [(True, 1), (True, 2)], results
        assert editor.buffers[uri].text == BASE and [revert.removes for revert in reverts(campaign.ledger)] == [1, 2]


async def test_a_command_begins_on_the_text_that_it_was_sent_about(campaign: Campaign) -> None:
    desk = Desk(campaign.folder, FOURTH, "utf-16")
    await desk.begin(campaign.folder)
    shown = await desk.settle(campaign)
    asked = asyncio.ensure_future(desk.run("acceptHunk", hunk=shown["hunks"][0]["id"], version=1))
    await asyncio.sleep(0)  # both are read in one piece
    desk.type(FOURTH + "# mine\n")
    assert (await asked)["ok"], await asked
    refused = await desk.run("acceptHunk", hunk=shown["hunks"][1]["id"], version=1)
    assert refused["message"] == "train.py has changed since this was shown; nothing was done, look again"
    await desk.end()


async def test_of_two_reverts_of_an_experiment_the_one_that_comes_back_is_taken_back(campaign: Campaign) -> None:
    both = FOURTH.replace("WD = 0.2", "WD = 0.5") + "main()\n"
    campaign.keep(both, "decay, and run twice", 0.96)
    async with editing("neovim", campaign.folder) as editor:
        uri = await opened(editor, both, 4)
        for line in (2, 10):
            result = await editor.run("revertHunk", uri=uri, line=line)
            assert result.get("experiment") == 3, result
        editor.type(uri, both.removesuffix("main()\n"))
        await editor.until(lambda: logged(editor, "the revert of #3 was undone; it will not be measured"))
        assert [revert.text for revert in reverts(campaign.ledger)] == [both.removesuffix("main()\n")]


async def test_a_revert_that_a_reload_has_taken_back_is_not_measured(campaign: Campaign) -> None:
    async with editing("neovim", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
        editor.client.text_document_did_close(t.DidCloseTextDocumentParams(t.TextDocumentIdentifier(uri)))
        await opened(editor, FOURTH, 2)
        await editor.until(lambda: logged(editor, "the revert of #1 was undone; it will not be measured"))
        assert (await editor.run("revertHunk", uri=uri, line=1))["measured"]
    async with editing("neovim", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        undone = await editor.run("undoRevert", uri=uri)
        assert undone["message"] == "#1 is in your buffer already; it will not be measured"
        assert (undone["restored"], withdrawn(campaign)) == (0, [1, 1]) and editor.buffers[uri].text == FOURTH


async def test_an_undo_names_whom_the_revert_named_whatever_was_kept_since(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert (await editor.run("revertHunk", uri=uri, line=1))["experiments"] == [1]
        campaign.keep(WITHOUT_FIRST, "the old rate", 0.96)
        campaign.keep(FOURTH, "the larger rate again", 0.95)
        await editor.until(lambda: told(editor, "(#4)"))
        assert (await editor.run("undoRevert", uri=uri))["message"].startswith("#1 is back in your buffer")
