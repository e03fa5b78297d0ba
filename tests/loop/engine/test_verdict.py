"""The verdict: what scores, noise and the size of a patch come to."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.engine.verdict import Opinion, judge
from loop.record.noise import Noise
from loop.record.types import Reason, Verdict

BEST, SIGMA = 0.9979, 0.0010
NOISE = Noise(SIGMA)
RANK = {"discard": 0, "confirm": 1, "keep": 2}

finite = st.floats(0.1, 10, allow_nan=False)
sigmas = st.none() | st.just(0.0) | st.floats(1e-6, 0.1)
noises = st.builds(Noise, sigmas, st.sampled_from([0.0, 1e-4, 0.01]), st.booleans())
sizes = st.integers(-20, 20)
incumbents = st.dictionaries(st.integers(0, 3), finite, max_size=3).map(lambda scores: {0: 1.0, **scores})


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
        pytest.param(0.9970, -6, (Verdict.KEEP, Reason.SIMPLER), id="a doubtful gain that deletes code"),
        pytest.param(0.9990, -6, (Verdict.DISCARD, Reason.WITHIN_NOISE), id="a doubtful loss that deletes code"),
        pytest.param(0.9990, +1, (Verdict.DISCARD, Reason.WITHIN_NOISE), id="a doubtful loss"),
        pytest.param(1.0100, +1, (Verdict.DISCARD, Reason.WORSE), id="a loss beyond the margin"),
        pytest.param(1.0100, -90, (Verdict.DISCARD, Reason.WORSE), id="no deletion pays for a loss"),
    ],
)
def test_verdict(score: float, lines_added: int, expected: tuple[Verdict, Reason]) -> None:
    opinion = judge(score, best=BEST, noise=NOISE, lines_added=lines_added)
    assert (opinion.verdict, opinion.reason, opinion.confirm_seed) == (*expected, None)


@pytest.mark.parametrize(
    ("gain", "lines_added", "expected"),
    [
        pytest.param(1.3, 0, "keep", id="clear"),
        pytest.param(1.2, 0, "confirm", id="not clear"),
        pytest.param(0.01, 0, "confirm", id="any gain is worth another pair"),
        pytest.param(0.0, 0, "discard", id="none is not"),
        pytest.param(2.2, 5, "keep", id="clear for code that is added"),
        pytest.param(2.0, 5, "confirm", id="not clear for code that is added"),
        pytest.param(0.3, 5, "discard", id="hardly a gain for code that is added"),
    ],
)
def test_one_pair_is_weighed_by_the_noise_of_pairs(gain: float, lines_added: int, expected: str) -> None:
    assert what(judge(BEST - gain * SIGMA, BEST, noise=NOISE, lines_added=lines_added)) == expected


@pytest.mark.parametrize(
    ("gains", "lines_added", "expected"),
    [
        pytest.param((1.0, 0.2), 0, Reason.BETTER, id="confirmed"),
        pytest.param((1.0, -0.1), 0, Reason.WITHIN_NOISE, id="not confirmed"),
        pytest.param((1.0, -4.0), 0, Reason.WORSE, id="the other way round"),
        pytest.param((1.0, 0.5), 5, Reason.BETTER, id="code that is added, confirmed"),
        pytest.param((1.0, 0.3), 5, Reason.WITHIN_NOISE, id="code that is added, not confirmed"),
    ],
)
def test_the_mean_of_two_pairs_decides(gains: tuple[float, float], lines_added: int, expected: Reason) -> None:
    best = {0: BEST, 1: BEST + 0.03}  # what the seed is worth to both is in no pair
    scores = {seed: best[seed] - gain * SIGMA for seed, gain in enumerate(gains)}
    opinion = judge(scores, best, noise=NOISE, lines_added=lines_added)
    assert (opinion.reason, opinion.confirm_seed) == (expected, None)
    assert opinion.delta == pytest.approx(-sum(gains) / 2 * SIGMA)
    assert opinion.uncertainty == pytest.approx(SIGMA / math.sqrt(2))


@pytest.mark.parametrize(
    ("scores", "best", "unusable", "expected"),
    [
        pytest.param({0: 0.9969}, {0: BEST}, (), 1, id="on a seed that nobody has"),
        pytest.param({0: 0.9969}, {0: BEST, 1: BEST, 2: BEST}, (), 1, id="on the incumbent's next seed"),
        pytest.param({1: 0.9969}, {0: BEST, 1: BEST}, (), 0, id="on the incumbent's other seed"),
        pytest.param({0: 0.9969}, {0: BEST}, (1, 2), 3, id="not where the incumbent gives no score"),
        pytest.param({0: 0.9969, 1: 0.9}, {0: BEST}, (1,), 2, id="once more where the incumbent failed"),
        pytest.param({0: 0.9969, 1: 0.9, 2: 0.9}, {0: BEST}, (1, 2), None, id="but not for ever"),
    ],
)
def test_a_gain_inside_the_margin_gets_another_pair(
    scores: dict[int, float], best: dict[int, float], unusable: tuple[int, ...], expected: int | None
) -> None:
    assert judge(scores, best, noise=NOISE, lines_added=0, unusable=unusable).confirm_seed == expected


def test_only_scores_of_one_seed_are_compared() -> None:
    hard_seed = judge({1: 1.0020}, {0: 0.9900, 1: 1.0070}, noise=NOISE, lines_added=1)
    assert hard_seed.reason is Reason.BETTER
    assert hard_seed.delta == pytest.approx(-0.0050)
    with pytest.raises(ValueError, match="on one seed"):
        judge({7: 1.0020}, {0: 0.9900, 1: 1.0070}, noise=NOISE, lines_added=1)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [({0: 0.9978}, "confirm"), ({0: 0.9978, 1: 0.9978}, "keep"), ({0: 0.9900, 1: 0.9980}, "discard")],
)
def test_where_the_noise_is_unknown_a_gain_must_show_twice(scores: dict[int, float], expected: str) -> None:
    opinion = judge(scores, dict.fromkeys(range(2), BEST), noise=Noise(None), lines_added=1)
    assert what(opinion) == expected
    assert opinion.uncertainty is None


@pytest.mark.parametrize(
    ("score", "unit", "expected"),
    [
        pytest.param(0.997899, 1e-6, (Verdict.DISCARD, Reason.WITHIN_NOISE), id="one last digit, which rounding makes"),
        pytest.param(0.997898, 1e-6, (Verdict.KEEP, Reason.BETTER), id="two last digits"),
        pytest.param(0.9979 - 1e-14, 1e-15, (Verdict.DISCARD, Reason.WITHIN_NOISE), id="arithmetic"),
        pytest.param(0.9979 + 1e-15, 1e-15, (Verdict.DISCARD, Reason.WITHIN_NOISE), id="arithmetic, the other way"),
        pytest.param(0.95, 0.0, (Verdict.KEEP, Reason.BETTER), id="a plain gain"),
        pytest.param(0.9979, 0.01, (Verdict.DISCARD, Reason.WITHIN_NOISE), id="equal"),
    ],
)
def test_a_script_that_ignores_its_seed_is_believed_beyond_its_last_digit(
    score: float, unit: float, expected: tuple[Verdict, Reason]
) -> None:
    exact = judge(score, dict.fromkeys(range(3), 0.9979), noise=Noise(0.0, unit, exact=True), lines_added=0)
    assert (exact.verdict, exact.reason) == expected
    assert exact.confirm_seed is None, "another run would say the same"


def test_a_count_is_exact_and_one_less_is_a_gain() -> None:
    assert what(judge(131.0, 132.0, noise=Noise(0.0, 0.0, exact=True), lines_added=0)) == "keep"


def test_a_humans_patch_is_kept_at_any_price_that_is_a_number() -> None:
    opinion = judge(1.2, BEST, noise=NOISE, lines_added=50, human=True)
    assert (what(opinion), opinion.reason) == ("keep", Reason.HUMAN)
    assert opinion.explanation == (
        "1.2000 ± 0.0010, worse than the incumbent by 0.2021; adopted because a human asked for it"
    )
    assert judge(math.nan, BEST, noise=NOISE, lines_added=0, human=True).verdict is Verdict.CRASH


@pytest.mark.parametrize(
    ("score", "sigma", "lines_added", "expected"),
    [
        (0.9932, 0.0003, 0, "0.9932 ± 0.0003, better than #3 by 0.0047, margin 0.0004"),
        (0.9980, 0.0003, 4, "0.9980 ± 0.0003, worse than #3 by 0.0001, within the noise (margin 0.0006)"),
        (0.9979, 0.0003, -1, "0.9979 ± 0.0003, equal to #3, margin 0.0004; kept for 1 line less of code"),
        (0.9975, 0.0003, 4, "0.9975 ± 0.0003, better than #3 by 0.0004, margin 0.0006; a pair on another seed decides"),
        (0.9932, None, 4, "0.9932, better than #3 by 0.0047, noise unknown; a pair on another seed decides"),
    ],
)
def test_the_explanation_is_one_sentence_with_its_numbers(
    score: float, sigma: float | None, lines_added: int, expected: str
) -> None:
    opinion = judge(score, BEST, noise=Noise(sigma), lines_added=lines_added, name="#3")
    assert opinion.explanation == expected


def kept_share(effect: float, lines_added: int, patches: int = 1500) -> float:
    """Return how many of many patches with one true effect, in standard deviations of a pair, are kept."""
    dice = random.Random(7)
    kept = 0
    for _ in range(patches):
        best = dict.fromkeys(range(2), 1.0)
        scores: dict[int, float] = {}
        seed: int | None = 0
        while seed is not None:
            scores[seed] = dice.gauss(1.0 + effect * SIGMA, SIGMA)
            opinion = judge(scores, best, noise=NOISE, lines_added=lines_added)
            seed = opinion.confirm_seed
        kept += opinion.verdict is Verdict.KEEP
    return kept / patches


def test_luck_is_rarely_kept_and_a_clear_gain_rarely_lost() -> None:
    assert kept_share(0.0, 0) < 0.25 and kept_share(0.0, 1) < 0.14  # keeping what scores lower would keep half
    assert kept_share(+1.0, 0) < 0.05 and kept_share(+1.0, 1) < 0.02
    assert kept_share(-3.0, 0) > 0.97 and kept_share(-3.0, 1) > 0.93


@given(incumbents, st.lists(st.tuples(finite, finite), min_size=1, max_size=2), noises, sizes)
def test_a_lower_score_never_turns_a_keep_into_a_discard(
    best: dict[int, float], pairs: list[tuple[float, float]], noise: Noise, size: int
) -> None:
    low = judge({i: min(p) for i, p in enumerate(pairs)}, best, noise=noise, lines_added=size)
    high = judge({i: max(p) for i, p in enumerate(pairs)}, best, noise=noise, lines_added=size)
    assert RANK[what(low)] >= RANK[what(high)]


@given(incumbents, st.sampled_from([math.nan, math.inf, -math.inf]), noises, sizes, st.booleans(), st.booleans())
def test_what_is_no_number_is_a_crash_and_never_kept(
    best: dict[int, float], bad: float, noise: Noise, size: int, minimize: bool, human: bool
) -> None:
    opinion = judge({0: 0.5, 1: bad}, best, noise=noise, lines_added=size, minimize=minimize, human=human)
    assert (opinion.verdict, opinion.score, opinion.confirm_seed) == (Verdict.CRASH, None, None)


@given(incumbents, st.dictionaries(st.integers(0, 3), finite, min_size=1, max_size=2), noises, sizes)
def test_maximizing_is_minimizing_the_negative(
    best: dict[int, float], scores: dict[int, float], noise: Noise, size: int
) -> None:
    scores = {0: 1.0, **scores}

    def negative(values: dict[int, float]) -> dict[int, float]:
        return {seed: -value for seed, value in values.items()}

    low = judge(scores, best, noise=noise, lines_added=size)
    high = judge(negative(scores), negative(best), noise=noise, lines_added=size, minimize=False)
    assert (low.verdict, low.reason, low.confirm_seed) == (high.verdict, high.reason, high.confirm_seed)
    assert low.delta is not None and high.delta is not None and math.isclose(low.delta, -high.delta, abs_tol=1e-12)


@pytest.mark.parametrize(("scores", "best"), [({}, {0: 1.0}), ({0: 1.0}, {}), ({0: 1.0}, {0: math.nan})])
def test_a_comparison_without_two_sides_is_refused(scores: dict[int, float], best: dict[int, float]) -> None:
    with pytest.raises(ValueError, match="a score on both sides"):
        judge(scores, best, noise=NOISE, lines_added=0)
