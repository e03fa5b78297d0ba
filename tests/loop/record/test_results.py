"""The results: which experiment is the best, what each looks like, how they compare."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loop.record.experiment import Experiment, Run
from loop.record.experiment_facts import Judged
from loop.record.ledger import Ledger
from loop.record.results import Results
from loop.record.types import Author, Mark, Outcome, Purpose, Reason, Refused, Verdict
from tests.loop.record.told import entries, measured, night, proposed

ONE = Experiment(1, "c1", "c0", "an idea", Author.MODEL, "m", 1, 1, 0.0)


def test_a_text_that_a_human_put_in_has_gained_only_by_its_score() -> None:
    worse, better = (Judged(3, Verdict.KEEP, Reason.HUMAN, 1.95, delta=delta) for delta in (0.05, -0.05))
    ledgers = [Ledger("night").feed(entries(*night(), judged)) for judged in (worse, better)]
    assert [ledger.gained(ledger.experiments[3]) for ledger in ledgers] == [False, True]
    assert ledgers[0].gained(ledgers[0].experiments[1]) and not ledgers[0].gained(ledgers[0].experiments[2])


def test_the_best_is_not_the_incumbent_after_a_human_made_it_worse() -> None:
    body = [*night(), Judged(3, Verdict.KEEP, Reason.HUMAN, 1.97)]
    ledger = Ledger("night").feed(entries(*body))
    assert ledger.incumbent == 3
    assert ledger.best is not None and ledger.best.number == 1


def test_a_plateau_is_as_long_as_what_was_judged_after_the_last_keep_whatever_its_number() -> None:
    body = [*night(), Judged(3, Verdict.KEEP, Reason.HUMAN, 1.97), proposed(4), proposed(5)]
    body += [*measured(5, 1.8, Verdict.KEEP), *measured(4, 1.9, Verdict.DISCARD)]
    assert Ledger("night").feed(entries(*body)).since_keep == 1


@pytest.mark.parametrize(
    ("changes", "mark"),
    [
        ({}, Mark.WAITING),
        ({"restored": True}, Mark.LOST),
        ({"verdict": Verdict.CRASH}, Mark.CRASH),
        ({"verdict": Verdict.INVALID}, Mark.INVALID),
        ({"verdict": Verdict.KEEP, "number": 0}, Mark.BASELINE),
        ({"verdict": Verdict.KEEP, "reason": Reason.BETTER}, Mark.KEEP),
        ({"verdict": Verdict.KEEP, "reason": Reason.HUMAN, "delta": -0.1}, Mark.KEEP),
        ({"verdict": Verdict.KEEP, "reason": Reason.HUMAN, "delta": 0.0}, Mark.ADOPTED),
        ({"verdict": Verdict.KEEP, "reason": Reason.HUMAN, "delta": 0.1, "removes": 3}, Mark.PRICE),
        ({"verdict": Verdict.DISCARD, "reason": Reason.WITHIN_NOISE}, Mark.NOISE),
        ({"verdict": Verdict.DISCARD, "reason": Reason.WORSE}, Mark.WORSE),
    ],
)
def test_what_an_experiment_looks_like(changes: dict[str, object], mark: Mark) -> None:
    assert Results("night").mark(replace(ONE, **changes)) is mark  # type: ignore[arg-type]


def test_the_best_has_the_best_level_and_not_the_best_score_of_unlike_seeds() -> None:
    kept = replace(ONE, verdict=Verdict.KEEP)
    two = replace(kept, number=2, score=1.8, level=-0.2)
    results = Results("night", experiments={1: replace(kept, score=1.7, level=-0.1), 2: two})
    assert results.best == two
    same = replace(two, number=3)
    results.experiments[3] = same
    assert results.best == two, "of two that are equally good the earlier one"
    assert Results("night", experiments={1: replace(kept, score=None)}).best is None


def test_the_branch_is_left_behind_where_it_holds_another_than_the_best() -> None:
    one, two = (replace(ONE, number=n, verdict=Verdict.KEEP, score=1.0, level=-1.0 / n) for n in (1, 2))
    results = Results("night", experiments={1: one, 2: two}, incumbent=1)
    assert results.left_behind is None
    results.incumbent = 2
    assert results.left_behind == two


def test_only_what_was_run_and_judged_counts_and_never_the_baseline() -> None:
    assert Ledger("night").feed(entries(*night())).judged == 2
    unrun = [
        *night(),
        Judged(3, Verdict.INVALID, Reason.FAILED),
        proposed(4),
        Judged(4, Verdict.INVALID, Reason.FAILED),
    ]
    ledger = Ledger("night").feed(entries(*unrun))
    assert (ledger.judged, [e.number for e in ledger.verdicts]) == (3, [0, 1, 2, 3, 4])
    assert ledger.last_judged is not None and ledger.last_judged.number == 4


def test_a_score_is_compared_by_the_differences_that_its_verdicts_found() -> None:
    judged = replace(ONE, verdict=Verdict.KEEP, score=1.7, level=-0.1)
    results = Results("night", experiments={0: replace(ONE, number=0, score=2.0), 1: judged})
    assert results.compared(judged) == pytest.approx(1.9)
    assert results.compared(replace(judged, score=float("inf"))) == float("inf")
    assert results.compared(replace(judged, score=None)) is None


def test_what_it_brought_is_on_the_seeds_that_it_shares_with_the_baseline() -> None:
    def run(seed: int, score: float, commit: str) -> Run:
        return Run(seed, Purpose.MEASURE, seed, commit, Outcome.FINISHED, score)

    baseline = replace(ONE, number=0, commit="c0", score=2.0, runs=(run(0, 2.0, "c0"), run(1, 2.2, "c0")))
    ours = replace(ONE, score=1.9, level=-0.3, runs=(run(1, 2.1, "c1"), run(2, 1.0, "c1")))
    results = Results("night", experiments={0: baseline, 1: ours})
    assert results.brought(ours) == pytest.approx(-0.1)
    assert results.brought(replace(ours, runs=())) == -0.3, "without one in common: what the kept line had gained"
    assert results.brought(replace(ours, score=None)) is None


def test_the_slowest_run_is_one_that_gave_a_score() -> None:
    runs = tuple(Run(n, Purpose.MEASURE, n, "c1", score=score, total_seconds=10.0 * n)
                 for n, score in enumerate((1.0, 1.1, None)))  # fmt: skip
    assert Results("night", experiments={1: replace(ONE, runs=runs)}).slowest_s == 10.0
    assert Results("night").slowest_s is None


def test_an_experiment_that_is_not_there_is_refused_with_those_that_are() -> None:
    ledger = Ledger("night").feed(entries(*night()))
    assert ledger.find(2).number == 2
    with pytest.raises(Refused, match="no experiment #9 in campaign night; there are #0 to #3"):
        ledger.find(9)
    with pytest.raises(Refused, match="there is none yet"):
        Results("night").find(0)
