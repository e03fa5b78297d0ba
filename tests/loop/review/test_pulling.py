"""Pull: what a text lacks comes, what is its human's own stays."""

from __future__ import annotations

import pytest

from loop.record.types import Author, Refused
from loop.review import pulling
from loop.text.diff import split_lines
from loop.text.holding import Holding
from loop.text.hunks import apply, invert
from tests.campaigns import Campaign
from tests.loop.review.told import BASE, FOURTH, THIRD, cut, held, pulled, read


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        pytest.param(BASE, FOURTH, id="a clean text"),
        pytest.param(BASE + "# mine\n", FOURTH + "# mine\n", id="edited"),
        pytest.param("# mine\n" + THIRD, "# mine\n" + FOURTH, id="edited, one keep behind"),
        pytest.param(FOURTH, FOURTH, id="nothing to pull"),
    ],
)
def test_pull_brings_what_is_missing_and_keeps_what_is_mine(campaign: Campaign, mine: str, expected: str) -> None:
    assert "".join(pulled(campaign, split_lines(mine))) == expected


def test_pull_is_refused_where_both_changed_a_line(campaign: Campaign) -> None:
    campaign.keep(FOURTH.replace("LR = 0.3\nWD = 0.2", "LR = 0.5\nWD = 0.9"), "both", 0.9)
    mine = split_lines(FOURTH.replace("LR = 0.3", "LR = 9"))
    with pytest.raises(Refused, match="your own edits and #3 changed the same lines; nothing was changed"):
        pulled(campaign, mine)


def test_a_reverted_hunk_does_not_come_back_with_the_next_pull(campaign: Campaign) -> None:
    (hunk, _) = cut(campaign, FOURTH)
    mine = apply(split_lines(FOURTH), invert(hunk))
    campaign.propose("".join(mine), "Without #1", Author.HUMAN, removes=1)
    assert pulled(campaign, mine) == mine and held(campaign, mine).changed == (1,)
    campaign.judge(3, 0.98)
    assert held(campaign, mine, ()) == Holding(base=tuple(mine), whole=tuple(mine)), "the kept line has it now"


def test_two_reverted_hunks_do_not_come_back_with_the_next_pull_nor_stop_it(campaign: Campaign) -> None:
    mine = split_lines("# mine\n" + BASE)
    campaign.propose(FOURTH.replace("0.3", "0.1"), "Without #1", Author.HUMAN, removes=1)
    campaign.propose(THIRD, "Without #2", Author.HUMAN, removes=2)
    assert pulled(campaign, mine) == mine
    restored = pulling.restored(campaign.folder, campaign.ledger, read(campaign)[0], mine, 2)
    assert "".join(restored) == "# mine\n" + FOURTH, "who asks for an experiment gets all of it"
    campaign.keep(FOURTH.replace("0.2", "0.5"), "decay", 0.96)
    assert held(campaign, mine).missing == (5,), "what was kept meanwhile is not in it"
    more = pulled(campaign, mine)
    assert "".join(more) == "# mine\n" + BASE.replace("0.2", "0.5")
    assert pulled(campaign, more) == more
    assert held(campaign, split_lines(THIRD)).missing == (5,), "one of them came back: the other did not"
