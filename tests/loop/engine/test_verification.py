"""What verifies a claim next, as a function of the ledger."""

from __future__ import annotations

import pytest

from loop.engine.plan import Planned
from loop.engine.verification import FIRST_SEED, largest_keeps, next_check, next_price
from loop.record.entries import Body
from loop.record.experiment import MOST_LOST
from loop.record.experiment_facts import RunEnded, RunStarted, Scored
from loop.record.ledger import Ledger
from loop.record.types import Failure, FailureKind, Outcome, Purpose, ScoreSource
from loop.record.verification_facts import Audited, Price, Priced, Verified
from tests.loop.views.test_claims import campaign, kept, measured


def run(
    number: int, attempt: int, seed: int, score: float | None, purpose: Purpose = Purpose.AUDIT, commit: str = ""
) -> list[Body]:
    failure = None if score is not None else Failure(FailureKind.OUT_OF_MEMORY, "out of memory")
    ended = RunEnded(number, attempt, Outcome.CRASHED if failure else Outcome.FINISHED, failure=failure)
    scored = [] if score is None else [Scored(number, attempt, score, ScoreSource.SEALED)]
    return [RunStarted(number, attempt, purpose, seed, commit or f"c{number}"), ended, *scored]


def step(ledger: Ledger, pairs: int = 2) -> Planned | Verified:
    return next_check(ledger, ledger.experiments[1], pairs)


def test_pairs_are_measured_in_turn_on_seeds_that_chose_nothing() -> None:
    made: list[Body] = []
    for number, seed in ((1, 7919), (0, 7919), (1, 7920), (0, 7920)):
        ledger = campaign(*made)
        assert step(ledger) == Planned(Purpose.AUDIT, seed, number)
        made += run(number, 9 + len(made), seed, 1.9 + 0.1 * (number == 0) + seed / 1e5)
    found = step(campaign(*made))
    assert isinstance(found, Verified)
    assert (found.experiment, found.commit, found.seeds, found.rows, found.asked) == (1, "c1", (7919, 7920), "audit", 2)
    assert [b - s for s, b in zip(found.scores, found.baseline, strict=True)] == pytest.approx([0.1, 0.1])


def test_what_verifies_never_chooses() -> None:
    ledger = campaign(*run(1, 9, 7919, 0.5), *run(0, 9, 7919, 3.0))
    assert 7919 not in ledger.experiments[1].scores and 7919 not in ledger.experiments[0].scores
    assert ledger.noise == campaign().noise


def test_an_interrupted_run_is_made_again_and_a_crash_costs_its_pair() -> None:
    interrupted: list[Body] = [RunStarted(1, 9, Purpose.AUDIT, 7919, "c1"), RunEnded(1, 9, Outcome.INTERRUPTED)]
    assert step(campaign(*interrupted)) == Planned(Purpose.AUDIT, 7919, 1)
    crashed = run(1, 9, 7919, None)
    assert step(campaign(*crashed)) == Planned(Purpose.AUDIT, 7920, 1)
    found = step(campaign(*crashed, *run(1, 10, 7920, 1.9), *run(0, 9, 7920, 2.0)))
    assert isinstance(found, Verified)
    assert (found.seeds, found.trouble) == ((7920,), "#1 on seed 7919: out of memory")


def test_a_run_that_kills_its_supervisor_again_and_again_costs_its_pair() -> None:
    lost = Failure(FailureKind.LOST, "its supervisor was killed")
    made: list[Body] = []
    for attempt in range(MOST_LOST):
        assert step(campaign(*made)) == Planned(Purpose.AUDIT, FIRST_SEED, 1)
        made.append(RunStarted(1, 9 + attempt, Purpose.AUDIT, FIRST_SEED, "c1"))
        made.append(RunEnded(1, 9 + attempt, Outcome.INTERRUPTED, failure=lost))
    assert step(campaign(*made)) == Planned(Purpose.AUDIT, FIRST_SEED + 1, 1)


@pytest.mark.parametrize("done", [Verified(1, "c1", (7919,), (1.9,), (2.0,)), Audited(1, 7919, 2.0, 1.9)])
def test_another_verification_has_seeds_of_its_own(done: Body) -> None:
    ledger = campaign(*run(1, 9, FIRST_SEED, 1.9), *run(0, 9, FIRST_SEED, 2.0), done)
    assert step(ledger) == Planned(Purpose.AUDIT, FIRST_SEED + 1, 1)


def price(ledger: Ledger, without: dict[int, str | Price]) -> object:
    return next_price(ledger, ledger.experiments[2], without, (7919, 7920))


def test_a_keep_is_priced_by_the_incumbent_without_it_on_the_same_seeds() -> None:
    more: list[Body] = [*measured(2, 1.8, over=1), kept(2, 1.8, -0.1)]
    gone = Price(2, trouble="it cannot be taken out")
    without: dict[int, str | Price] = {1: "without1", 2: gone}
    for number, purpose, seed, commit in (
        (2, Purpose.AUDIT, 7919, "c2"), (2, Purpose.AUDIT, 7920, "c2"),
        (1, Purpose.PRICE, 7919, "without1"), (1, Purpose.PRICE, 7920, "without1"),
    ):  # fmt: skip
        ledger = campaign(*more)
        assert price(ledger, without) == (Planned(purpose, seed, number), commit)
        more += run(number, 9 + len(more), seed, 1.8 if number == 2 else 1.85, purpose, commit)
    assert price(campaign(*more), without) == Priced(2, (7919, 7920), (1.8, 1.8), (Price(1, (1.85, 1.85)), gone))
    assert campaign(*more).experiments[1].score == 1.915, "a price is no score of the patch"


def test_the_largest_keeps_of_the_line_come_first() -> None:
    more = [b for n, d in ((2, -0.05), (3, -0.2)) for b in (*measured(n, 1.8, over=n - 1), kept(n, 1.8, d))]
    ledger = campaign(*more)
    assert [e.number for e in largest_keeps(ledger, list(ledger.experiments.values()), 2)] == [3, 1]
