"""What the baseline's runs came to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loop.engine.baseline import conclude
from loop.record.campaign_facts import NoiseMeasured, StateChanged
from loop.record.experiment_facts import Judged, RunEnded, RunStarted, Scored
from loop.record.types import (
    Author,
    AutoResearchError,
    Outcome,
    Purpose,
    Reason,
    ScoreSource,
    Verdict,
)  # fmt: skip
from tests.loop.engine.desk import BASE, Desk

KEEP = Judged(0, Verdict.KEEP, Reason.HUMAN, 1.0)


def measured(desk: Desk, seed: int, score: float) -> None:
    attempt = len(desk.campaign.ledger.experiments[0].runs) + 1
    desk.campaign.record(
        RunStarted(0, attempt, Purpose.BASELINE, seed, desk.made.baseline),
        RunEnded(0, attempt, Outcome.FINISHED),
        Scored(0, attempt, score, ScoreSource.SELF_REPORTED),
    )


@pytest.mark.parametrize(
    ("scores", "noise", "words"),
    [
        pytest.param([1.5, 2.0], 0.5, "baseline measured", id="noisy"),
        pytest.param([1.0], 0.0, "baseline measured: one score whatever the seed", id="one score on two seeds"),
    ],
)
def test_the_noise_is_recorded_with_the_verdict(tmp_path: Path, scores: list[float], noise: float, words: str) -> None:
    desk = Desk(tmp_path)  # whose baseline has the score 1.0 on seed 0
    for seed, score in enumerate(scores, 1):
        measured(desk, seed, score)
    conclude(desk.campaign, desk.conditions, KEEP)
    assert desk.facts(NoiseMeasured)[-1].noise_floor == pytest.approx(noise)
    assert desk.facts(StateChanged)[-1].message.startswith(words)


def test_a_baseline_that_does_not_run_ends_the_campaign_and_what_waits(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    human = desk.propose(BASE.replace("0.1", "0.5"), Author.HUMAN)
    with pytest.raises(AutoResearchError, match="the baseline does not run: exit code 1; fix it and restart"):
        conclude(desk.campaign, desk.conditions, Judged(0, Verdict.CRASH, Reason.FAILED, explanation="exit code 1"))
    waiting = desk.campaign.ledger.experiments[human]
    assert waiting.verdict is Verdict.INVALID and waiting.explanation.startswith("the baseline does not run")


@pytest.mark.parametrize(
    ("data", "advised"), [("auto", True), ("named", False)], ids=["not named yet", "named already"]
)
def test_a_baseline_that_misses_a_file_which_git_ignores_is_told_how_to_name_it(
    tmp_path: Path, data: str, advised: bool
) -> None:
    desk = Desk(tmp_path)
    (desk.made.top / ".gitignore").write_text("corpus\n")
    corpus = desk.made.top / "corpus"
    corpus.mkdir()
    (corpus / "numbers.txt").write_text("1 2 3\n")
    conditions = replace(desk.conditions, data=str(corpus) if data == "named" else data)
    why = "FileNotFoundError: [Errno 2] No such file or directory: 'corpus/numbers.txt'"
    with pytest.raises(AutoResearchError) as failed:
        conclude(desk.campaign, conditions, Judged(0, Verdict.CRASH, Reason.FAILED, explanation=why))
    assert ("write 'data: corpus/numbers.txt' in program.md" in str(failed.value)) is advised
