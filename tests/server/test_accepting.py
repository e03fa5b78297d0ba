"""Accept and commit over stdio: quick ones in a row, two editors at once, one commit per experiment."""

from __future__ import annotations

import asyncio

from tests.campaigns import Campaign, git
from tests.server.editor import Editor, editing
from tests.server.small import FOURTH, first_hunk, opened, waiting


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
