"""Asking the proposer: what it is told, what its calls cost, and which one is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.engine.authors import Authors
from loop.proposers import Abandoned, Brief, Proposal
from loop.record.campaign_facts import Spent
from loop.record.types import Cost, Failure, FailureKind, ProposalFailed
from tests.loop.engine.desk import BASE, Desk, FakeProposer

LIMITED = "---\nmodel: a/model\nstop: {dollars: 1}\n---\nLower val_bpb.\n"
PAID = Cost(10, 5, 0.5)
CRASH = Failure(FailureKind.OTHER, "it crashed")


async def test_a_proposer_is_told_of_the_incumbent_and_of_all_that_was_tried(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    kept = desk.keep(BASE.replace("0.1", "0.2"))
    desk.propose(BASE.replace("0.1", "0.3"))
    desk.proposer.answers = ["LR = 0.5\n"]
    proposal, parent = await desk.authors.propose()
    (brief,) = desk.proposer.briefs
    experiments = desk.campaign.ledger.experiments
    assert (proposal.text, parent) == ("LR = 0.5\n", experiments[kept].commit)
    assert (brief.text, brief.commit, brief.canvas) == (BASE.replace("0.1", "0.2"), parent, "train.py")
    assert brief.tried == {e.fingerprint for e in experiments.values()} and brief.waiting == ("an idea",)


@pytest.mark.parametrize(
    ("failure", "recorded"),
    [
        pytest.param(ProposalFailed("no key", cost=PAID), [PAID], id="failed"),
        pytest.param(Abandoned(PAID), [PAID], id="cut off by the end"),
        pytest.param(ProposalFailed("the next step depends on #3", wait=True), [], id="waits, which is no failure"),
    ],
)
async def test_what_a_call_cost_is_recorded_where_nothing_came_of_it(
    tmp_path: Path, failure: BaseException, recorded: list[Cost]
) -> None:
    desk = Desk(tmp_path)
    desk.proposer.answers = [failure]
    with pytest.raises(type(failure)):
        await desk.authors.propose()
    assert [fact.cost for fact in desk.facts(Spent)] == recorded


async def test_a_repair_that_fails_is_none_and_paid_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    broken = desk.backlog.broken(desk.campaign.ledger.experiments[desk.propose("LR = 0.2\n")])
    desk.proposer.repairs = [ProposalFailed("no idea", cost=PAID), "LR = 0.4\n", None]
    assert await desk.authors.repair(broken, CRASH) is None
    repaired = await desk.authors.repair(broken, CRASH)
    assert repaired is not None and repaired.text == "LR = 0.4\n"
    assert await desk.authors.repair(broken, CRASH) is None
    assert [fact.cost for fact in desk.facts(Spent)] == [PAID]


async def test_what_is_being_spent_counts_for_the_limits_of_all(tmp_path: Path) -> None:
    desk = Desk(tmp_path, program=LIMITED)
    said: list[str] = []

    class Spender(FakeProposer):
        async def propose(self, brief: Brief) -> Proposal:
            said.append(brief.limit(Cost(dollars=0.6)))
            if len(said) < 2:
                await desk.authors.propose()  # as a second writer does at the same time
            return await super().propose(brief)

    desk.proposer = Spender(answers=["LR = 0.2\n", "LR = 0.3\n"])
    authors = Authors(desk.campaign, desk.strategy, desk.canvases, lambda program: desk.proposer)
    desk.authors = authors
    await authors.propose()
    assert said == ["", "$1.20 spent, as much as 'stop: dollars' allows"]


def test_another_proposer_is_asked_once_program_md_names_another(tmp_path: Path) -> None:
    desk = Desk(tmp_path, program=LIMITED)
    authors = Authors(desk.campaign, desk.strategy, desk.canvases, lambda program: FakeProposer(name=program.models[0]))
    first = authors.proposer
    program = desk.campaign.folder / "program.md"
    for text, same in ((LIMITED + "Try fewer layers.\n", True), (LIMITED.replace("a/model", "b/model"), False)):
        program.write_text(text)
        desk.strategy.read()
        assert (authors.proposer is first) is same
    assert authors.proposer.name == "b/model"
