"""One experiment, fact by fact."""

from __future__ import annotations

import pytest

from loop.record import folding
from loop.record.entries import Body
from loop.record.experiment import Run
from loop.record.experiment_facts import (
    Doomed,
    Judged,
    Merged,
    Repaired,
    RunEnded,
    RunStarted,
    Scored,
    VerdictLost,
    Withdrawn,
)
from loop.record.ledger import Ledger
from loop.record.types import Failure, FailureKind, Outcome, Purpose, Reason, ScoreSource, Verdict
from tests.loop.record.told import entries, proposed

NAN = Failure(FailureKind.NAN, "the loss is not a number")
PATCH = folding.proposed(proposed(1), 12.0)


def test_a_proposal_begins_an_experiment_with_all_that_it_says() -> None:
    fact = proposed(1)
    assert {**vars(PATCH), **vars(fact)} == {**vars(PATCH), "experiment": 1}
    assert (PATCH.number, PATCH.proposed_at, PATCH.verdict, PATCH.runs) == (1, 12.0, None, ())


def test_a_repaired_experiment_counts_only_the_runs_of_its_present_text() -> None:
    body: list[Body] = [
        proposed(1),
        RunStarted(1, 1, Purpose.MEASURE, 0, "c1"),
        RunEnded(1, 1, Outcome.CRASHED, failure=Failure(FailureKind.ASSERTION, "no")),
        Repaired(1, "c1b", "idea 1, repaired", 2, 1),
        RunStarted(1, 2, Purpose.MEASURE, 0, "c1b"),
        RunEnded(1, 2, Outcome.FINISHED),
        Scored(1, 2, 1.8, ScoreSource.SEALED),
    ]
    experiment = Ledger("night").feed(entries(*body)).experiments[1]
    assert (experiment.scores, experiment.repairs, len(experiment.runs)) == ({0: 1.8}, 1, 2)


def test_another_text_is_looked_at_anew() -> None:
    doomed = folding.changed(PATCH, Doomed(1, NAN), 2)
    assert (doomed.doomed, doomed.failure) == (NAN, NAN)
    merged = folding.changed(doomed, Merged(1, "c1m", "c9", 5, 6, "f"), 2)
    assert (merged.commit, merged.parent, merged.lines_added, merged.lines_removed) == ("c1m", "c9", 5, 6)
    assert merged.doomed is None and merged.fingerprint == "f"
    repaired = folding.changed(doomed, Repaired(1, "c1r", "again", 3, 4, cost=PATCH.cost), 2)
    assert (repaired.doomed, repaired.hypothesis, repaired.cost.tokens_in) == (None, "again", 200)


def test_what_was_withdrawn_knows_what_came_after_it() -> None:
    withdrawn = folding.changed(PATCH, Withdrawn(1), 5)
    assert withdrawn.withdrawn and withdrawn.withdrawn_before == 5


def test_a_lost_verdict_is_of_the_runs_that_are_known() -> None:
    lost = folding.changed(folding.ran(PATCH, RunStarted(1, 1, Purpose.MEASURE, 0, "c1")), VerdictLost(1, kept=True), 2)
    assert lost.restored and lost.was_kept and lost.unknown
    assert not folding.ran(lost, RunStarted(1, 2, Purpose.MEASURE, 0, "c1")).unknown, "it is measured again"


def test_a_run_is_told_by_its_attempt_and_of_an_unknown_one_nothing_is() -> None:
    two = PATCH
    for attempt in (1, 2):
        two = folding.ran(two, RunStarted(1, attempt, Purpose.MEASURE, attempt, "c1"))
    ended = folding.ran(two, RunEnded(1, 2, Outcome.FINISHED, 15.0, 17.0, 600.0, 1e5, None, 1.0, 2.0, 3.0))
    scored = folding.ran(ended, Scored(1, 2, 1.5, ScoreSource.SEALED))
    assert scored.runs[0] == Run(1, Purpose.MEASURE, 1, "c1")
    assert scored.runs[1] == Run(2, Purpose.MEASURE, 2, "c1", Outcome.FINISHED, 1.5, ScoreSource.SEALED,
                                 15.0, 17.0, 600.0, 1e5, None, 1.0, 2.0, 3.0)  # fmt: skip
    assert folding.ran(scored, Scored(1, 9, 9.0, ScoreSource.SEALED)) == scored


@pytest.mark.parametrize(
    ("number", "score", "delta", "against", "level"),
    [
        pytest.param(1, 1.7, -0.1, -0.2, -0.3, id="on top of the incumbent's"),
        pytest.param(1, 1.7, None, -0.2, -0.3, id="without a delta the score over the baseline"),
        pytest.param(1, 1.7, -0.1, None, -0.3, id="without an incumbent too"),
        pytest.param(1, None, -0.1, -0.2, 0.0, id="nothing without a score"),
        pytest.param(0, 1.7, -0.1, -0.2, 0.0, id="nothing for the baseline"),
    ],
)
def test_a_level_is_the_sum_of_the_deltas(
    number: int, score: float | None, delta: float | None, against: float | None, level: float
) -> None:
    fact = Judged(number, Verdict.KEEP, Reason.BETTER, score, delta)
    other = None if against is None else folding.judged(PATCH, fact, None, against, 0.0, 1)
    assert folding.level(fact, other, 2.0) == pytest.approx(level)


def test_the_pairs_of_a_verdict_are_its_own_and_in_older_journals_those_of_the_runs() -> None:
    runs: list[Body] = []
    for number, score in ((0, 2.0), (1, 1.5)):
        runs += [proposed(number), RunStarted(number, 1, Purpose.MEASURE, 3, f"c{number}"),
                 Scored(number, 1, score, ScoreSource.SEALED)]  # fmt: skip
    zero, one = Ledger("night").feed(entries(*runs)).experiments.values()
    told = Judged(1, Verdict.KEEP, Reason.BETTER, 1.5, pairs=((1.5, 2.5), (1.0, 1.5)))
    assert folding.compared(told, one, zero) == [-1.0, -0.5]
    old = Judged(1, Verdict.KEEP, Reason.BETTER, 1.5)
    assert folding.compared(old, one, zero) == [-0.5]
    assert folding.compared(old, one, one) == folding.compared(old, one, None) == []
    assert folding.compared(Judged(1, Verdict.CRASH, Reason.FAILED), one, zero) == []
