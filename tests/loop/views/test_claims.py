"""What a campaign claims: the headline against what is true, and the words that name best, branch and verification."""

from __future__ import annotations

import random

import pytest

from bench.nights import Night, nothing
from loop.record.campaign_facts import CampaignCreated
from loop.record.entries import Body
from loop.record.experiment_facts import Judged, Proposed, RunEnded, RunStarted, Scored
from loop.record.ledger import Ledger
from loop.record.types import Author, Metric, Outcome, Purpose, Reason, ScoreSource, Verdict
from loop.record.verification_facts import Price, Priced, Verified
from loop.views import claims, gains
from loop.views.findings import findings
from loop.views.standing import best_text
from tests.loop.record.told import entries


def measured(number: int, *scores: float, human: bool = False, over: int = 0) -> list[Body]:
    """An experiment with these scores on seeds 0, 1, ...; `over` is the incumbent."""
    bodies: list[Body] = [
        Proposed(number, f"c{number}", f"c{over}", f"idea {number}", Author.HUMAN if human else Author.KNOBS, "m", 1, 1)
    ]
    for seed, score in enumerate(scores):
        purpose = Purpose.MEASURE if number else Purpose.BASELINE
        bodies += [
            RunStarted(number, seed + 1, purpose, seed, f"c{number}"),
            RunEnded(number, seed + 1, Outcome.FINISHED),
        ]
        bodies.append(Scored(number, seed + 1, score, ScoreSource.SEALED))
    return bodies


def kept(number: int, score: float, delta: float | None, reason: Reason = Reason.BETTER) -> Judged:
    return Judged(number, Verdict.KEEP, reason, score, delta, 0.001)


def campaign(*bodies: Body, source: ScoreSource = ScoreSource.SEALED) -> Ledger:
    begun: list[Body] = [
        CampaignCreated("", "train.py", "python train.py", "5m", Metric(), source, "k", "cpu", "bubblewrap", "c0"),
        *measured(0, 2.0, 2.03, 1.98),
        kept(0, 2.0033, None, Reason.HUMAN),
        *measured(1, 1.9, 1.93),
        kept(1, 1.915, -0.1),
    ]
    return Ledger("night").feed(entries(*begun, *bodies))


def verified(number: int, *gains: float, rows: str = "audit", trouble: str = "") -> Verified:
    seeds = tuple(range(7919, 7919 + len(gains)))
    return Verified(number, f"c{number}", seeds, tuple(2.0 - g for g in gains), (2.0,) * len(gains), rows, 3, trouble)


SELECTED = "selected: #1 val_bpb 1.9150, −0.1000"


def test_before_anything_is_verified_nothing_is_claimed() -> None:
    assert claims.headline(campaign()) == "not verified yet; 'autoresearch verify' measures the gain"
    assert claims.selected(campaign()).startswith(SELECTED)
    nothing_kept = "no gain to verify: nothing better than the baseline has been kept"
    assert claims.headline(Ledger("none")) == nothing_kept
    assert claims.selected(Ledger("none")) == "val_bpb: no baseline yet"


def test_the_headline_is_what_was_verified_and_the_selected_number_stands_below_it() -> None:
    ledger = campaign(verified(1, 0.0121, 0.0114, 0.0128))
    assert claims.headline(ledger) == "verified: −0.0121 ± 0.0017 (95 %, 3 fresh seeds, rows that chose nothing)"
    assert findings(ledger).summary.splitlines()[1].startswith(SELECTED)


@pytest.mark.parametrize(
    ("gains", "trouble"),
    [
        pytest.param((0.0121, -0.01, 0.02), "", id="an interval that holds zero"),
        pytest.param((-0.0121, -0.0114, -0.0128), "", id="clearly worse"),
        pytest.param((0.0121,), "the baseline on seed 7920: out of memory", id="one pair"),
        pytest.param((), "#1 on seed 7919: NaN", id="none"),
    ],
)
def test_what_is_not_clearly_better_is_no_verified_gain(gains: tuple[float, ...], trouble: str) -> None:
    ledger = campaign(verified(1, *gains, trouble=trouble))
    assert claims.headline(ledger) == "no verified gain"
    assert claims.verification(ledger).endswith(trouble)


def test_what_was_verified_and_found_to_be_none_says_nothing_of_what_was_kept_since() -> None:
    later = [*measured(2, 1.8, over=1), kept(2, 1.8, -0.1)]
    assert claims.headline(campaign(verified(1, 0.01, -0.02, 0.01))) == claims.NONE_VERIFIED
    assert claims.headline(campaign(verified(1, 0.01, -0.02, 0.01), *later)) == claims.NOT_VERIFIED
    assert claims.headline(campaign(*later, verified(2, 0.01, -0.02, 0.01))) == claims.NONE_VERIFIED
    stopped = Verified(2, "c2", (), (), (), asked=3)
    assert claims.headline(campaign(*later, stopped)) == claims.NOT_VERIFIED, "a pair was never made"


def test_a_self_reported_metric_is_named_so_in_the_headline() -> None:
    ledger = campaign(verified(1, 0.0121, 0.0114, 0.0128, rows="val"), source=ScoreSource.SELF_REPORTED)
    assert claims.headline(ledger) == "verified: −0.0121 ± 0.0017 (95 %, 3 fresh seeds, self-reported)"


def test_a_gain_of_an_experiment_that_is_not_the_best_any_more_names_it() -> None:
    later = [*measured(2, 1.8, over=1), kept(2, 1.8, -0.1)]
    ledger = campaign(verified(1, 0.0121, 0.0114, 0.0128), *later)
    assert claims.headline(ledger).startswith("verified of #1: −0.0121 ± 0.0017 (95 %")
    assert claims.selected(ledger).startswith("selected: #2 ")


def test_where_best_and_branch_differ_everything_says_which() -> None:
    ledger = campaign(*measured(2, 1.95, human=True, over=1), kept(2, 1.95, 0.05, Reason.HUMAN))
    assert best_text(ledger) == "best #1 1.9150 (−5.0 %), the branch holds #2 1.9500"
    assert claims.selected(ledger).endswith("; the branch holds #2 1.9500")
    assert ledger.left_behind is not None and best_text(campaign()) == "best 1.9150 (−5.0 %)"


def test_keeps_are_compared_pair_by_pair_and_not_by_what_their_seeds_are_worth() -> None:
    """#2 is better than #1 on the seed that both have; its mean is higher, for its second seed is a hard one."""
    ledger = campaign(*measured(2, 1.89, 2.05, over=1), kept(2, 1.97, -0.01))
    assert ledger.best is not None and ledger.best.number == 2 and ledger.left_behind is None


def test_a_script_that_ignores_its_seed_says_so_in_the_headline() -> None:
    begun: list[Body] = [
        CampaignCreated("", "t.py", "t", "5m", Metric(), ScoreSource.SELF_REPORTED, "", "cpu", "bubblewrap", "c0"),
        *measured(0, 0.93, 0.93),
        kept(0, 0.93, None, Reason.HUMAN),
        *measured(1, 0.9),
        kept(1, 0.9, -0.03),
        Verified(1, "c1", (7919, 7920), (0.9, 0.9), (0.93, 0.93), "val", 3),
    ]
    ledger = Ledger("night").feed(entries(*begun))
    assert ledger.exact
    expected = "verified: −0.0300 ± 0.0100 (the script ignores its seed, 2 runs each, self-reported)"
    assert claims.headline(ledger) == expected


def test_a_keep_that_no_longer_pays_is_shown() -> None:
    prices = (Price(1, (2.1, 2.11, 2.12)), Price(2, (2.0, 2.01, 1.99)), Price(3, trouble="later keeps"))
    more = [b for n in (2, 3) for b in (*measured(n, 1.8 - n / 100, over=n - 1), kept(n, 1.8 - n / 100, -0.01))]
    ledger = campaign(*more, Priced(3, (7919, 7920, 7921), (2.0, 2.0, 2.0), prices))
    pays, none, gone = claims.prices(ledger)
    assert pays == "#1 idea 1: brings #3 −0.1100 ± 0.0248 (−0.1000 when it was kept)"
    assert "no gain that can be distinguished from zero" in none and "later keeps" in gone


# Nights by chance, through the real plan, ledger and claims


def test_nights_in_which_nothing_is_true_hardly_ever_claim_a_gain() -> None:
    dice = random.Random(11)
    null = [Night(dice, 1e-3, 0.9, nothing).play(40).verify() for _ in range(200)]
    claimed = [n for n in null if gains.claims_gain(n.ledger)]
    assert len(claimed) <= 6, [claims.headline(n.ledger) for n in claimed]
    assert sum(n.keeps > 0 for n in null) > 150, "there is something to refuse"


def test_the_interval_of_a_headline_holds_the_truth_19_times_in_20() -> None:
    dice = random.Random(12)
    nights = [Night(dice, 1e-3, 0.9).play(40).verify() for _ in range(150)]
    known = [(n, found[1]) for n in nights if (found := gains.last_verified(n.ledger))]
    assert len(known) > 130
    right = sum(abs(i.mean + n.best_gain) <= (i.half or 0.0) for n, i in known)
    assert right >= 0.93 * len(known)
    assert sum(gains.is_gain(n.ledger, i) for n, i in known) > 0.8 * len(known), "and it is narrow enough to claim"
