"""What a look at a text finds before a run is spent on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.engine.humans import Humans
from loop.record.campaign_facts import Answered
from loop.record.experiment_facts import Judged, Proposed
from loop.record.intents import ProposeRequested
from loop.record.types import Author, Failure, FailureKind, Verdict
from tests.loop.engine.desk import BASE, Desk
from tests.loop.trust.test_smuggling import OWN, SMUGGLED

SEALED = object()  # a ruler, of which only matters that there is one


@pytest.mark.parametrize(("ruler", "refused"), [(SEALED, True), (None, False)], ids=["sealed", "self-reported"])
def test_what_a_human_proposes_is_weighed_too(tmp_path: Path, ruler: object, refused: bool) -> None:
    desk = Desk(tmp_path, OWN, ruler=ruler)
    humans = Humans(desk.campaign, desk.backlog, desk.inspection)
    asked = desk.ask(ProposeRequested(OWN + SMUGGLED["one string"], "a table", "", None))
    humans.propose(ProposeRequested(OWN + SMUGGLED["one string"], "a table", "", None), asked)
    (answer,) = desk.facts(Answered)
    assert answer.ok is not refused
    assert ("at most 1,024 are allowed" in answer.message) == refused
    assert any(fact.experiment for fact in desk.facts(Proposed)) != refused


def test_no_text_is_measured_that_came_in_another_way(tmp_path: Path) -> None:
    desk = Desk(tmp_path, OWN, ruler=SEALED)
    experiments = desk.campaign.ledger.experiments
    found = desk.inspection.carries(experiments[desk.propose(OWN + SMUGGLED["comments"])])
    assert isinstance(found, Judged) and found.verdict is Verdict.INVALID and "comments" in found.explanation
    assert desk.inspection.carries(experiments[desk.propose(OWN + "# one more remark\n")]) is None


@pytest.mark.parametrize(
    ("author", "text", "found"),
    [
        pytest.param(Author.MODEL, BASE.replace("0.1", "0.2"), FailureKind.ASSERTION, id="an agent's is rehearsed"),
        pytest.param(Author.KNOBS, BASE.replace("0.1", "0.2"), None, id="a knob's new value is not"),
        pytest.param(Author.KNOBS, "LR = (\n", FailureKind.SYNTAX, id="what cannot be parsed needs no rehearsal"),
    ],
)
async def test_a_look_says_why_a_run_would_fail(
    tmp_path: Path, author: Author, text: str, found: FailureKind | None
) -> None:
    desk = Desk(tmp_path)
    desk.runner.doomed = lambda text: Failure(FailureKind.ASSERTION, "fails in two steps")
    failure = await desk.inspection.look(desk.campaign.ledger.experiments[desk.propose(text, author)])
    assert (failure.kind if failure else None) == found
