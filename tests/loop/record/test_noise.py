"""The noise of pairs, what rounding hides, and the interval of a mean difference."""

from __future__ import annotations

import random
import statistics

import pytest

from loop.record.noise import ENOUGH, Pool, decimals, differences, interval, noise_floor, student, unit_of
from loop.record.types import TooFewRuns


def test_a_noise_floor_is_the_deviation_of_a_sample() -> None:
    assert noise_floor([1.0, 2.0, 3.0]) == 1.0
    assert noise_floor([0.1, 0.1, 0.1]) == 0.0
    with pytest.raises(TooFewRuns, match="at least 2 scores of the baseline, got 1"):
        noise_floor([1.0])


def test_the_noise_of_pairs_is_pooled_about_each_patchs_own_mean() -> None:
    dice, pool = random.Random(3), Pool()
    for _ in range(400):
        effect = dice.gauss(0, 1)
        pool = pool.add([effect + dice.gauss(0, 0.01) for _ in range(2)])
    assert pool.deviation(None) == pytest.approx(0.01, rel=0.1)


def test_the_baselines_spread_is_a_first_guess_only() -> None:
    pool = Pool()
    assert pool.deviation(None) is None and pool.deviation(1.0) == pytest.approx(2**0.5)
    for _ in range(ENOUGH - 1):
        pool = pool.add([0.0, 0.01])
    assert pool.deviation(1.0) == pytest.approx(2**0.5)
    pool = pool.add([0.0, 0.01])
    assert pool.deviation(1.0) == pytest.approx(0.01 / 2**0.5)


def test_one_pair_and_a_patch_that_changes_nothing_teach_nothing() -> None:
    pool = Pool().add([0.5]).add([0.0, 0.0])
    assert (pool.squares, pool.freedom) == (0.0, 0)


def test_only_seeds_that_both_have_are_compared() -> None:
    assert differences({0: 1.0, 2: 3.0, 5: 1.0}, {2: 1.0, 0: 2.0, 7: 0.0}) == {0: -1.0, 2: 2.0}


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.706), (2, 4.303), (10, 2.228), (11, 2.201), (30, 2.042)])
def test_students_quantiles(freedom: int, expected: float) -> None:
    assert student(freedom) == pytest.approx(expected, abs=0.002)


def test_an_interval_of_three_pairs_is_right_19_times_in_20() -> None:
    dice, right = random.Random(5), 0
    for _ in range(4000):
        found = interval([dice.gauss(-0.01, 0.003) for _ in range(3)])
        assert found.half is not None
        right += abs(found.mean + 0.01) <= found.half
    assert 0.94 <= right / 4000 <= 0.96


def test_what_the_campaign_knows_of_pairs_only_widens_an_interval() -> None:
    close = [-0.0100, -0.0101, -0.0102]
    assert interval(close).half == pytest.approx(4.3027 * 0.0001 / 3**0.5)
    assert interval(close, pair=0.01).half == pytest.approx(1.96 * 0.01 / 3**0.5, rel=1e-4)
    assert interval([0.0, 1.0, 2.0], pair=0.01) == interval([0.0, 1.0, 2.0])


def test_one_pair_has_no_interval_and_equal_ones_that_of_their_last_digit() -> None:
    alone = interval([-0.5])
    assert (alone.half, alone.clear) == (None, False)
    same = interval([-0.5, -0.5], unit=0.01)
    assert (same.mean, same.half, same.clear) == (-0.5, 0.01, True)
    assert not interval([-0.01, -0.01], unit=0.01).clear
    wide = interval([-0.5, 0.5])
    assert wide.half == pytest.approx(12.706 * statistics.stdev([-0.5, 0.5]) / 2**0.5, rel=1e-4) and not wide.clear


@pytest.mark.parametrize(
    ("score", "places"), [(0.93, 2), (0.9300001, 7), (132.0, 0), (1e22, 0), (2.5e-05, 6), (-1.25, 2), (100.0, 0)]
)
def test_the_decimal_places_of_a_score(score: float, places: int) -> None:
    assert decimals(score) == places


def test_whole_numbers_are_counts_and_not_rounded() -> None:
    assert (unit_of(0), unit_of(2)) == (0.0, 0.01)
