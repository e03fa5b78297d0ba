"""What a start is told, and that every start that waits is answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loop.engine import opening
from loop.engine.opening import Terms, begin
from loop.engine.strategy import Strategy
from loop.record.campaign_facts import Answered, StateChanged
from loop.trust.sandbox import BUBBLEWRAP, PROCESS_GROUP, SEATBELT, Sandbox
from loop.trust.seatbelt import Seatbelt
from tests.loop.engine.desk import Desk


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        pytest.param(PROCESS_GROUP, "corpus", True, id="no sandbox, data of the user's"),
        pytest.param(PROCESS_GROUP, "auto", False, id="no sandbox, no data"),
        pytest.param(BUBBLEWRAP, "corpus", False, id="a sandbox"),
        pytest.param(SEATBELT, "corpus", False, id="that of macOS"),
    ],
)
def test_a_start_says_where_its_runs_can_write_to_the_data(tmp_path: Path, kind: str, data: str, told: bool) -> None:
    desk = Desk(tmp_path)  # whose start waits for its answer
    conditions = replace(desk.conditions, data=str(tmp_path / data) if data == "corpus" else data)
    terms = Terms(desk.made.baseline, False, "train.py", "python train.py", conditions.metric, None, data)
    begin(desk.campaign, terms, conditions, Sandbox(kind))
    (answer,) = desk.facts(Answered)
    assert answer.ok and answer.message.startswith(f"campaign {desk.made.name} runs: python train.py")
    assert ("without bubblewrap its runs can also write to corpus" in answer.message) is told


def test_a_start_names_the_weaker_sandbox(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    terms = Terms(desk.made.baseline, True, "train.py", "python train.py", desk.conditions.metric, None, "auto")
    begin(desk.campaign, terms, desk.conditions, Seatbelt(SEATBELT, missing=("shared memory of its own",)))
    assert "; its sandbox: sandbox-exec, without shared memory of its own" in desk.facts(Answered)[0].message


async def test_a_sandbox_that_keeps_runs_from_their_gpu_is_not_used_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    weaker = Sandbox(PROCESS_GROUP, reason="sandbox-exec keeps runs from the Apple GPU: no device")
    monkeypatch.setattr(opening, "that_reaches", lambda conditions, sandbox, top: weaker)
    terms = Terms(desk.made.baseline, False, "train.py", "python train.py", desk.conditions.metric, None, "auto")
    _, sandbox = await opening.prepare(desk.campaign, Strategy(desk.campaign), terms)
    assert sandbox is weaker
    assert desk.facts(StateChanged)[-1].message == f"{weaker.reason}; runs are not confined"


def test_what_is_said_of_the_state_is_about_the_moment(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    terms = Terms(desk.made.baseline, False, "train.py", "python train.py", desk.conditions.metric, None, "auto")
    begin(desk.campaign, terms, desk.conditions, Sandbox(PROCESS_GROUP))
    said = desk.facts(StateChanged)[-1]
    assert (said.message, said.passing) == ("resumed", True)
