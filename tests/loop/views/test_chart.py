"""What is drawn of a campaign."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loop.record.entries import Body
from loop.record.experiment_facts import Judged
from loop.record.types import (
    Reason,
    Verdict,
)
from loop.record.verification_facts import Verified
from loop.views.chart import draw
from tests.loop.views.nights import KEEP, campaign, experiment, night


def test_every_experiment_with_a_verdict_has_its_mark() -> None:
    kinds = {mark.number: mark.kind for mark in draw(night()).marks}
    assert kinds == {0: "baseline", 1: "keep", 2: "crash", 3: "worse", 4: "noise", 5: "keep", 6: "worse"}


def test_the_line_is_the_best_ever_kept_and_ignores_a_worse_one_that_a_human_adopted() -> None:
    adopted = campaign(*experiment(1, 1.9, KEEP), *experiment(2, 1.97, (Verdict.KEEP, Reason.HUMAN)))
    ys = [y for _, y in draw(adopted).line]
    assert ys == sorted(ys)
    assert len(set(ys)) == 2


def compared(number: int, score: float, over: int, delta: float) -> list[Body]:
    """One kept experiment, whose pairs with incumbent `over` differ by `delta`; its own scores have a seed's luck."""
    *bodies, judged = experiment(number, score, KEEP)
    assert isinstance(judged, Judged)
    return [*bodies, replace(judged, delta=delta, incumbent=over)]


@pytest.mark.parametrize("luck", [0.15, -0.15], ids=["a hard seed", "an easy seed"])
def test_the_line_is_what_verdicts_compared_and_not_the_luck_of_seeds(luck: float) -> None:
    """#1 gains 0.1; #2, on other seeds, another 0.02. By its score #2 is no gain on a hard seed, 0.17 on an easy."""
    ledger = campaign(*compared(1, 1.9, 0, -0.1), *compared(2, 1.88 + luck, 1, -0.02))
    picture, best = draw(ledger), ledger.best
    assert best is not None and best.number == 2 and ledger.compared(best) == pytest.approx(1.88)
    marks = {mark.number: mark.y for mark in picture.marks}
    scale = (marks[1] - marks[0]) / -0.1  # pixels for a unit of score
    assert picture.line[-1][1] - picture.line[0][1] == pytest.approx(-0.12 * scale)
    assert marks[2] == picture.line[-1][1], "a kept mark is on its line"


def test_a_claimed_gain_stands_beside_the_line_with_its_interval_and_only_that() -> None:
    seeds, gains = (7919, 7920, 7921), (0.09, 0.1, 0.11)
    found = Verified(1, "c1", seeds, tuple(2.0 - gain for gain in gains), (2.0,) * 3, "audit", 3)
    ledger = campaign(*experiment(1, 1.85, KEEP), found)
    picture = draw(ledger)
    assert picture.verified is not None and picture.baseline is not None
    _, y, low, high = picture.verified
    assert low < y < high and picture.line[-1][1] > y > picture.baseline, "selected flatters"
    assert "verified, 95 %" in {word for _, _, word in picture.legend}
    none = campaign(*experiment(1, 1.85, KEEP), replace(found, scores=(2.1, 1.9, 2.0)))
    assert draw(none).verified is None and draw(night()).verified is None


def test_a_campaign_without_noise_has_no_band() -> None:
    ledger = night()
    assert draw(ledger).band
    ledger.noise_floor = None
    assert draw(ledger).band == ()
