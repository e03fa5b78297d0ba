"""A hunk that several experiments wrote in turn: everything that is shown of it names them, and so does its price."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types as t

from loop.control import control
from loop.record.intents import ProposeRequested
from server.convert import Encoding
from server.documents import Document
from server.features.actions import code_actions
from server.features.diagnostics import diagnose
from server.features.hints import inlay_hints
from server.features.hovers import hover
from server.features.lenses import code_lenses
from server.features.words import LABEL
from server.reader import Reader
from server.snapshot import Snapshot
from tests.campaigns import Campaign
from tests.server.editor import editing
from tests.server.small import FOURTH, opened

HALVED = FOURTH.replace("LR = 0.3", "LR = 0.15")
UTF16 = Encoding("utf-16")
LINE = 1  # of LR, which #1 and #3 write in turn
HERE = t.Range(t.Position(LINE, 0), t.Position(LINE, 0))


@pytest.fixture
def twice(campaign: Campaign) -> Campaign:
    campaign.keep(HALVED, "halve it", 0.96)
    return campaign


def seen(folder: Path, text: str) -> tuple[Snapshot, Document]:
    snapshot = Reader(folder).poll()
    assert snapshot is not None
    path = folder / "train.py"
    return snapshot, Document(path.as_uri(), path, 1, text)


def lens_titles(snapshot: Snapshot, document: Document) -> list[str]:
    lenses = code_lenses(snapshot, document, UTF16)
    return [lens["command"]["title"] for lens in lenses if lens["range"]["start"]["line"] == LINE]


def hints(snapshot: Snapshot, document: Document) -> dict[int, tuple[str, str]]:
    whole = t.Range(t.Position(0, 0), t.Position(len(document.lines), 0))
    found = inlay_hints(snapshot, document, UTF16, t.InlayHintParams(t.TextDocumentIdentifier(document.uri), whole))
    return {hint["position"]["line"]: (hint["label"], hint["tooltip"]) for hint in found}


def words(snapshot: Snapshot, document: Document) -> str:
    found = hover(snapshot, document, UTF16, t.HoverParams(t.TextDocumentIdentifier(document.uri), HERE.start))
    assert found is not None and isinstance(found.contents, t.MarkupContent)
    return found.contents.value


def action_titles(snapshot: Snapshot, document: Document) -> list[str]:
    only = t.CodeActionContext([], only=[t.CodeActionKind.QuickFix])
    asked = t.CodeActionParams(t.TextDocumentIdentifier(document.uri), HERE, only)
    return [action.title for action in code_actions(snapshot, document, UTF16, asked)]


def test_lens_hint_hover_diagnostic_and_actions_name_both(twice: Campaign) -> None:
    snapshot, document = seen(twice.folder, HALVED)
    assert lens_titles(snapshot, document) == ["#1 #3 −0.0200", "Accept", "Revert", "Diff of #3"]
    label, tooltip = hints(snapshot, document)[LINE]
    assert label == "#1 #3 −0.0200" and "keep, better: a larger rate\n#3 0.9600" in tooltip
    assert hints(snapshot, document)[6][0] == "#2 −0.0200", "a line that one wrote has its one"
    text = words(snapshot, document)
    assert "**Waits for review** (#1 #3 −0.0200, 1 → 1 line)" in text and "2 experiments wrote it" in text
    assert text.index("**#1** a larger rate") < text.index("+ LR = 0.3") < text.index("**#3** halve it")
    message = next(d.message for d in diagnose(snapshot, document, UTF16) if d.range.start.line == LINE)
    assert message == "#1 #3 −0.0200 waits for review: #1 a larger rate; #3 halve it"
    assert action_titles(snapshot, document)[:4] == [
        "Accept hunk #1 #3 −0.0200",
        "Revert hunk #1 #3 −0.0200, and measure its cost",
        "Accept every hunk of #1 (with #3)",
        "Revert every hunk of #1 (with #3), and measure its cost",
    ]


async def test_what_was_accepted_is_named_no_more(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = await opened(editor, FOURTH, 2)
        assert (await editor.run("acceptExperiment", uri=uri, experiment=1))["ok"]
    campaign.keep(HALVED, "halve it", 0.96)
    snapshot, document = seen(campaign.folder, HALVED)
    assert lens_titles(snapshot, document) == ["#3 −0.0100 ± 0.0003", "Accept", "Revert", "Diff"]
    assert hints(snapshot, document)[LINE][0] == "#3 −0.0100"


def test_of_a_long_turn_the_newest_are_shown_and_the_rest_counted(campaign: Campaign) -> None:
    for n in range(3, 31):
        campaign.keep(FOURTH.replace("LR = 0.3", f"LR = 0.3{n}"), f"try {n}", 1 - n / 1000)
    snapshot, document = seen(campaign.folder, FOURTH.replace("LR = 0.3", "LR = 0.330"))
    label, tooltip = hints(snapshot, document)[LINE]
    assert label == "… #28 #29 #30 −0.0100" and len(label) <= LABEL and tooltip.startswith("#28 ")
    text = words(snapshot, document)
    assert "29 experiments wrote it" in text and "… 14 earlier\n\n#16 0.9840" in text
    assert text.count("```diff") == 3 and "**#27**" not in text
    shown = action_titles(snapshot, document)
    assert "Accept every hunk of #28 (with 28 others)" in shown and not [title for title in shown if "#27" in title]


async def test_a_revert_takes_out_all_of_it_and_its_price_says_so(twice: Campaign) -> None:
    async with editing("neovim", twice.folder) as editor:
        uri = await opened(editor, HALVED, 2)
        result = await editor.run("revertExperiment", uri=uri, experiment=1)
        assert result["message"].startswith("reverted #1 #3; queued") and result["measured"]
        assert (result["experiment"], result["experiments"]) == (1, [1, 3])
        assert "LR = 0.1\n" in editor.buffers[uri].text
    asked = twice.journal.read()[-1].body
    assert isinstance(asked, ProposeRequested) and "LR = 0.1\n" in asked.text and "clip" in asked.text
    assert (asked.removes, asked.hypothesis) == (1, "Without #1 #3: a larger rate; halve it")
    async with editing("neovim", twice.folder) as editor:
        uri = await opened(editor, HALVED.replace("LR = 0.15", "LR = 0.1"), 1)
        undone = await editor.run("undoRevert", uri=uri)
        assert undone["message"] == "#1 #3 is back in your buffer; it will not be measured"
        assert undone["withdrawn"] and editor.buffers[uri].text == HALVED
        editor.type(uri, HALVED.replace("LR = 0.15", "LR = 0.1"))
        editor.type(uri, HALVED)
        assert (await editor.run("revertHunk", uri=uri, line=LINE))["experiment"] == 3
        editor.type(uri, HALVED)
        await editor.until(lambda: told_in_the_log(editor.client.log_messages, "the revert of #1 #3 was undone"))
    assert not control.load(twice.folder).promised


async def told_in_the_log(messages: list[t.LogMessageParams], sentence: str) -> bool:
    return any(sentence in message.message for message in messages)


async def test_the_hunk_is_accepted_whole_by_the_name_of_either(twice: Campaign) -> None:
    (twice.top / "train.py").write_text(HALVED)
    async with editing("eglot", twice.folder) as editor:
        uri = await opened(editor, HALVED, 2)
        hunks = await editor.client.protocol.send_request_async("autoresearch/hunks", {"uri": uri})
        assert [(list(hunk.experiments), hunk.label) for hunk in hunks.hunks] == [
            ([1, 3], "#1 #3 −0.0200"),
            ([2], "#2 −0.0200"),
        ]
        accepted = await editor.run("acceptExperiment", uri=uri, experiment=1)
        assert (accepted["message"], accepted["experiments"]) == ("accepted 1 hunk of #1, #3", [1, 3])
        refused = await editor.run("acceptExperiment", uri=uri, experiment=3, quiet=True)
        assert refused["message"] == "no hunk of #3 waits for review"
        made = await editor.run("commitAccepted", uri=uri)
        assert made["message"] == "committed #3 (with #1), 1 commit on your branch"
        assert [(c["experiment"], c["experiments"]) for c in made["commits"]] == [(3, [1, 3])]
