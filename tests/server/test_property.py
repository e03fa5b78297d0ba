"""Random nights: edits, accepts, reverts, undos, pulls, keeps arriving, restarts. The human's text is kept apart.

No keystroke is lost, hunks apply to the text they show, what was accepted stays accepted.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from loop.record.intents import ProposeRequested, WithdrawRequested
from loop.review.reverts import reverts as standing
from loop.text.diff import split_lines
from loop.text.hunks import advance_all, apply, invert
from server.reading import read_canvas
from tests.campaigns import Campaign, make_repository
from tests.server.desk import Desk

NIGHTS, STEPS = int(os.environ.get("AUTORESEARCH_NIGHTS", "8")), 60
KINDS = ["type", "keep", "keep", "pull", "accept", "revert", "undo", "restart", "stale", "all"]
BASE = "".join(f"KNOB_{n} = {n}\n\n" for n in range(12)) + "def main():\n    print('é😋')\n"


@pytest.mark.parametrize("night", range(NIGHTS))
async def test_a_random_night(night: int, tmp_path: Path) -> None:
    chance = random.Random(night)
    campaign = Campaign(make_repository(tmp_path / "r", BASE.encode()))
    encoding = ["utf-16", "utf-8", "utf-32"][night % 3]
    desk = Desk(campaign.folder, BASE, encoding)
    await desk.begin(campaign.folder)
    typed: list[str] = []  # lines that the human wrote and nobody but the human may take away
    accepted: set[str] = set()
    reverts: list[
        tuple[bool, str, str]
    ] = []  # of this session: whether its cost was asked for, the text before and after
    taken_out: set[str] = set()  # knobs of which the human reverted a line at some time
    taken_back = 0
    for step in range(STEPS):
        shown = await desk.settle(campaign)
        _check(desk, campaign, shown, typed, accepted)
        match chance.choice([*KINDS, *["change"] * chance_of_change(night)]):
            case "type":
                typed.append(f"# mine {step} 😋\n")
                lines = split_lines(desk.text)
                at = chance.choice([n for n in range(len(lines) + 1) if n == len(lines) or lines[n] == "\n"])
                desk.type("".join([*lines[:at], "\n", typed[-1], "\n", *lines[at:]]))
            case "change":  # a knob is taken out, or given the human's own value
                lines = split_lines(desk.text)
                at = chance.choice([n for n, line in enumerate(lines) if line.startswith(("KNOB", "def"))])
                typed_over = (
                    [f"{lines[at].split(' = ')[0]} = mine_{step}\n"] if lines[at].startswith("KNOB") else [lines[at]]
                )
                desk.type("".join([*lines[:at], *chance.choice([[], typed_over]), *lines[at + 1 :]]))
            case "keep":
                text = _patched(chance, "".join(campaign.text(campaign.ledger.incumbent or 0)), step)
                campaign.keep(text, f"idea {step}", 1.0 - step / 1000)
            case "pull":
                before, result = desk.text, await desk.run("pull")
                assert result["ok"] or desk.text == before, result
                if result["ok"] and not chance_of_change(night):
                    after = await desk.settle(campaign)
                    assert after["behind"] == 0, "a second pull has nothing to bring"
                    lacking = _kept_lines(campaign) - {*split_lines(desk.text)}
                    names = {line.partition(" = ")[0] for line in lacking}
                    assert names <= taken_out, "every kept line is there where nobody reverted one"
            case "accept" if shown["hunks"]:
                hunk, before = chance.choice(shown["hunks"]), desk.text
                result = await desk.run("acceptHunk", hunk=hunk["id"], version=desk.version)
                assert result["ok"] and desk.text == before, result
                accepted.update(line for line in hunk["new"] if line.startswith("KNOB"))
            case "all" if shown["hunks"] and step % 3 == 0:
                assert (await desk.run("acceptAll"))["ok"]
                accepted.update(line for hunk in shown["hunks"] for line in hunk["new"] if line.startswith("KNOB"))
            case "revert" if shown["hunks"]:
                hunk, before, lines = chance.choice(shown["hunks"]), desk.text, split_lines(desk.text)
                result = await desk.run("revertHunk", hunk=hunk["id"], version=desk.version)
                assert result["ok"], result
                lines[hunk["start"] : hunk["start"] + len(hunk["new"])] = hunk["old"]
                assert desk.text == "".join(lines), "a revert changes these lines and no other byte"
                reverts.append((result["measured"], before, desk.text))
                taken_out.update(line.partition(" = ")[0] for line in (*hunk["old"], *hunk["new"]))
            case "undo" if reverts and desk.text == reverts[-1][2]:  # the editor's own
                desk.type(reverts[-1][1])
                taken_back += reverts.pop()[0]
            case "undo":
                before, result = desk.text, await desk.run("undoRevert")
                assert result["ok"] or desk.text == before
                if result["ok"]:
                    taken_back += reverts.pop()[0] if reverts else True
            case "stale" if shown["hunks"]:
                before, hunk = desk.text, shown["hunks"][0]["id"]
                assert not (await desk.run("revertHunk", hunk=hunk, version=desk.version - 1))["ok"]
                assert desk.text == before
            case "restart":
                await desk.end()
                again = Desk(campaign.folder, desk.text, encoding)
                await again.begin(campaign.folder)
                now = await again.settle(campaign)
                assert (now["hunks"], now["base"], now["own"]) == (shown["hunks"], shown["base"], shown["own"])
                desk, reverts = again, []
    await desk.settle(campaign)
    await desk.end()
    for entry in campaign.journal.read():
        if isinstance(entry.body, ProposeRequested):
            lines = Counter(line for line in split_lines(entry.body.text) if line.startswith("KNOB"))
            assert max(lines.values(), default=1) == 1, "the cost of a revert has no line twice"
    asked = Counter(type(entry.body) for entry in campaign.journal.read())
    if night % 2 == 0:  # else the human may have written a line back, or taken one out again
        assert asked[WithdrawRequested] == taken_back, "what takes a revert back takes its measurement back, once"
    assert len(standing(campaign.ledger)) == asked[ProposeRequested] - asked[WithdrawRequested]


def chance_of_change(night: int) -> bool:
    """Return whether the human also overwrites and takes out kept lines by hand in a night."""
    return night % 2 == 1


def _kept_lines(campaign: Campaign) -> set[str]:
    text = campaign.text(campaign.ledger.incumbent or 0)
    return {line for line in split_lines(text) if line.startswith("KNOB")}


def _patched(chance: random.Random, text: str, step: int) -> str:
    """Return the incumbent with one agent's patch: a knob's value, a line more, a line less."""
    lines = split_lines(text)
    knobs = [n for n, line in enumerate(lines) if line.startswith("KNOB")]
    at = chance.choice(knobs)
    kind = chance.random()
    if kind < 0.7 or len(knobs) < 6:
        lines[at] = f"{lines[at].split(' = ')[0]} = {step}.5\n"
    elif kind < 0.85:
        lines.insert(at, f"KNOB_{step}_new = 1\n")
    else:
        del lines[at]
    return "".join(lines)


def _check(desk: Desk, campaign: Campaign, shown: dict[str, Any], typed: list[str], accepted: set[str]) -> None:
    lines = split_lines(desk.text)
    assert [line for line in lines if line.startswith("# mine")].sort() == typed[:].sort()
    assert sorted(line for line in lines if line.startswith("# mine")) == sorted(typed), "a keystroke was lost"
    base = split_lines(campaign.repo.text_at(shown["base"], "train.py"))
    session = desk.server.session
    assert session is not None
    review = session.snapshots[campaign.folder].review
    assert review is not None and list(review.reviewed.lines) == base
    reading = read_canvas(review, session.documents[desk.uri])
    cut = [*(pending.hunk for pending in reading.pending), *reading.own]
    assert advance_all(base, cut) == lines, "the hunks lead from the accepted text to the one that is shown"
    assert len({hunk.id for hunk in cut}) == len(cut)
    for hunk in cut:
        assert apply(apply(lines, invert(hunk)), hunk) == lines, "a hunk applies to the text that it shows"
    assert all(campaign.repo.ref(ref) for ref in [campaign.repo.accepted_ref(campaign.name)])
    history = "".join(campaign.repo.text_at(c, "train.py") for c in _ancestors(campaign, shown["base"]))
    assert all(line in history for line in accepted), "what was accepted is in the line of accepted texts for ever"


def _ancestors(campaign: Campaign, commit: str) -> list[str]:
    from tests.campaigns import git

    return git(campaign.top, "rev-list", commit, f"^{campaign.baseline}").split() or [commit]
