"""Whole campaigns that verify what they claim: at their end, on request, and where a daemon was killed meanwhile."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from loop.cli.app import main
from loop.control import control
from loop.engine.verdict import RULE
from loop.record.campaign_facts import NoiseMeasured
from loop.record.experiment_facts import RunStarted, Scored
from loop.record.home import find_home
from loop.record.intents import StartRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import Purpose, Refused, State
from loop.views import claims, conditions
from tests.campaigns import Campaign, make_repository
from tests.stub import CANVAS, PROGRAM, daemon, ended, entries, gone, make_campaign, run_to_end, until

FIRST = 7919
VERIFIED = PROGRAM.replace("verify: 0\n", "")
NO_SEED = CANVAS.replace(" + 0.0001 * seed", "")


def audits(folder: Path) -> Counter[tuple[int, int]]:
    """Return how often each (experiment, seed) was scored to verify something."""
    started = {(b.experiment, b.attempt): b for e in entries(folder) if isinstance(b := e.body, RunStarted)}
    scored = [(e.body.experiment, e.body.attempt) for e in entries(folder) if isinstance(e.body, Scored)]
    runs = [started[key] for key in scored]
    return Counter((r.experiment, r.seed) for r in runs if r.purpose is Purpose.AUDIT)


def test_a_campaign_ends_with_fresh_pairs_and_verifies_again_when_asked(tmp_path: Path) -> None:
    campaign = make_campaign(tmp_path / "c", VERIFIED)
    ledger = run_to_end(campaign)
    assert ledger.best is not None and ledger.best.number
    (found,) = ledger.verifications
    assert (found.experiment, found.commit, found.rows) == (ledger.best.number, ledger.best.commit, "val")
    assert found.seeds == (FIRST, FIRST + 1, FIRST + 2)
    assert claims.headline(ledger).startswith("verified: −") and claims.headline(ledger).endswith("self-reported)")
    assert ledger.state is State.FINISHED and "6 experiments" in ledger.message

    answer = control.verify(campaign, pairs=2, keeps=2)
    assert "verifies" in answer.message
    again = until(campaign, lambda later: bool(later.prices) and ended(later))
    gone(campaign)
    assert again.verifications[-1].seeds == (FIRST + 3, FIRST + 4)
    assert (again.state, again.message, again.judged) == (State.FINISHED, ledger.message, ledger.judged)
    assert again.verifying is None and claims.prices(again)
    assert max(audits(campaign).values()) == 1


def test_a_killed_verification_goes_on_where_it_was(tmp_path: Path) -> None:
    slow = CANVAS.replace("time.sleep(0.02)", "time.sleep(0.4 if seed > 7000 else 0.02)")
    campaign = make_campaign(tmp_path / "c", VERIFIED, slow)
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StartRequested({"experiments": "3"}))
    with daemon(campaign):
        until(campaign, lambda ledger: sum(audits(campaign).values()) >= 2 and ledger.running is not None)
    gone(campaign)
    with daemon(campaign) as process:
        ledger = until(campaign, ended)
        process.wait()
    assert len(ledger.verifications) == 1 and len(ledger.verifications[0].seeds) == 3
    assert audits(campaign) == Counter(
        {(n, seed): 1 for n in (0, ledger.verifications[0].experiment) for seed in range(FIRST, FIRST + 3)}
    )


def test_a_campaign_that_ends_without_verifying_says_so_and_not_that_there_is_no_gain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = make_campaign(tmp_path / "c")
    ledger = run_to_end(campaign, experiments="3")
    assert ledger.state is State.FINISHED and not ledger.verifications
    assert ledger.keeps and claims.headline(ledger) == claims.NOT_VERIFIED
    assert main(["-C", str(campaign), "status"]) == 0
    told = capsys.readouterr().out
    assert "not verified yet; 'autoresearch verify' measures the gain" in told and "no verified gain" not in told
    with pytest.raises(Refused, match="no campaign"):
        control.verify(make_campaign(tmp_path / "other"))


def test_a_script_that_ignores_its_seed_is_told_of_once_and_repeats_nothing(tmp_path: Path) -> None:
    campaign = make_campaign(tmp_path / "c", VERIFIED.replace("repeats: 2", "repeats: 5"), NO_SEED)
    ledger = run_to_end(campaign)
    runs = [run for e in ledger.experiments.values() for run in e.runs]
    assert Counter(run.purpose for run in runs)[Purpose.BASELINE] == 2
    assert not [run for run in runs if run.purpose in (Purpose.CONFIRM, Purpose.COMPARE)]
    told = [e.body for e in entries(campaign) if "one score whatever the seed" in str(getattr(e.body, "message", ""))]
    assert len(told) == 1
    assert "the script ignores its seed, 2 runs each, self-reported" in claims.headline(ledger)
    noise = next(e.body for e in entries(campaign) if isinstance(e.body, NoiseMeasured))
    assert noise.noise_floor == 0.0


def test_a_campaign_of_the_first_rule_says_that_it_changed_and_only_once(tmp_path: Path) -> None:
    old = Campaign(make_repository(tmp_path / "c", CANVAS.encode(), PROGRAM))
    assert old.ledger.rule == ""
    answer = control.start(old.folder, {"experiments": "1"}, old.name)
    assert "its verdicts follow a newer rule" in answer.message
    ledger = until(old.folder, ended)
    gone(old.folder)
    assert (ledger.rule, ledger.rules) == (RULE, [(1, RULE)])
    assert "from #1 on of pairs" in dict(conditions.facts(ledger))["Verdict"]
    again = control.start(old.folder, {"experiments": "2"}, old.name)
    assert "newer rule" not in again.message
    until(old.folder, lambda later: later.judged == 2 and ended(later))
    gone(old.folder)


def test_the_state_is_told_as_it_is_now(tmp_path: Path) -> None:
    campaign = make_campaign(
        tmp_path / "c", canvas=CANVAS.replace("time.sleep(0.02)", "time.sleep(30 * (BATCH < 8192))")
    )
    control.start(campaign, {"experiments": "40"})

    def at_work(ledger: Ledger) -> bool:
        return ledger.running is not None and ledger.running[0].number > 0

    ledger = until(campaign, at_work)
    assert ledger.message == "", "what was said of the baseline does not stand all night"
    control.stop(campaign, now=True)
    gone(campaign)
