"""What is asked for is the text that is measured."""

from __future__ import annotations

import pytest

from loop.record.intents import ProposeRequested
from loop.record.types import Refused
from loop.review import proposing
from loop.text.diff import split_lines
from tests.campaigns import Campaign
from tests.loop.review.told import AGAIN, BASE, FOURTH, THIRD, cut, read


def test_the_price_of_a_hunk_is_asked_of_the_newest_text_that_has_it(campaign: Campaign) -> None:
    kept, seen = read(campaign)
    (hunk, _), where = cut(campaign, FOURTH), (campaign.folder, campaign.ledger, kept, seen)
    answer = proposing.propose_without(*where, split_lines(FOURTH), [hunk], 1, [1])
    assert "queued for the next 'autoresearch start'" in answer.message
    asked = campaign.journal.read()[-1].body
    assert isinstance(asked, ProposeRequested)
    assert (asked.text, asked.base, asked.removes) == (FOURTH.replace("0.3", "0.1"), kept.commits[-1], 1)
    assert asked.hypothesis == "Without #1: a larger learning rate"


def test_the_price_of_a_hunk_that_several_wrote_is_that_of_all_their_work(twice: Campaign) -> None:
    kept, seen = read(twice)
    (hunk, _), where = cut(twice, AGAIN), (twice.folder, twice.ledger, kept, seen)
    proposing.propose_without(*where, split_lines(AGAIN), [hunk], 4, [1, 3, 4])
    asked = twice.journal.read()[-1].body
    assert isinstance(asked, ProposeRequested)
    assert (asked.text, asked.base, asked.removes) == (AGAIN.replace("0.075", "0.1"), kept.commits[-1], 4)
    assert asked.hypothesis == "Without #1 #3 #4: a larger learning rate; halve it; halve it again"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BASE, r"this text is that of #0; adopting it would undo 2 kept patches, #1 #2 \(−0\.0300 together\)"),
        (THIRD, r"this text is that of #1; adopting it would undo 1 kept patch, #2 \(−0\.0200 together\)"),
        (THIRD.replace("\n", "\r\n"), r"this text is that of #1;"),
        (FOURTH, "this text is the incumbent; there is nothing to measure"),
        (FOURTH.replace("LR = 0.3", "LR = 0.1"), "this text has no change of yours; adopting it would undo 1 kept"),
    ],
)
def test_a_file_that_would_only_undo_what_was_kept_is_refused(campaign: Campaign, text: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as refused:
        proposing.propose_file(campaign.folder, text, "the file on disk")
    assert text == FOURTH or "If you mean that: autoresearch propose --as-is FILE" in str(refused.value)
    assert not [e for e in campaign.journal.read() if isinstance(e.body, ProposeRequested)]


def test_a_file_is_measured_with_the_keeps_that_it_lacks_or_as_it_is(campaign: Campaign) -> None:
    mine = BASE.replace("WD = 0.2", "WD = 0.9")
    assert (
        "; measured with #1 #2, which this text lacks" in proposing.propose_file(campaign.folder, mine, "mine").message
    )
    proposing.propose_file(campaign.folder, BASE, "back", as_is=True)
    asked = [e.body.text for e in campaign.journal.read() if isinstance(e.body, ProposeRequested)]
    assert asked == [FOURTH.replace("WD = 0.2", "WD = 0.9"), BASE]
