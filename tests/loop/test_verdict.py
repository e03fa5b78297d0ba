"""The verdict: what scores, noise and the size of a patch come to."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.types import Reason, TooFewRuns, Verdict
from loop.verdict import Opinion, judge, noise_floor

BEST, SIGMA = 0.9979, 0.0010
RANK = {"discard": 0, "confirm": 1, "keep": 2}

finite = st.floats(0.1, 10, allow_nan=False)
sigmas = st.none() | st.just(0.0) | st.floats(1e-6, 0.1)
sizes = st.integers(-20, 20)
incumbents = st.dictionaries(st.integers(0, 3), finite, min_size=1, max_size=3)


def what(opinion: Opinion) -> str:
    return "confirm" if opinion.confirm_seed is not None else str(opinion.verdict)


@pytest.mark.parametrize(
    ("score", "lines_added", "expected"),
    [
        pytest.param(0.9912, +4, (Verdict.KEEP, Reason.BETTER), id="beats the margin"),
        pytest.param(0.9979, +20, (Verdict.DISCARD, Reason.WITHIN_NOISE), id="a tie that adds code"),
        pytest.param(0.9979, +0, (Verdict.DISCARD, Reason.WITHIN_NOISE), id="a tie that changes a number"),
        pytest.param(0.9979, -6, (Verdict.KEEP, Reason.SIMPLER), id="a tie that deletes code"),
        pytest.param(0.9988, -6, (Verdict.KEEP, Reason.SIMPLER), id="a loss below the noise that deletes code"),
        pytest.param(0.9960, -6, (Verdict.KEEP, Reason.SIMPLER), id="a doubtful gain that deletes code"),
        pytest.param(0.9995, -6, (Verdict.DISCARD, Reason.WITHIN_NOISE), id="a doubtful loss that deletes code"),
        pytest.param(0.9990, +1, (Verdict.DISCARD, Reason.WITHIN_NOISE), id="a doubtful loss"),
        pytest.param(1.0100, +1, (Verdict.DISCARD, Reason.WORSE), id="a loss beyond the margin"),
        pytest.param(1.0100, -90, (Verdict.DISCARD, Reason.WORSE), id="no deletion pays for a loss"),
    ],
)
def test_verdict(score: float, lines_added: int, expected: tuple[Verdict, Reason]) -> None:
    opinion = judge(score, best=BEST, noise_floor=SIGMA, lines_added=lines_added)
    assert (opinion.verdict, opinion.reason, opinion.confirm_seed) == (*expected, None)


@pytest.mark.parametrize(
    ("scores", "best", "expected"),
    [
        pytest.param({0: 0.9960}, {0: BEST}, 1, id="on a seed that nobody has"),
        pytest.param({0: 0.9960}, {0: BEST, 1: BEST, 2: BEST}, 1, id="on the incumbent's next seed"),
        pytest.param({1: 0.9960}, {0: BEST, 1: BEST}, 0, id="on the incumbent's other seed"),
        pytest.param({0: 0.9976}, {0: BEST}, None, id="never for a gain that is hardly one"),
        pytest.param({0: 0.9960, 1: 0.9990}, {0: BEST, 1: BEST}, None, id="never twice"),
    ],
)
def test_a_gain_inside_the_margin_is_run_once_more(
    scores: dict[int, float], best: dict[int, float], expected: int | None
) -> None:
    assert judge(scores, best, noise_floor=SIGMA, lines_added=1).confirm_seed == expected


@pytest.mark.parametrize(
    ("second", "expected"), [(0.9955, Reason.BETTER), (0.9979, Reason.WITHIN_NOISE), (1.0100, Reason.WORSE)]
)
def test_the_mean_of_both_runs_decides(second: float, expected: Reason) -> None:
    opinion = judge({0: 0.9961, 1: second}, {0: BEST, 1: BEST}, noise_floor=SIGMA, lines_added=1)
    assert opinion.reason is expected
    assert opinion.score == pytest.approx((0.9961 + second) / 2)
    assert opinion.uncertainty == pytest.approx(SIGMA / math.sqrt(2))


def test_scores_of_one_seed_are_compared_with_each_other() -> None:
    hard_seed = judge({1: 1.0020}, {0: 0.9900, 1: 1.0070}, noise_floor=SIGMA, lines_added=1)
    assert hard_seed.reason is Reason.BETTER
    assert hard_seed.delta == pytest.approx(-0.0050)
    unseen_seed = judge({7: 1.0020}, {0: 0.9900, 1: 1.0070}, noise_floor=SIGMA, lines_added=1)
    assert unseen_seed.delta == pytest.approx(1.0020 - 0.9985)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [({0: 0.9978}, "confirm"), ({0: 0.9978, 1: 0.9978}, "keep"), ({0: 0.9900, 1: 0.9980}, "discard")],
)
def test_where_the_noise_is_unknown_a_gain_must_show_twice(scores: dict[int, float], expected: str) -> None:
    opinion = judge(scores, BEST, noise_floor=None, lines_added=1)
    assert what(opinion) == expected
    assert opinion.uncertainty is None


def test_a_script_that_repeats_itself_exactly_is_believed_in_every_digit() -> None:
    exact = judge(0.997899, dict.fromkeys(range(3), 0.9979), noise_floor=0.0, lines_added=5)
    assert (what(exact), exact.reason) == ("keep", Reason.BETTER)
    same = judge({5: 0.1}, {0: 0.1, 1: 0.1, 2: 0.1}, noise_floor=0.0, lines_added=0)
    assert (what(same), same.reason, same.delta) == ("discard", Reason.WITHIN_NOISE, 0.0)


def test_a_humans_patch_is_kept_at_any_price_that_is_a_number() -> None:
    opinion = judge(1.2, BEST, noise_floor=SIGMA, lines_added=50, human=True)
    assert (what(opinion), opinion.reason) == ("keep", Reason.HUMAN)
    assert opinion.explanation == (
        "1.2000 ± 0.0010, worse than the best by 0.2021; adopted because a human asked for it"
    )
    assert judge(math.nan, BEST, noise_floor=SIGMA, lines_added=0, human=True).verdict is Verdict.CRASH


@pytest.mark.parametrize(
    ("score", "sigma", "lines_added", "expected"),
    [
        (0.9932, 0.0003, 4, "0.9932 ± 0.0003, better than the best by 0.0047, margin 0.0009"),
        (0.9980, 0.0003, 4, "0.9980 ± 0.0003, worse than the best by 0.0001, within the noise (margin 0.0009)"),
        (0.9979, 0.0003, -1, "0.9979 ± 0.0003, equal to the best, margin 0.0009; kept for 1 line less of code"),
        (
            0.9975,
            0.0003,
            4,
            "0.9975 ± 0.0003, better than the best by 0.0004, margin 0.0009; a run on another seed decides",
        ),
        (0.9932, None, 4, "0.9932, better than the best by 0.0047, noise unknown; a run on another seed decides"),
    ],
)
def test_the_explanation_is_one_sentence_with_its_numbers(
    score: float, sigma: float | None, lines_added: int, expected: str
) -> None:
    assert judge(score, BEST, noise_floor=sigma, lines_added=lines_added).explanation == expected


def test_a_noise_floor_is_the_deviation_of_a_sample() -> None:
    assert noise_floor([1.0, 2.0, 3.0]) == 1.0
    assert noise_floor([0.1, 0.1, 0.1]) == 0.0
    with pytest.raises(TooFewRuns, match="at least 2 scores of the baseline, got 1"):
        noise_floor([1.0])


def kept_share(effect: float, patches: int = 1500) -> float:
    """Return how many of many patches with one true effect, in noise floors, are kept; each side is run at random."""
    dice = random.Random(7)
    kept = 0
    for _ in range(patches):
        best = {seed: dice.gauss(1.0, SIGMA) for seed in range(2)}
        scores: dict[int, float] = {}
        seed: int | None = 0
        while seed is not None:
            scores[seed] = dice.gauss(1.0 + effect * SIGMA, SIGMA)
            opinion = judge(scores, best, noise_floor=SIGMA, lines_added=1)
            seed = opinion.confirm_seed
        kept += opinion.verdict is Verdict.KEEP
    return kept / patches


def test_luck_is_rarely_kept_and_a_clear_gain_rarely_lost() -> None:
    assert kept_share(0.0) < 0.15  # keeping what scores lower would keep half
    assert kept_share(+1.0) < 0.04
    assert kept_share(-3.0) > 0.93


@given(incumbents, st.lists(st.tuples(finite, finite), min_size=1, max_size=2), sigmas, sizes)
def test_a_lower_score_never_turns_a_keep_into_a_discard(
    best: dict[int, float], pairs: list[tuple[float, float]], sigma: float | None, size: int
) -> None:
    low = judge({i: min(p) for i, p in enumerate(pairs)}, best, noise_floor=sigma, lines_added=size)
    high = judge({i: max(p) for i, p in enumerate(pairs)}, best, noise_floor=sigma, lines_added=size)
    assert RANK[what(low)] >= RANK[what(high)]


@given(incumbents, st.sampled_from([math.nan, math.inf, -math.inf]), sigmas, sizes, st.booleans(), st.booleans())
def test_what_is_no_number_is_a_crash_and_never_kept(
    best: dict[int, float], bad: float, sigma: float | None, size: int, minimize: bool, human: bool
) -> None:
    opinion = judge({0: 0.5, 1: bad}, best, noise_floor=sigma, lines_added=size, minimize=minimize, human=human)
    assert (opinion.verdict, opinion.score, opinion.confirm_seed) == (Verdict.CRASH, None, None)


@given(incumbents, st.dictionaries(st.integers(0, 3), finite, min_size=1, max_size=2), sigmas, sizes)
def test_maximizing_is_minimizing_the_negative(
    best: dict[int, float], scores: dict[int, float], sigma: float | None, size: int
) -> None:
    def negative(values: dict[int, float]) -> dict[int, float]:
        return {seed: -value for seed, value in values.items()}

    low = judge(scores, best, noise_floor=sigma, lines_added=size)
    high = judge(negative(scores), negative(best), noise_floor=sigma, lines_added=size, minimize=False)
    assert (low.verdict, low.reason, low.confirm_seed) == (high.verdict, high.reason, high.confirm_seed)
    assert low.delta is not None and high.delta is not None and math.isclose(low.delta, -high.delta, abs_tol=1e-12)


@pytest.mark.parametrize(("scores", "best"), [({}, {0: 1.0}), ({0: 1.0}, {}), ({0: 1.0}, {0: math.nan})])
def test_a_comparison_without_two_sides_is_refused(scores: dict[int, float], best: dict[int, float]) -> None:
    with pytest.raises(ValueError, match="a score on both sides"):
        judge(scores, best, noise_floor=SIGMA, lines_added=0)
