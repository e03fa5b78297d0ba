"""What happens next, as a function of the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loop.engine.plan import Planned, crashes_in_a_row, decide, limit_reached, spent_limit
from loop.record.campaign_facts import NoiseMeasured, StateChanged
from loop.record.entries import Body
from loop.record.experiment_facts import Judged, Proposed, Repaired, RunEnded, RunStarted, Scored, Withdrawn
from loop.record.ledger import Ledger
from loop.record.types import Author, Cost, Failure, FailureKind, Outcome, Purpose, Reason, ScoreSource, State, Verdict
from loop.settings.program import Stop
from tests.loop.record.told import entries


def proposed(number: int, author: Author = Author.KNOBS, added: int = 1, removed: int = 1) -> Proposed:
    return Proposed(number, f"c{number}", "c0", f"idea {number}", author, "knobs", added, removed)


def run(number: int, score: float, seed: int = 0, attempt: int = 1, purpose: Purpose = Purpose.MEASURE) -> list[Body]:
    return [
        RunStarted(number, attempt, purpose, seed, f"c{number}"),
        RunEnded(number, attempt, Outcome.FINISHED),
        Scored(number, attempt, score, ScoreSource.SEALED),
    ]


def crash(number: int, kind: FailureKind, outcome: Outcome = Outcome.CRASHED) -> list[Body]:
    return [
        RunStarted(number, 1, Purpose.MEASURE, 0, f"c{number}"),
        RunEnded(number, 1, outcome, failure=Failure(kind, "it says why")),
    ]


BASELINE: list[Body] = [
    proposed(0, Author.HUMAN),
    *run(0, 2.00, 0, 1, Purpose.BASELINE),
    *run(0, 2.02, 1, 2, Purpose.BASELINE),
    NoiseMeasured(0.01, (2.0, 2.02)),
    Judged(0, Verdict.KEEP, Reason.HUMAN, 2.01),
]


def step(number: int, *bodies: Body, repeats: int = 2) -> Planned | Judged:
    ledger = Ledger("night").feed(entries(*bodies))
    return decide(ledger, ledger.experiments[number], repeats)


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        pytest.param(BASELINE[:1], Planned(Purpose.BASELINE, 0), id="the first baseline"),
        pytest.param(BASELINE[:4], Planned(Purpose.BASELINE, 1), id="the second, on another seed"),
    ],
)
def test_a_baseline_is_repeated_on_other_seeds(bodies: list[Body], expected: Planned) -> None:
    assert step(0, *bodies) == expected


def test_no_patch_takes_the_place_of_a_baseline_that_is_missing() -> None:
    with pytest.raises(LookupError, match="#1 cannot be judged: the baseline is measured before any patch"):
        step(1, *BASELINE[:1], proposed(1), *run(1, 1.9))


def test_a_baseline_is_kept_with_the_mean_of_its_runs() -> None:
    judged = step(0, *BASELINE[:7])
    assert isinstance(judged, Judged)
    assert (judged.verdict, judged.score) == (Verdict.KEEP, pytest.approx(2.01))


@pytest.mark.parametrize(
    ("scores", "verdict", "reason"),
    [
        pytest.param([1.95], Verdict.KEEP, Reason.BETTER, id="beyond the margin"),
        pytest.param([2.05], Verdict.DISCARD, Reason.WORSE, id="worse"),
        pytest.param([1.985, 2.00], Verdict.KEEP, Reason.BETTER, id="a small gain that a second seed confirms"),
        pytest.param([1.985, 2.03], Verdict.DISCARD, Reason.WITHIN_NOISE, id="a small gain that it does not"),
    ],
)
def test_a_patch_is_judged_once_its_runs_are_there(scores: list[float], verdict: Verdict, reason: Reason) -> None:
    runs = [b for seed, score in enumerate(scores) for b in run(1, score, seed, seed + 1)]
    judged = step(1, *BASELINE, proposed(1), *runs)
    assert isinstance(judged, Judged)
    assert (judged.verdict, judged.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("added", "removed", "kept"),
    [(5, 5, True), (5, 9, True), (9, 5, False)],
    ids=["replaces lines", "deletes some", "adds some"],
)
def test_only_a_patch_that_grows_the_text_must_gain_more(added: int, removed: int, kept: bool) -> None:
    found = step(1, *BASELINE, proposed(1, added=added, removed=removed), *run(1, 1.98))
    assert isinstance(found, Judged) is kept


def test_a_gain_inside_the_margin_asks_for_a_seed_that_the_incumbent_has() -> None:
    assert step(1, *BASELINE, proposed(1), *run(1, 1.985)) == Planned(Purpose.CONFIRM, 1)


def test_a_verdict_records_what_it_was_compared_with() -> None:
    judged = step(1, *BASELINE, proposed(1), *run(1, 1.985), *run(1, 2.00, 1, 2))
    assert isinstance(judged, Judged)
    assert (judged.incumbent, judged.commit, judged.seeds) == (0, "c0", (0, 1))
    assert judged.pairs == ((1.985, 2.0), (2.0, 2.02)) and judged.delta == pytest.approx(-0.0175)


KEPT: list[Body] = [*BASELINE, proposed(1), *run(1, 1.9), Judged(1, Verdict.KEEP, Reason.BETTER, 1.9, -0.1)]


def test_on_a_seed_that_the_incumbent_lacks_it_is_measured_too() -> None:
    waiting = [*KEPT, proposed(2), *run(2, 1.895)]
    assert step(2, *waiting) == Planned(Purpose.CONFIRM, 1)
    waiting += run(2, 1.93, 1, 2)
    compare = Planned(Purpose.COMPARE, 1, 1)
    assert step(2, *waiting) == compare
    started: list[Body] = [RunStarted(1, 2, Purpose.COMPARE, 1, "c1")]
    killed = [*started, RunEnded(1, 2, Outcome.INTERRUPTED)]
    assert step(2, *waiting, *killed) == compare, "a killed one is made again"
    judged = step(2, *waiting, *killed, *run(1, 1.95, 1, 3, Purpose.COMPARE))
    assert isinstance(judged, Judged)
    assert (judged.incumbent, judged.pairs, judged.verdict) == (1, ((1.895, 1.9), (1.93, 1.95)), Verdict.KEEP)


def test_an_incumbent_that_fails_on_a_seed_is_not_measured_there_for_ever() -> None:
    crashed: list[Body] = [
        RunStarted(1, 2, Purpose.COMPARE, 1, "c1"),
        RunEnded(1, 2, Outcome.CRASHED, failure=Failure(FailureKind.OUT_OF_MEMORY, "out of memory")),
    ]
    waiting = [*KEPT, proposed(2), *run(2, 1.895), *run(2, 1.93, 1, 2), *crashed]
    assert step(2, *waiting) == Planned(Purpose.CONFIRM, 2)
    ledger = Ledger("night").feed(entries(*waiting))
    assert ledger.incumbent == 1 and ledger.experiments[1].verdict is Verdict.KEEP


def test_a_script_that_ignores_its_seed_repeats_nothing() -> None:
    same: list[Body] = [proposed(0, Author.HUMAN), *run(0, 0.93, 0, 1, Purpose.BASELINE)]
    assert step(0, *same, repeats=5) == Planned(Purpose.BASELINE, 1)
    same += run(0, 0.93, 1, 2, Purpose.BASELINE)
    judged = step(0, *same, repeats=5)
    assert isinstance(judged, Judged) and judged.verdict is Verdict.KEEP
    same += [NoiseMeasured(0.0, (0.93, 0.93)), judged, proposed(1)]
    for score, verdict in ((0.92, Verdict.DISCARD), (0.91, Verdict.KEEP), (0.94, Verdict.DISCARD)):
        found = step(1, *same, *run(1, score))
        assert isinstance(found, Judged) and found.verdict is verdict, score


def test_the_noise_is_learnt_from_the_pairs_of_the_night() -> None:
    bodies = list(BASELINE)
    for n in range(1, 4):
        bodies += [proposed(n), *run(n, 2.001 + n / 1e4), *run(n, 2.021 - n / 1e4, 1, 2)]
        bodies.append(Judged(n, Verdict.DISCARD, Reason.WITHIN_NOISE, 2.01, 0.0))
    ledger = Ledger("night").feed(entries(*bodies))
    squares = sum(2 * (n / 1e4) ** 2 for n in range(1, 4))
    assert ledger.noise.pair == pytest.approx((squares / 3) ** 0.5) and ledger.learnt
    assert Ledger("night").feed(entries(*BASELINE)).noise.pair == pytest.approx(0.01 * 2**0.5)


def test_an_interrupted_run_is_made_again_and_judges_nothing() -> None:
    bodies = crash(1, FailureKind.KILLED, Outcome.INTERRUPTED)
    assert step(1, *BASELINE, proposed(1), *bodies) == Planned(Purpose.MEASURE, 0)


@pytest.mark.parametrize(
    ("kind", "times", "verdict"),
    [
        pytest.param(FailureKind.LOST, 2, None, id="twice may be an accident"),
        pytest.param(FailureKind.LOST, 3, Verdict.CRASH, id="three times is the patch"),
        pytest.param(FailureKind.KILLED, 9, None, id="a machine may sleep as often as it likes"),
    ],
)
def test_a_run_that_kills_its_supervisor_is_not_made_again_for_ever(
    kind: FailureKind, times: int, verdict: Verdict | None
) -> None:
    runs = [body for _ in range(times) for body in crash(1, kind, Outcome.INTERRUPTED)]
    decided = step(1, *BASELINE, proposed(1), *runs)
    assert (decided.verdict if isinstance(decided, Judged) else None) is verdict


@pytest.mark.parametrize(
    ("kind", "verdict", "reason"),
    [
        (FailureKind.OUT_OF_MEMORY, Verdict.CRASH, Reason.FAILED),
        (FailureKind.NAN, Verdict.CRASH, Reason.FAILED),
        (FailureKind.DIVERGED, Verdict.CRASH, Reason.FAILED),
        (FailureKind.TAMPERED, Verdict.INVALID, Reason.TAMPERED),
    ],
)
def test_a_failed_run_never_becomes_a_score(kind: FailureKind, verdict: Verdict, reason: Reason) -> None:
    judged = step(1, *BASELINE, proposed(1, Author.HUMAN), *crash(1, kind))
    assert isinstance(judged, Judged)
    assert (judged.verdict, judged.reason, judged.score, judged.explanation) == (verdict, reason, None, "it says why")


def test_a_repaired_text_begins_again() -> None:
    bodies = [*BASELINE, proposed(1), *crash(1, FailureKind.ASSERTION), Repaired(1, "c1b", "repaired", 1, 1)]
    assert step(1, *bodies) == Planned(Purpose.MEASURE, 0)


def test_a_humans_patch_is_kept_although_it_is_worse() -> None:
    judged = step(1, *BASELINE, proposed(1, Author.HUMAN), *run(1, 2.4))
    assert isinstance(judged, Judged)
    assert (judged.verdict, judged.reason) == (Verdict.KEEP, Reason.HUMAN)


@pytest.mark.parametrize(
    ("bodies", "verdict", "score"),
    [
        pytest.param([], Verdict.INVALID, None, id="before it began"),
        pytest.param(run(1, 1.5), Verdict.DISCARD, 1.5, id="while it ran, however good it is"),
        pytest.param(crash(1, FailureKind.KILLED, Outcome.INTERRUPTED), Verdict.INVALID, None, id="interrupted"),
    ],
)
def test_what_its_human_took_back_is_never_adopted(bodies: list[Body], verdict: Verdict, score: float | None) -> None:
    judged = step(1, *BASELINE, proposed(1, Author.HUMAN), *bodies, Withdrawn(1))
    assert isinstance(judged, Judged)
    assert (judged.verdict, judged.reason, judged.score) == (verdict, Reason.HUMAN, score)


DISCARDS: list[Body] = [
    body
    for number in (1, 2, 3)
    for body in (proposed(number), *run(number, 2.2), Judged(number, Verdict.DISCARD, Reason.WORSE, 2.2))
]


@pytest.mark.parametrize(
    ("stop", "sentence"),
    [
        (Stop(experiments=3, hours=None, dollars=None, tokens=None, plateau=None), "3 experiments done"),
        (Stop(experiments=4, hours=None, dollars=None, tokens=None, plateau=3), "3 experiments without a gain"),
        (Stop(experiments=None, hours=0.001, dollars=None, tokens=None, plateau=None), "hours spent"),
        (Stop(experiments=4, hours=9, dollars=9.0, tokens=9, plateau=4), ""),
    ],
)
def test_the_first_limit_reached_is_named(stop: Stop, sentence: str) -> None:
    bodies = [StateChanged(State.RUNNING), *BASELINE, *DISCARDS]
    ledger = Ledger("night").feed(entries(*bodies))
    assert ledger.last_tick is not None
    found = limit_reached(ledger, stop, ledger.last_tick)
    assert sentence in found if sentence else found == ""


def test_the_time_of_the_present_run_counts_for_the_limit_in_hours() -> None:
    ledger = Ledger("night").feed(entries(StateChanged(State.RUNNING), *BASELINE))
    assert ledger.last_tick is not None
    stop = Stop(experiments=None, hours=1, dollars=None, tokens=None, plateau=None)
    assert limit_reached(ledger, stop, ledger.last_tick + 3000) == ""
    assert "hours spent" in limit_reached(ledger, stop, ledger.last_tick + 3600)


@pytest.mark.parametrize(
    ("stop", "cost", "sentence"),
    [
        pytest.param({"dollars": 2.0}, Cost(0, 0, 1.99), "", id="a cent left"),
        pytest.param({"dollars": 2.0}, Cost(0, 0, 2.0), "$2.00 spent, as much as 'stop: dollars' allows", id="dollars"),
        pytest.param({"dollars": 2.0}, Cost(9, 9, None), "", id="an unknown price"),
        pytest.param({"tokens": 30}, Cost(19, 10, None), "", id="a token left"),
        pytest.param({"tokens": 30}, Cost(20, 10, None), "30 tokens spent, as many as 'stop: tokens'", id="tokens"),
        pytest.param({}, Cost(10**9, 10**9, 1e6), "", id="no limit"),
    ],
)
def test_a_limit_is_reached_by_what_was_spent_both_ways(stop: dict[str, float], cost: Cost, sentence: str) -> None:
    none = {"experiments": None, "hours": None, "dollars": None, "tokens": None, "plateau": None}
    found = spent_limit(Stop(**{**none, **stop}), cost)  # type: ignore[arg-type]
    assert found.startswith(sentence) and bool(found) == bool(sentence)


def test_a_proposal_of_an_unknown_price_leaves_the_limit_in_dollars_in_force() -> None:
    costs = Cost(9, 9, None), Cost(9, 9, 2.5)
    bodies = [replace(proposed(number), cost=cost) for number, cost in enumerate(costs, 4)]
    ledger = Ledger("night").feed(entries(*BASELINE, *bodies))
    stop = Stop(experiments=None, hours=None, dollars=2.0, tokens=None, plateau=None)
    assert ledger.spent.dollars is None and limit_reached(ledger, stop, 0.0).startswith("$2.50 spent")


def test_crashes_are_counted_back_to_the_last_other_verdict() -> None:
    failed = [b for n in (4, 5) for b in (proposed(n), Judged(n, Verdict.CRASH, Reason.FAILED))]
    assert crashes_in_a_row(Ledger("night").feed(entries(*BASELINE, *DISCARDS, *failed))) == 2


def test_verdicts_are_ordered_by_the_journal_and_not_by_the_clock() -> None:
    judged = [proposed(0), *run(0, 2.0), Judged(0, Verdict.KEEP, Reason.HUMAN, 2.0)]
    crashes = [b for n in (1, 2) for b in (proposed(n), *crash(n, FailureKind.OTHER), crashed(n))]
    backwards = [replace(e, at=1000.0 - e.seq) for e in entries(*judged, *crashes)]
    ledger = Ledger("night").feed(backwards)
    assert [e.number for e in ledger.verdicts] == [0, 1, 2]
    assert ledger.last_judged is ledger.experiments[2] and crashes_in_a_row(ledger) == 2


def crashed(number: int) -> Judged:
    return Judged(number, Verdict.CRASH, Reason.FAILED)
