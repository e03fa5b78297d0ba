"""The ledger: what a list of entries means."""

from __future__ import annotations

from itertools import count

import pytest

from loop.record.campaign_facts import Answered, NoiseMeasured, Resumed, Spent, StateChanged
from loop.record.entries import Body, Entry
from loop.record.experiment_facts import Judged, Proposed, Repaired, RunEnded, RunStarted, Scored
from loop.record.intents import PauseRequested, StartRequested
from loop.record.ledger import Ledger, overridden
from loop.record.types import Author, Cost, Failure, FailureKind, Outcome, Purpose, Reason, ScoreSource, State, Verdict
from loop.views.state import message_text


def entries(*bodies: Body, step_s: float = 1.0) -> list[Entry]:
    """Number the bodies as a journal would, one every `step_s` seconds."""
    clock = count()
    return [Entry(seq, "night", 1000.0, body, 1000 + step_s * next(clock)) for seq, body in enumerate(bodies, 1)]


def proposed(number: int, dollars: float | None = 0.1) -> Proposed:
    return Proposed(
        number, f"c{number}", "c0", f"idea {number}", Author.MODEL, "m", 2, 1, cost=Cost(100, 10, dollars, 1.0)
    )


def measured(number: int, score: float, verdict: Verdict, attempt: int = 1, seed: int = 0) -> list[Body]:
    return [
        RunStarted(number, attempt, Purpose.MEASURE, seed, f"c{number}"),
        RunEnded(number, attempt, Outcome.FINISHED, 15.0, 17.0, 600.0),
        Scored(number, attempt, score, ScoreSource.SEALED),
        Judged(number, verdict, Reason.BETTER if verdict is Verdict.KEEP else Reason.WORSE, score),
    ]


def night() -> list[Body]:
    return [
        proposed(0),
        *measured(0, 2.0, Verdict.KEEP),
        NoiseMeasured(0.01, (2.0, 2.01)),
        proposed(1),
        *measured(1, 1.9, Verdict.KEEP),
        proposed(2),
        *measured(2, 1.95, Verdict.DISCARD),
        proposed(3),
        RunStarted(3, 1, Purpose.MEASURE, 0, "c3"),
    ]


def test_why_no_proposal_came_is_known_until_one_comes() -> None:
    running = StateChanged(State.RUNNING, "baseline measured")
    ledger = Ledger("night").feed(entries(*night(), running, Spent(Cost(), "m", "no key")))
    assert (
        ledger.trouble == "no key" and message_text(ledger) == "baseline measured; a proposal came to nothing: no key"
    )
    assert Ledger("night").feed(entries(*night(), Spent(Cost(), "m", "no key"), proposed(4))).trouble == ""


def test_a_text_that_a_human_put_in_has_gained_only_by_its_score() -> None:
    worse, better = (Judged(3, Verdict.KEEP, Reason.HUMAN, 1.95, delta=delta) for delta in (0.05, -0.05))
    ledgers = [Ledger("night").feed(entries(*night(), judged)) for judged in (worse, better)]
    assert [ledger.gained(ledger.experiments[3]) for ledger in ledgers] == [False, True]
    assert ledgers[0].gained(ledgers[0].experiments[1]) and not ledgers[0].gained(ledgers[0].experiments[2])


def test_a_night_is_read_from_its_entries() -> None:
    ledger = Ledger("night").feed(entries(*night()))
    assert (ledger.baseline, ledger.noise_floor, ledger.incumbent, ledger.keeps) == (2.0, 0.01, 1, 1)
    assert (ledger.judged, ledger.since_keep, [e.number for e in ledger.waiting]) == (2, 1, [3])
    assert ledger.best is not None and ledger.best.number == 1
    assert ledger.running is not None and ledger.running[0].number == 3


def test_feeding_in_pieces_gives_the_same_ledger_as_feeding_at_once() -> None:
    whole = Ledger("night").feed(entries(*night()))
    pieces = Ledger("night")
    for entry in entries(*night()):
        pieces.feed([entry])
    assert whole == pieces


def test_entries_of_another_campaign_are_passed_over() -> None:
    foreign = [Entry(1, "other", 0.0, proposed(7))]
    assert Ledger("night").feed(foreign).experiments == {}


def test_the_best_is_not_the_incumbent_after_a_human_made_it_worse() -> None:
    body = [*night(), Judged(3, Verdict.KEEP, Reason.HUMAN, 1.97)]
    ledger = Ledger("night").feed(entries(*body))
    assert ledger.incumbent == 3
    assert ledger.best is not None and ledger.best.number == 1


def test_a_plateau_is_as_long_as_what_was_judged_after_the_last_keep_whatever_its_number() -> None:
    body = [*night(), Judged(3, Verdict.KEEP, Reason.HUMAN, 1.97), proposed(4), proposed(5)]
    body += [*measured(5, 1.8, Verdict.KEEP), *measured(4, 1.9, Verdict.DISCARD)]
    assert Ledger("night").feed(entries(*body)).since_keep == 1


def test_a_run_without_an_end_is_nobodys_once_a_new_daemon_took_over() -> None:
    ledger = Ledger("night").feed(entries(*night(), Resumed()))
    assert ledger.running is None
    assert ledger.experiments[3].outcome is None


@pytest.mark.parametrize(
    ("costs", "expected"), [((0.1, 0.2), 0.3), ((0.1, None), None)], ids=["known", "one price unknown"]
)
def test_money_is_summed_and_an_unknown_price_stays_unknown(
    costs: tuple[float | None, float | None], expected: float | None
) -> None:
    ledger = Ledger("night").feed(entries(proposed(1, costs[0]), Spent(Cost(5, 5, costs[1], 1.0), "m")))
    assert ledger.spent.dollars == (None if expected is None else pytest.approx(expected))
    assert ledger.spent.tokens_in == 105


def test_hours_count_work_and_neither_pauses_nor_the_time_without_a_daemon() -> None:
    body: list[Body] = [
        StateChanged(State.RUNNING),
        proposed(0),  # one second of work
        StateChanged(State.PAUSED),  # and one more
        StateChanged(State.RUNNING),  # a second of pause
        Resumed(),  # a second without a daemon
        proposed(1),  # one second of work
    ]
    assert Ledger("night").feed(entries(*body)).busy_s == 3.0


def test_who_proposes_is_one_choice_that_a_later_start_makes_anew() -> None:
    first, second = {"command": "claude -p", "budget": "15s"}, {"model": "knobs"}
    assert overridden(first, second) == {"budget": "15s", "model": "knobs"}
    assert overridden(second, {"command": "codex exec"}) == {"command": "codex exec"}
    assert overridden(first, {"budget": "5s"}) == {"command": "claude -p", "budget": "5s"}
    asked = StartRequested(first), Answered(1, True, ""), StartRequested(second)
    assert Ledger("night").feed(entries(*asked)).asked == {"budget": "15s", "model": "knobs"}
    answered = Ledger("night").feed(entries(*asked, Answered(3, True, "")))
    assert answered.overrides == {"budget": "15s", "model": "knobs"}


def test_an_intent_waits_until_it_is_answered_and_a_starts_overrides_hold_once_accepted() -> None:
    body: list[Body] = [StartRequested({"budget": "15s"}), PauseRequested(), Answered(1, True)]
    ledger = Ledger("night").feed(entries(*body))
    assert list(ledger.unanswered) == [2]
    assert ledger.overrides == {"budget": "15s"}
    refused = Ledger("night").feed(entries(StartRequested({"budget": "15s"}), Answered(1, False)))
    assert refused.overrides == {}


def test_a_repaired_experiment_counts_only_the_runs_of_its_present_text() -> None:
    body: list[Body] = [
        proposed(1),
        RunStarted(1, 1, Purpose.MEASURE, 0, "c1"),
        RunEnded(1, 1, Outcome.CRASHED, failure=Failure(FailureKind.ASSERTION, "no")),
        Repaired(1, "c1b", "idea 1, mended", 2, 1),
        RunStarted(1, 2, Purpose.MEASURE, 0, "c1b"),
        RunEnded(1, 2, Outcome.FINISHED),
        Scored(1, 2, 1.8, ScoreSource.SEALED),
    ]
    experiment = Ledger("night").feed(entries(*body)).experiments[1]
    assert (experiment.scores, experiment.repairs, len(experiment.runs)) == ({0: 1.8}, 1, 2)
