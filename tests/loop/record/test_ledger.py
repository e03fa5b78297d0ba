"""The ledger: what a list of entries means."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields

import pytest

from loop.record.campaign_facts import Answered, Imported, Resumed, Spent, StateChanged
from loop.record.entries import Body, Entry
from loop.record.experiment_facts import Judged, RunStarted, Scored
from loop.record.intents import NoteAdded, PauseRequested, StartRequested, VerifyRequested
from loop.record.ledger import Ledger
from loop.record.noise import Noise
from loop.record.types import Cost, Purpose, Reason, ScoreSource, State, Verdict
from loop.record.verification_facts import Audited, Priced, Verified
from loop.views.state import message_text
from tests.loop.record.told import entries, night, proposed


def test_why_no_proposal_came_is_known_until_one_comes() -> None:
    running = StateChanged(State.RUNNING, "baseline measured")
    ledger = Ledger("night").feed(entries(*night(), running, Spent(Cost(), "m", "no key")))
    assert ledger.trouble == "no key" and message_text(ledger) == "baseline measured; a proposal failed: no key"
    assert Ledger("night").feed(entries(*night(), Spent(Cost(), "m", "no key"), proposed(4))).trouble == ""


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


def test_an_intent_waits_until_it_is_answered_and_a_starts_overrides_hold_once_accepted() -> None:
    body: list[Body] = [StartRequested({"budget": "15s"}), PauseRequested(), Answered(1, True)]
    ledger = Ledger("night").feed(entries(*body))
    assert list(ledger.unanswered) == [2]
    assert ledger.overrides == {"budget": "15s"}
    refused = Ledger("night").feed(entries(StartRequested({"budget": "15s"}), Answered(1, False)))
    assert refused.overrides == {}


def everything() -> list[Body]:
    """Return entries that change every dict and list of a ledger."""
    return [
        *night(),
        Resumed("another rule"),
        StartRequested({"budget": "15s"}),
        Answered(len(night()) + 2, True),
        NoteAdded("try less"),
        VerifyRequested(1, 1),
        Imported("c", 1.0, None, Verdict.KEEP, "last night"),
        Audited(1, 7, 2.0, 1.9),
        Verified(1, "c1", (7,), (1.9,), (2.0,)),
        Priced(1, (7,), (1.9,), ()),
        Judged(3, Verdict.KEEP, Reason.BETTER, 1.8, -0.1, pairs=((1.8, 1.9), (1.7, 1.9))),
    ]


def test_a_copy_stays_as_it_is_when_the_original_is_fed() -> None:
    first, rest = entries(*everything())[:3], entries(*everything())[3:]
    ledger = Ledger("night").feed(first)
    copied, before = ledger.copy(), deepcopy(ledger)
    assert copied == ledger
    ledger.feed(rest)
    assert copied == before
    changed = {f.name for f in fields(Ledger) if getattr(ledger, f.name) != getattr(before, f.name)}
    held = {f.name for f in fields(Ledger) if isinstance(getattr(before, f.name), dict | list)}
    assert held <= changed, "else this test would say nothing of them"
    assert copied.feed(rest) == ledger, "and it can be fed itself"


def test_a_look_ahead_changes_nothing() -> None:
    ledger = Ledger("night").feed(entries(*night()))
    before = deepcopy(ledger)
    then = ledger.after(Judged(3, Verdict.KEEP, Reason.BETTER, 1.8, -0.1, pairs=((1.8, 1.9), (1.7, 1.9))))
    assert (then.incumbent, then.pairs) == (3, 1)
    assert ledger == before


def test_a_verification_is_over_with_its_pairs_or_with_the_prices_that_were_asked_for() -> None:
    audit = [RunStarted(1, 9, Purpose.AUDIT, 41, "c1"), Verified(1, "c1", (41,), (1.9,), (2.0,))]
    bare = Ledger("night").feed(entries(*night(), VerifyRequested(1), *audit))
    assert (bare.verifying, bare.verified, bare.fresh_seed) == (None, False, 42)
    priced = Ledger("night").feed(entries(*night(), VerifyRequested(1, 2), *audit))
    assert (priced.verifying, priced.verified) == (VerifyRequested(1, 2), True)
    done = Ledger("night").feed(entries(*night(), VerifyRequested(1, 2), *audit, Priced(1, (41,), (1.9,), ())))
    assert (done.verifying, done.verified) == (None, False)
    refused = Ledger("night").feed(entries(VerifyRequested(1), Answered(1, False)))
    assert refused.verifying is None


def test_a_rule_holds_from_the_first_experiment_that_waits() -> None:
    assert Ledger("night").feed(entries(*night(), Resumed("new"), Resumed("new"))).rules == [(3, "new")]
    judged = Judged(3, Verdict.DISCARD, Reason.WORSE, 2.0)
    assert Ledger("night").feed(entries(*night(), judged, Resumed("new"))).rules == [(4, "new")]


def test_a_passing_message_holds_until_the_next_run() -> None:
    run = RunStarted(3, 2, Purpose.MEASURE, 0, "c3")
    for passing, left in ((True, ""), (False, "look")):
        said = StateChanged(State.RUNNING, "look", passing)
        assert Ledger("night").feed(entries(*night(), said, run)).message == left


def test_a_script_is_exact_where_its_baselines_agree_and_no_text_has_two_scores() -> None:
    body: list[Body] = [proposed(0)]
    for attempt, score in ((1, 2.0), (2, 2.0), (3, 2.5)):
        run = RunStarted(0, attempt, Purpose.BASELINE if attempt < 3 else Purpose.COMPARE, attempt, "c0")
        body += [run, Scored(0, attempt, score, ScoreSource.SEALED)]
    exact = Ledger("night", noise_floor=0.1).feed(entries(*body[:5]))
    assert exact.exact and exact.noise == Noise(0.0, 0.0, exact=True)
    assert not Ledger("night").feed(entries(*body[:3])).exact, "one baseline agrees with itself"
    varied = Ledger("night", noise_floor=0.1).feed(entries(*body))
    assert not varied.exact and varied.noise == Noise(pytest.approx(0.1 * 2**0.5), 0.1)
