"""One experiment: which of its runs and scores count, what it cannot be measured on, and what it took."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loop.record.experiment import MOST_LOST, Experiment, Run
from loop.record.types import Author, Failure, FailureKind, Outcome, Purpose, Reason, ScoreSource, Verdict

ONE = Experiment(1, "c1", "c0", "an idea", Author.MODEL, "m", 1, 1, 0.0)
NAN = Failure(FailureKind.NAN, "the loss is not a number")
LOST = Failure(FailureKind.LOST, "its supervisor was killed")


def run(
    seed: int,
    score: float | None = None,
    purpose: Purpose = Purpose.MEASURE,
    commit: str = "c1",
    outcome: Outcome | None = Outcome.FINISHED,
    failure: Failure | None = None,
) -> Run:
    return Run(seed + 1, purpose, seed, commit, outcome, score, failure=failure)


@pytest.mark.parametrize(
    ("runs", "scores"),
    [
        pytest.param([], {}, id="not measured"),
        pytest.param([run(0, 1.5), run(1, 1.25)], {0: 1.5, 1: 1.25}, id="each seed has its own"),
        pytest.param([run(0, 0.0)], {0: 0.0}, id="zero is a score"),
        pytest.param([run(0, None, outcome=Outcome.CRASHED, failure=NAN)], {}, id="a crash has none, not 0.0"),
        pytest.param([run(0, None, outcome=None)], {}, id="nor has a run that trains"),
        pytest.param([run(0, 1.5, commit="c1-before-repair"), run(1, 1.25)], {1: 1.25}, id="of the present text alone"),
        pytest.param([run(0, 1.5), run(1, 1.0, Purpose.AUDIT), run(2, 1.0, Purpose.PRICE)], {0: 1.5}, id="no claims"),
    ],
)
def test_the_scores_are_those_that_a_verdict_may_depend_on(runs: list[Run], scores: dict[int, float]) -> None:
    assert replace(ONE, runs=tuple(runs)).scores == scores


def test_a_claim_is_verified_by_runs_that_chose_nothing() -> None:
    runs = (run(0, 1.5), run(1, 1.25, Purpose.AUDIT), run(2, None, Purpose.AUDIT), run(3, 1.0, Purpose.PRICE))
    assert replace(ONE, runs=runs).verified_scores == {1: 1.25}
    assert replace(ONE, runs=runs, commit="repaired").verified_scores == {}


def lost(times: int) -> list[Run]:
    return [run(7, outcome=Outcome.INTERRUPTED, failure=LOST)] * times


@pytest.mark.parametrize(
    ("runs", "unusable"),
    [
        pytest.param([run(0, 1.5)], set(), id="one with a score"),
        pytest.param([run(0, outcome=Outcome.CRASHED, failure=NAN), run(1, 1.5)], {0}, id="a crash"),
        pytest.param([run(0, outcome=Outcome.INTERRUPTED)], set(), id="an interrupted run is made again"),
        pytest.param([run(0, outcome=None)], set(), id="one that trains"),
        pytest.param(lost(MOST_LOST - 1), set(), id="lost, and made again"),
        pytest.param(lost(MOST_LOST), {7}, id="lost as often as the limit says"),
        pytest.param([run(0, outcome=Outcome.CRASHED, commit="before")], set(), id="a crash of another text"),
    ],
)
def test_a_seed_is_unusable_after_a_crash_or_when_its_supervisor_was_killed_again_and_again(
    runs: list[Run], unusable: set[int]
) -> None:
    assert replace(ONE, runs=tuple(runs)).unusable == unusable


@pytest.mark.parametrize(
    ("own", "named", "judged_seq", "undone"),
    [
        pytest.param(5, 5, 20, True, id="named, also before its verdict"),
        pytest.param(5, 6, 8, False, id="another one is named"),
        pytest.param(5, None, 8, True, id="none is named, after the verdict"),
        pytest.param(5, None, 20, False, id="none is named, before the verdict"),
        pytest.param(None, 5, 8, True, id="an older journal's has no name"),
    ],
)
def test_a_withdrawal_undoes_what_it_names_or_what_was_judged_before_it(
    own: int | None, named: int | None, judged_seq: int, undone: bool
) -> None:
    judged = replace(ONE, intent=own, verdict=Verdict.KEEP, reason=Reason.HUMAN, judged_seq=judged_seq)
    assert judged.undone_by(named, seq=10) is undone
    assert not replace(judged, verdict=None).undone_by(named, seq=10), "without a verdict there is nothing to undo"


def test_why_it_failed_is_what_was_found_before_a_run_or_by_the_last_that_a_verdict_depends_on() -> None:
    crashed = replace(ONE, runs=(run(0, outcome=Outcome.CRASHED, failure=NAN), run(1, 1.0, Purpose.AUDIT)))
    assert (crashed.failure, crashed.outcome) == (NAN, Outcome.CRASHED)
    assert replace(crashed, doomed=LOST).failure == LOST
    assert (ONE.failure, ONE.outcome) == (None, None)


def test_what_it_took_is_the_sum_of_its_runs_and_the_peak_of_its_memory() -> None:
    first, second = run(0, 1.5), run(1, outcome=Outcome.CRASHED)
    first = replace(first, train_seconds=15.0, total_seconds=17.0, peak_memory_mb=600.0, source=ScoreSource.SEALED)
    second = replace(second, train_seconds=1.0, total_seconds=2.0, peak_memory_mb=900.0)
    both = replace(ONE, runs=(second, first))
    assert (both.train_seconds, both.total_seconds, both.peak_memory_mb) == (16.0, 19.0, 900.0)
    assert both.source is ScoreSource.SEALED
    assert (ONE.peak_memory_mb, ONE.source, ONE.total_seconds) == (None, None, 0.0)
