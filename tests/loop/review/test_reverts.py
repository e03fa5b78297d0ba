"""Which reverts stand, and taking them back."""

from __future__ import annotations

from loop.record.experiment_facts import Withdrawn
from loop.record.intents import ProposeRequested, WithdrawRequested
from loop.record.types import Author, Verdict
from loop.review.reverts import last_revert, read_removals, reverts, withdraw
from loop.text.diff import split_lines
from tests.campaigns import Campaign
from tests.loop.review.told import BASE, FOURTH, THIRD


def test_reverts_stand_until_they_are_taken_back_queued_or_still_to_be_answered(campaign: Campaign) -> None:
    def standing() -> list[tuple[int, bool]]:
        return [(revert.removes, revert.waits) for revert in reverts(campaign.ledger)]

    measured = campaign.propose(THIRD, "Without #2", Author.HUMAN, removes=2)
    campaign.judge(measured, 0.98)
    queued = campaign.propose(BASE, "Without #1", Author.HUMAN, removes=1)
    campaign.record(ProposeRequested("x\n", "Without #1", campaign.baseline, 1))
    assert standing() == [(2, False), (1, True), (1, True)]
    assert last_revert(campaign.folder)[1][0].new == tuple(split_lines(BASE))
    assert withdraw(campaign.folder, 1) == (True, "it will not be measured")
    assert standing() == [(2, False), (1, True)], "the newest is taken back first"
    assert len(read_removals(campaign.repo, campaign.ledger)) == 1
    campaign.record(Withdrawn(queued))
    assert standing() == [(2, False)]
    assert withdraw(campaign.folder, 1) == (False, "no revert of #1 waits to be measured")
    assert withdraw(campaign.folder, 2) == (
        False,
        "#3, without it, is measured and was adopted; measure your edit to bring it back",
    )


def test_a_revert_measured_in_vain_stands_no_more_once_it_is_undone(campaign: Campaign) -> None:
    without = FOURTH.replace("0.3", "0.1")
    measured = campaign.propose(without, "Without #1", Author.HUMAN, removes=1)
    campaign.judge(measured, 1.02, Verdict.DISCARD)
    assert withdraw(campaign.folder, 1) == (False, "#3, without it, is measured and was not adopted")
    assert reverts(campaign.ledger) == [] and read_removals(campaign.repo, campaign.ledger) == ()
    campaign.record(Withdrawn(measured))
    campaign.judge(campaign.propose(without + "# mine\n", "an edit by hand", Author.HUMAN), 0.97)
    assert read_removals(campaign.repo, campaign.ledger) == (), "an edit that was asked for later undoes nothing"


def test_of_two_reverts_of_an_experiment_the_very_one_is_taken_back(campaign: Campaign) -> None:
    for text in (BASE, THIRD):
        campaign.record(ProposeRequested(text, "Without #1", campaign.baseline, 1))
    first, second = reverts(campaign.ledger)
    assert withdraw(campaign.folder, 1, intent=first.intent) == (True, "it will not be measured")
    assert reverts(campaign.ledger) == [second]
    campaign.record(WithdrawRequested(1))
    assert reverts(campaign.ledger) == [], "a journal that does not say means the newest"
