"""One experiment until its verdict, with runs that end at once: what is recorded, in which order, and after a kill."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from loop.engine import measuring
from loop.engine.branch import Branch
from loop.engine.measuring import Measuring
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Judged, RunEnded, RunStarted, Scored
from loop.record.types import (
    Cause,
    Failure,
    FailureKind,
    Outcome,
    Purpose,
    Reason,
    ScoreSource,
    Verdict,
)
from tests.loop.engine.desk import BASE, Desk

BETTER, WORSE = BASE.replace("0.1", "0.2"), BASE.replace("0.1", "0.3")
NO_SCORE = Failure(FailureKind.NO_SCORE, "it printed nothing")


class Bench(Desk):
    """A desk that measures. `repairs` are the texts that a crashed patch comes back with."""

    def __init__(self, folder: Path, **given: Any) -> None:
        super().__init__(folder, **given)
        self.repairs: list[str] = []
        self.branch = Branch(self.campaign)
        self.campaign.repo.move_ref(self.campaign.repo.branch(self.campaign.name), self.made.baseline, None)
        self.measuring = Measuring(
            self.campaign, self.strategy, self.conditions, self.inspection, self.staging, self.branch, self.repair
        )

    async def repair(self, experiment: Experiment) -> bool:
        if not self.repairs:
            return False
        made = self.backlog.broken(experiment)
        return self.backlog.repair(experiment, type(made)(self.repairs.pop(0), "repaired", made.author, made.proposer))

    async def measure(self, text: str) -> Experiment:
        number = self.propose(text)
        await self.measuring.measure(number)
        return self.campaign.ledger.experiments[number]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.runner.score = lambda text, seed: {BETTER: 0.8, WORSE: 1.2}.get(text, 1.0)
    return bench


async def test_a_keep_is_recorded_with_its_score_and_the_branch_follows(bench: Bench) -> None:
    kept = await bench.measure(BETTER)
    assert (kept.verdict, kept.reason, kept.score) == (Verdict.KEEP, Reason.BETTER, 0.8)
    entries = bench.made.journal.read()
    kinds = [type(entry.body) for entry in entries[-4:]]
    assert kinds == [RunStarted, RunEnded, Scored, Judged]
    assert entries[-1].at == entries[-2].at == entries[-3].at, "one commit of the journal"
    assert bench.campaign.repo.ref(bench.campaign.repo.branch(bench.campaign.name)) == kept.commit
    assert bench.runner.begun[0].closed


async def test_a_run_is_recorded_before_it_trains(bench: Bench) -> None:
    def started() -> Any:
        assert isinstance(bench.made.journal.read()[-1].body, RunStarted)
        return asyncio.sleep(0)

    bench.runner.while_it_trains = started
    assert (await bench.measure(WORSE)).verdict is Verdict.DISCARD


async def test_a_gain_inside_the_margin_gets_another_pair_on_a_seed_of_its_own(bench: Bench) -> None:
    bench.runner.score = lambda text, seed: 0.9985 if text == BETTER else 1.0  # as much as one run's noise
    number = bench.propose(BETTER)
    await bench.measuring.measure(number)
    ledger = bench.campaign.ledger
    assert [(run.purpose, run.seed) for run in ledger.experiments[number].runs] == [
        (Purpose.MEASURE, 0), (Purpose.CONFIRM, 1),
    ]  # fmt: skip
    assert [(run.purpose, run.seed) for run in ledger.experiments[0].runs] == [
        (Purpose.BASELINE, 0), (Purpose.COMPARE, 1),
    ]  # fmt: skip
    assert ledger.experiments[number].verdict is Verdict.KEEP


async def test_what_comes_next_is_started_while_a_run_trains(bench: Bench) -> None:
    first, second = bench.propose(WORSE), bench.propose(BETTER)
    await bench.measuring.measure(first)
    assert [run.number for run in bench.runner.staged] == [first, second]
    await bench.measuring.measure(second)
    assert len(bench.runner.staged) == 2, "it is the run that was started ahead"


async def test_an_interrupted_run_is_recorded_closed_and_made_again(bench: Bench) -> None:
    forever = asyncio.Event()
    bench.runner.while_it_trains = forever.wait
    number = bench.propose(BETTER)
    work = asyncio.create_task(bench.measuring.measure(number))
    while not bench.runner.begun:
        await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    run = bench.campaign.ledger.experiments[number].runs[0]
    assert run.outcome is Outcome.INTERRUPTED and bench.runner.begun[0].closed
    forever.set()
    await bench.measuring.measure(number)
    assert [r.attempt for r in bench.campaign.ledger.experiments[number].runs] == [1, 2]


async def test_a_killed_daemons_run_gets_its_end_and_its_branch_its_tip(bench: Bench) -> None:
    kept = bench.keep(BETTER)
    number = bench.propose(WORSE)
    commit = bench.campaign.ledger.experiments[number].commit
    bench.campaign.record(RunStarted(number, 1, Purpose.MEASURE, 0, commit))
    await bench.measuring.heal()
    assert bench.facts(RunEnded)[-1] == RunEnded(number, 1, Outcome.INTERRUPTED)
    tip = bench.campaign.repo.ref(bench.campaign.repo.branch(bench.campaign.name))
    assert tip == bench.campaign.ledger.experiments[kept].commit


async def test_a_crash_is_repaired_and_the_mended_text_is_measured(bench: Bench) -> None:
    bench.runner.score = lambda text, seed: NO_SCORE if "broken" in text else 0.8
    bench.repairs = [BETTER + "X = 'broken too'\n", BETTER]
    experiment = await bench.measure(BASE + "X = 'broken'\n")
    assert (experiment.verdict, experiment.repairs) == (Verdict.KEEP, 2)
    assert [run.outcome for run in experiment.runs] == [Outcome.CRASHED, Outcome.CRASHED, Outcome.FINISHED]


async def test_a_score_that_is_no_number_goes_back_to_the_author_too(bench: Bench) -> None:
    bench.runner.score = lambda text, seed: math.nan if "broken" in text else 0.8
    bench.repairs = [BETTER]
    experiment = await bench.measure(BASE + "X = 'broken'\n")
    assert (experiment.verdict, experiment.repairs, experiment.score) == (Verdict.KEEP, 1, 0.8)


async def test_a_crash_that_nobody_repairs_is_the_verdict(bench: Bench) -> None:
    bench.runner.score = lambda text, seed: NO_SCORE
    experiment = await bench.measure(WORSE)
    assert (experiment.verdict, experiment.explanation) == (Verdict.CRASH, "it printed nothing")


async def test_too_many_crashes_in_a_row_pause_with_their_cause(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "MAX_CRASHES_IN_ROW", 2)
    bench.runner.score = lambda text, seed: NO_SCORE
    await bench.measure(WORSE)
    assert bench.campaign.paused is None
    await bench.measure(BETTER)
    assert bench.campaign.paused is not None and bench.campaign.paused.cause is Cause.CRASHES


async def test_a_text_with_data_of_its_own_is_judged_without_a_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ruler=object())
    experiment = await bench.measure(BASE + f"X = {list(range(3000))}\n")
    assert experiment.verdict is Verdict.INVALID and "at most" in experiment.explanation and not experiment.runs


@pytest.mark.parametrize(("ruler", "source"), [(None, ScoreSource.SELF_REPORTED), (object(), ScoreSource.SEALED)])
async def test_a_score_says_where_it_comes_from(tmp_path: Path, ruler: object, source: ScoreSource) -> None:
    bench = Bench(tmp_path, ruler=ruler)
    bench.runner.score = lambda text, seed: 0.9
    await bench.measure(BETTER)
    assert bench.facts(Scored)[-1].source is source
