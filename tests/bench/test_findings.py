"""What the GPU check says it found: figures that were measured, verdicts by them alone, and a page that names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.gpu import steps
from bench.gpu.goals import GOALS, Goal, judge
from bench.gpu.harness import StepFailed
from bench.gpu.report import Figures, Result, Status, Verdict
from bench.gpu.runs import last_object, summary

ROOT = Path(__file__).resolve().parents[2]
NO_GPU_NEEDED = {3}  # of the doubts in docs/gpu.md


def goal(**changes: object) -> Goal:
    return Goal(**{"name": "g", "step": "cold", "figure": "x", "bound": 8.0, "at_most": True} | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "figures", "at_most", "expected"),
    [
        pytest.param(Status.PASSED, {"x": 8.0}, True, Verdict.MET, id="at the bound"),
        pytest.param(Status.PASSED, {"x": 8.1}, True, Verdict.MISSED, id="above"),
        pytest.param(Status.PASSED, {"x": 7.9}, False, Verdict.MISSED, id="below"),
        pytest.param(Status.FAILED, {"x": 9}, True, Verdict.MISSED, id="measured, and the step failed by it"),
        pytest.param(Status.FAILED, {}, True, Verdict.NOT_MEASURED, id="failed before"),
        pytest.param(Status.TIMED_OUT, {"x": 2}, False, Verdict.NOT_MEASURED, id="cut off, so not the last word"),
        pytest.param(Status.PASSED, {"x": None}, True, Verdict.NOT_MEASURED, id="unknown"),
        pytest.param(Status.PASSED, {"x": float("nan")}, True, Verdict.NOT_MEASURED, id="no number"),
    ],
)
def test_a_goal_is_judged_by_a_figure_or_not_at_all(
    status: Status, figures: Figures, at_most: bool, expected: Verdict
) -> None:
    results = {"cold": Result("cold", status, 1.0, (), figures, "why")}
    found = judge(goal(at_most=at_most), results, dry=False)
    assert found.verdict is expected
    assert (found.measured is None) is (expected is Verdict.NOT_MEASURED) is bool(found.why)


def test_a_dry_run_measures_no_goal() -> None:
    figures: Figures = {g.figure: g.bound for g in GOALS}
    results = {g.step: Result(g.step, Status.PASSED, 1.0, (), figures) for g in GOALS}
    assert {judge(g, results, dry=True).verdict for g in GOALS} == {Verdict.NOT_MEASURED}
    assert {judge(g, results, dry=False).verdict for g in GOALS} == {Verdict.MET}
    assert {judge(g, {}, dry=False).verdict for g in GOALS} == {Verdict.NOT_MEASURED}


BLOCK = """step 9 | loss: 3.2
---
val_bpb:          1.234567
training_seconds: 30.0
total_seconds:    70.5
peak_vram_mb:     45060.2
mfu_percent:      unknown
total_tokens_M:   45.0
num_steps:        60
num_params_M:     57.7
"""


def test_the_summary_of_a_run_as_figures() -> None:
    figures = summary(BLOCK)
    assert figures["val_bpb"] == 1.234567 and figures["mfu_percent"] is None
    assert (figures["overhead_s"], figures["tokens_per_s"], figures["steps_in_300_s"]) == (40.5, 1_500_000, 600)
    assert figures["fell_back_to_eager"] is False
    assert summary("W torch._dynamo hit config.recompile_limit (8)\n" + BLOCK)["fell_back_to_eager"] is True


def test_a_run_without_a_score_has_no_figures() -> None:
    with pytest.raises(StepFailed, match="without a score"):
        summary(BLOCK.replace("val_bpb", "loss"))
    with pytest.raises(StepFailed, match="no figures"):
        last_object("{broken\n")


def test_the_page_names_every_step_goal_option_and_doubt() -> None:
    page = (ROOT / "docs/gpu.md").read_text()
    rows = page.partition("## Steps")[2].partition("## Goals")[0].splitlines()
    assert [s.name for s in steps.STEPS] == [row.split("`")[1] for row in rows if row.startswith("| `")]
    for known in GOALS:
        assert f"| {known.name} | {str(known).replace('<=', '≤').replace('>=', '≥')} |" in page
    assert {n for s in steps.STEPS for n in s.tells} == set(range(1, 13)) - NO_GPU_NEEDED
    for option in ("--output", "--dry", "--vendor", "--minutes", "--steps"):
        assert f"`{option}" in page
