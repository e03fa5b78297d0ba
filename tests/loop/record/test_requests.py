"""Requests that wait: whose keys hold, and how many texts a human was promised a measurement of."""

from __future__ import annotations

import pytest

from loop.record.campaign_facts import Answered
from loop.record.entries import Body
from loop.record.experiment_facts import Judged, Proposed, Withdrawn
from loop.record.intents import PauseRequested, ProposeRequested, StartRequested, WithdrawRequested
from loop.record.ledger import Ledger
from loop.record.requests import overridden
from loop.record.types import Author, Reason, Verdict
from tests.loop.record.told import entries, proposed


def revert(number: int, removes: int | None = None, intent: int | None = None) -> Proposed:
    return Proposed(number, f"c{number}", "c0", "mine", Author.HUMAN, "human", 0, 1, removes=removes, intent=intent)


def test_who_proposes_is_one_choice_that_a_later_start_makes_anew() -> None:
    first, second = {"command": "claude -p", "budget": "15s"}, {"model": "knobs"}
    assert overridden(first, second) == {"budget": "15s", "model": "knobs"}
    assert overridden(second, {"command": "codex exec"}) == {"command": "codex exec"}
    assert overridden(first, {"budget": "5s"}) == {"command": "claude -p", "budget": "5s"}
    asked = StartRequested(first), Answered(1, True, ""), StartRequested(second)
    assert Ledger("night").feed(entries(*asked)).asked == {"budget": "15s", "model": "knobs"}
    answered = Ledger("night").feed(entries(*asked, Answered(3, True, "")))
    assert answered.overrides == {"budget": "15s", "model": "knobs"}


def test_a_campaign_has_begun_once_a_start_waits() -> None:
    assert not Ledger("night").feed(entries(PauseRequested())).begun
    assert Ledger("night").feed(entries(StartRequested())).begun
    assert not Ledger("night").feed(entries(StartRequested(), Answered(1, False))).begun
    assert Ledger("night").feed(entries(proposed(0))).begun, "a fact is one too"


@pytest.mark.parametrize(
    ("bodies", "promised"),
    [
        pytest.param([ProposeRequested("t", "h")], 1, id="asked for"),
        pytest.param([ProposeRequested("t", "h"), Answered(1, True), revert(1)], 1, id="queued"),
        pytest.param([revert(1), Judged(1, Verdict.KEEP, Reason.HUMAN, 1.0)], 0, id="measured"),
        pytest.param([revert(1), Withdrawn(1)], 0, id="withdrawn"),
        pytest.param([revert(0), proposed(1)], 0, id="neither the baseline nor a model's"),
        pytest.param([revert(1, 7), WithdrawRequested(7)], 0, id="to be withdrawn"),
        pytest.param([revert(1, 7, 5), WithdrawRequested(7, 5)], 0, id="to be withdrawn by its intent"),
        pytest.param([revert(1, 7, 5), WithdrawRequested(7, 6)], 1, id="the withdrawal of another one"),
        pytest.param([revert(1, 7), WithdrawRequested(8)], 1, id="the withdrawal of another experiment's"),
        pytest.param([ProposeRequested("t", "h", removes=7), WithdrawRequested(7, 1)], 0, id="before it was queued"),
        pytest.param([revert(1, 7, 5), WithdrawRequested(7, 5), WithdrawRequested(7, 5)], 0, id="withdrawn twice"),
        pytest.param([revert(1, 7), WithdrawRequested(7), WithdrawRequested(7)], 0, id="twice, by nobody's intent"),
        pytest.param(
            [revert(1, 7, 5), revert(2, 7, 6), WithdrawRequested(7, 5), WithdrawRequested(7, 5)],
            1,
            id="one of both",
        ),
        pytest.param([revert(1, 7, 5), revert(2, 7, 6), WithdrawRequested(7), WithdrawRequested(7)], 0, id="both"),
        pytest.param([revert(1, 7, 5), revert(2, 7, 6), WithdrawRequested(7)], 1, id="one of two"),
        pytest.param([revert(1, 7), Judged(1, Verdict.KEEP, Reason.HUMAN, 1.0), WithdrawRequested(7)], 0, id="adopted"),
    ],
)
def test_a_human_is_promised_what_was_asked_for_and_neither_judged_nor_taken_back(
    bodies: list[Body], promised: int
) -> None:
    assert Ledger("night").feed(entries(*bodies)).promised == promised
