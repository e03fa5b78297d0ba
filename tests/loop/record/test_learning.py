"""What scores show of their script."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loop.record import folding
from loop.record.experiment import Experiment, Run
from loop.record.learning import Learning
from loop.record.types import Purpose
from tests.loop.record.told import proposed


def experiment(*runs: tuple[Purpose, str, float | None]) -> Experiment:
    made = (Run(n, purpose, n, commit, score=score) for n, (purpose, commit, score) in enumerate(runs, 1))
    return replace(folding.proposed(proposed(1), 0.0), runs=tuple(made))


def test_the_finest_score_tells_the_digits_and_none_that_is_infinite() -> None:
    one = experiment((Purpose.MEASURE, "c1", 1.25))
    learnt = Learning().scored(one, 1, 1.25).scored(one, 1, 2.0).scored(one, 1, float("inf"))
    assert learnt.places == 2


@pytest.mark.parametrize(
    ("other", "varied"),
    [
        ((Purpose.CONFIRM, "c1", 1.5), True),
        ((Purpose.CONFIRM, "c1", 1.25), False),
        ((Purpose.CONFIRM, "c1", None), False),
        ((Purpose.CONFIRM, "c2", 1.5), False),
        ((Purpose.AUDIT, "c1", 1.5), False),
    ],
    ids=["another score", "the same score", "no score", "another text", "other rows"],
)
def test_seeds_count_where_one_text_has_two_scores_on_the_same_rows(
    other: tuple[Purpose, str, float | None], varied: bool
) -> None:
    two = experiment((Purpose.MEASURE, "c1", 1.25), other)
    learnt = Learning().scored(two, 1, 1.25)
    assert learnt.varied is varied
    assert learnt.scored(experiment((Purpose.MEASURE, "c1", 1.25)), 1, 1.25).varied is varied, "it stays so"


def test_a_score_of_a_run_that_a_restored_journal_lacks_shows_its_digits_only() -> None:
    assert Learning().scored(experiment(), 1, 1.5) == Learning(places=1)


def test_what_was_learnt_before_stays_as_it_is() -> None:
    before = Learning()
    after = before.paired([0.1, 0.3])
    assert (before.pool.freedom, after.pool.freedom) == (0, 1)
