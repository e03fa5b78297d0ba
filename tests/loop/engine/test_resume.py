"""A campaign that a new daemon takes over: under the conditions that it was created with, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loop.engine.resume import resume
from loop.engine.strategy import Strategy
from loop.engine.verdict import RULE
from loop.record.campaign_facts import Answered, Resumed, StateChanged
from loop.record.intents import StartRequested
from loop.record.types import Refused
from loop.runs.conditions import Conditions
from loop.runs.runner import Runner
from loop.trust.probe import probe
from loop.trust.sandbox import Sandbox
from tests.campaigns import git
from tests.loop.engine.desk import Desk


class Old(Desk):
    """A campaign of before, whose first start is answered."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.campaign.repo.move_ref(self.campaign.repo.branch(self.made.name), self.made.baseline, None)
        self.campaign.answer(1, True, "runs")

    async def resume(self) -> Runner:
        created = self.campaign.ledger.created
        assert created is not None
        return await resume(self.campaign, Strategy(self.campaign), created)

    async def told(self) -> str:
        await self.resume()
        return str(self.facts(Answered)[-1].message)


@pytest.fixture
def old(tmp_path: Path) -> Old:
    return Old(tmp_path)


async def test_the_conditions_are_those_of_before_whatever_program_md_says_now(old: Old) -> None:
    (old.made.top / "program.md").write_text("---\nbudget: 3s\nmetric: loss\ncanvas: other.py\n---\n")
    old.ask(StartRequested())
    conditions = (await old.resume()).conditions
    assert (str(conditions.budget), conditions.metric.name, conditions.canvas) == ("5m", "val_bpb", "train.py")
    assert "it keeps the canvas and budget and metric that it began with" in old.facts(Answered)[-1].message


async def test_a_takeover_is_recorded_before_anything_else(old: Old) -> None:
    old.ask(StartRequested())
    at = len(old.made.journal.read())
    await old.resume()
    bodies = [entry.body for entry in old.made.journal.read()[at:]]
    assert [type(body) for body in bodies] == [Resumed, StateChanged, StateChanged, Answered]
    assert bodies[2].message == "resumed"


async def test_a_newer_rule_for_verdicts_is_said_once(old: Old) -> None:
    old.ask(StartRequested())
    assert f"its verdicts follow a newer rule, '{RULE}'" in await old.told()
    old.ask(StartRequested())
    assert "newer rule" not in await old.told()


async def test_what_an_earlier_start_asked_for_and_still_holds_is_said(old: Old) -> None:
    old.ask(StartRequested({"experiments": "60", "queue": "1"}))
    await old.resume()
    old.ask(StartRequested({"queue": "2"}))
    told = await old.told()
    assert "; --experiments 60 of an earlier start still holds" in told and "--queue" not in told


def check_out(old: Old) -> None:
    git(old.made.top, "checkout", "-q", f"autoresearch/{old.made.name}")


def commit_there(old: Old) -> None:
    git(old.made.top, "commit", "-q", "--allow-empty", "-m", "mine")
    git(old.made.top, "branch", "-f", f"autoresearch/{old.made.name}")


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        pytest.param(check_out, "switch to a branch of your own first", id="its branch is checked out"),
        pytest.param(commit_there, r"is not of the campaign; .*git branch -m", id="the user's commits are on it"),
        pytest.param(
            lambda old: old.ask(StartRequested({"budget": "8s"})),
            "measures with a budget of 5m, and scores of another do not compare",
            id="another budget is asked for",
        ),
    ],
)
async def test_what_cannot_be_continued_is_refused_and_nothing_is_recorded(
    old: Old, prepare: Callable[[Old], object], why: str
) -> None:
    prepare(old)
    with pytest.raises(Refused, match=why):
        await old.resume()
    assert not old.facts(Resumed)


@pytest.mark.parametrize(("key", "refused"), [("as before", False), ("of another device", True)])
async def test_a_campaign_is_resumed_only_where_its_scores_compare(
    old: Old, monkeypatch: pytest.MonkeyPatch, key: str, refused: bool
) -> None:
    ruler: Any = SimpleNamespace(comparison_key=key, device_name="a device")

    async def prepared(*_: object) -> tuple[Conditions, Sandbox]:
        return replace(old.conditions, ruler=ruler), probe()

    monkeypatch.setattr("loop.engine.resume.prepare", prepared)
    created = old.campaign.ledger.created
    assert created is not None
    work = resume(old.campaign, Strategy(old.campaign), replace(created, comparison_key="as before"))
    if not refused:
        assert (await work).conditions.ruler is ruler
        return
    with pytest.raises(Refused, match=r"measured under other conditions \(.*now a device, key of anoth\)"):
        await work
