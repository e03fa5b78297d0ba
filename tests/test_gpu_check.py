"""The GPU check: no failure is swallowed, no deadline ignored, no figure made up. CI runs its dry run besides."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench.gpu import __main__ as check
from bench.gpu import corpus, machine, place, starved, steps
from bench.gpu.goals import GOALS, Goal, judge
from bench.gpu.harness import OutOfTime, Shell, Step, StepFailed, perform
from bench.gpu.report import Figures, Report, Result, Status, Verdict, results_of
from bench.gpu.runs import last_object, objects, summary

ROOT = Path(__file__).resolve().parents[1]
NO_GPU_NEEDED = {3}  # of the doubts in docs/gpu.md


def step(name: str, act: Callable[[None, Shell], Figures], needs: tuple[str, ...] = ()) -> Step[None]:
    return Step(name, 60, (), act, needs)


def fails(_: None, shell: Shell) -> Figures:
    raise StepFailed("it broke", {"so_far": 1})


def breaks(_: None, shell: Shell) -> Figures:
    raise KeyError("val_bpb")


def overruns(_: None, shell: Shell) -> Figures:
    raise OutOfTime


def works(_: None, shell: Shell) -> Figures:
    return {"seen": 2}


@pytest.fixture
def shell(tmp_path: Path) -> Callable[[str, float], Shell]:
    return lambda name, until: Shell(tmp_path / f"{name}.log", until, os.environ, tmp_path)


class Ticks:
    """A clock on which every reading takes ten seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10
        return self.now


def test_the_steps_after_one_that_fails_are_run_and_the_failure_stays(shell: Callable[[str, float], Shell]) -> None:
    acts = {"fails": fails, "breaks": breaks, "overruns": overruns, "works": works}
    results = list(perform([step(n, act) for n, act in acts.items()], None, shell, time.monotonic() + 1000))
    assert [r.status for r in results] == [Status.FAILED, Status.FAILED, Status.TIMED_OUT, Status.PASSED]
    assert results[0].detail == "it broke" and results[0].figures == {"so_far": 1}
    assert results[1].detail == "KeyError: 'val_bpb'"
    for result in results:
        assert Report(False, "", None, {result.name: result}, (), 0.0).passed is (result.name == "works")


def test_no_step_begins_after_the_deadline_and_one_before_it_gets_no_more_time_than_is_left(
    shell: Callable[[str, float], Shell],
) -> None:
    limits: list[float] = []

    def seen(_: None, shell: Shell) -> Figures:
        limits.append(shell.until)
        return {}

    results = list(perform([step("a", seen), step("b", seen)], None, shell, deadline=25, clock=Ticks()))
    assert limits == [25]
    assert [r.status for r in results] == [Status.PASSED, Status.SKIPPED]


def test_a_step_whose_modules_are_missing_fails_and_names_them(shell: Callable[[str, float], Shell]) -> None:
    [result] = perform([step("a", works, ("yaml", "torch"))], None, shell, time.monotonic() + 1000, frozenset({"yaml"}))
    assert result.status is Status.FAILED and "lacks yaml;" in result.detail and not result.figures


def test_a_command_that_fails_is_no_result(shell: Callable[[str, float], Shell]) -> None:
    with pytest.raises(StepFailed, match="ended with code 3: the last line"):
        shell("a", time.monotonic() + 60).run(sys.executable, "-c", "print('the last line'); raise SystemExit(3)")


def test_what_a_command_printed_is_returned_and_kept(shell: Callable[[str, float], Shell], tmp_path: Path) -> None:
    run = shell("a", time.monotonic() + 60).run
    assert [run(sys.executable, "-c", f"print({n})") for n in (1, 2)] == ["1\n", "2\n"]
    assert (tmp_path / "a.log").read_text() == "1\n2\n"


STUBBORN = """
import signal, subprocess, sys, time
if sys.argv[2:]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.run([sys.executable, *sys.argv[:2]])
with open(sys.argv[1], "w") as fifo:
    print("running", file=fifo, flush=True)
    time.sleep(600)
"""


def test_at_its_limit_a_command_is_killed_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.gpu.harness.GRACE_S", 0.1)
    program, fifo = tmp_path / "stubborn.py", tmp_path / "fifo"
    program.write_text(STUBBORN)
    os.mkfifo(fifo)
    readers = []

    def when_it_runs() -> float:  # the time that is left is asked for once the command was started
        readers.append(fifo.open())
        assert readers[0].readline() == "running\n"
        return 5.0

    with pytest.raises(OutOfTime):
        Shell(tmp_path / "log", 5.0, os.environ, tmp_path, when_it_runs).run(
            sys.executable, str(program), str(fifo), "parent"
        )
    with readers[0] as reader:
        assert reader.read() == ""  # nobody has it open for writing any more


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


def test_the_report_says_what_did_not_pass_and_later_steps_are_added_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(place.Place, "make", lambda self, vendor: None)
    monkeypatch.setattr(place.Place, "lacks", lambda self, modules: frozenset())
    monkeypatch.setattr(check, "STEPS", [step("cold", fails), step("warm", works)])
    command = ["--dry", "--output", str(tmp_path)]
    assert check.main(command) == 1
    assert "not passed: cold in" in capsys.readouterr().out
    body = json.loads((tmp_path / "report.json").read_text())
    assert body["passed"] is False and [s["status"] for s in body["steps"]] == ["failed", "passed"]
    monkeypatch.setattr(check, "STEPS", [step("cold", works), step("warm", fails)])
    assert check.main([*command, "--steps", "cold"]) == 0  # warm has passed before
    assert "all 2 steps passed" in capsys.readouterr().out
    monkeypatch.setattr(check, "code", lambda: "another")
    assert check.main([*command, "--steps", "warm"]) == 1
    assert list(results_of(tmp_path / "report.json", True, "another")) == ["warm"]


def test_a_minute_that_is_no_time_runs_nothing_and_passes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place.Place, "make", lambda self, vendor: None)
    monkeypatch.setattr(place.Place, "lacks", lambda self, modules: frozenset())
    monkeypatch.setattr(check, "STEPS", [step("cold", works)])
    assert check.main(["--dry", "--output", str(tmp_path), "--minutes", "0.1"]) == 1
    [result] = json.loads((tmp_path / "report.json").read_text())["steps"]
    assert result["status"] == "skipped" and not result["figures"]


def test_the_corpus_is_the_same_text_for_the_same_packages(tmp_path: Path) -> None:
    for name in ("a.py", "b/c.hpp", "b/d.md", "b/table.csv", "b/__pycache__/e.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n" * 200)
    (tmp_path / "short.py").write_text("x = 1\n")
    found = list(corpus.chosen([tmp_path]))
    assert {path.name for path in found} == {"a.py", "c.hpp", "d.md"} and found == list(corpus.chosen([tmp_path]))


def test_the_corpus_ends_near_its_limit_and_leaves_out_what_is_not_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "latin.py").write_bytes(b"\xff" * 1000)
    for n in range(9):
        (tmp_path / f"{n}.py").write_text("x" * 1000)
    monkeypatch.setattr(corpus, "roots", lambda: [tmp_path])
    assert corpus.write(tmp_path / "text.jsonl", 2500) == 3000
    texts = [json.loads(line)["text"] for line in (tmp_path / "text.jsonl").read_text().splitlines()]
    assert texts == ["x" * 1000] * 3


def test_what_this_python_has_comes_before_what_was_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.setattr(sys, "path", ["", str(ROOT), os.path.dirname(os.__file__), str(packages), "/not/there"])
    vendor = tmp_path / "vendor"
    assert place.search_path(vendor) == [str(packages.resolve()), str(vendor.resolve()), str(ROOT)]
    assert place.search_path(None) == [str(packages.resolve()), str(ROOT)]


def test_what_is_said_of_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    card = SimpleNamespace(name="NVIDIA H200", major=9, minor=0, total_memory=139 * 2**30)
    monkeypatch.setattr(machine.prepare, "device", lambda: torch.device("cuda", 0))
    monkeypatch.setattr(machine, "driver", lambda: "580.1")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda at: card)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda at: card.name)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_80", "sm_90"])
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert machine.gpu() == {
        "name": "NVIDIA H200", "capability": "9.0", "memory_gib": 139.0, "driver": "580.1",
        "built_for": ["sm_80", "sm_90"], "built_for_this": True, "bf16": True, "peak_known": True,
    }  # fmt: skip
    card.name = "NVIDIA H200 MIG 1g.18gb"
    assert machine.gpu()["peak_known"] is False


def test_a_gpu_may_use_no_more_memory_than_the_step_allows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card = SimpleNamespace(total_memory=100 * 2**20)
    shares: list[float] = []
    monkeypatch.setenv("GPU_CHECK_MEMORY_MB", "60")
    monkeypatch.setattr(starved.prepare, "device", lambda: torch.device("cuda", 0))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda at: card)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share, at: shares.append(share))
    monkeypatch.setattr(starved.train, "accumulate_gradients", starved.whole)
    monkeypatch.setattr(starved.train, "main", lambda: None)
    starved.main()
    assert shares == [0.6]
    monkeypatch.setattr(starved, "whole", lambda *given: (torch.zeros(()), 64))
    for rows in (128, 64):
        assert starved.train.accumulate_gradients(None, None, None, None, rows)[1] == 64
    assert objects(capsys.readouterr().out) == [{"asked": 128, "fitted": 64}]


@pytest.mark.parametrize(
    ("card", "built_for", "expected"),
    [
        pytest.param((9, 0), ["sm_80", "sm_90"], True, id="its own"),
        pytest.param((8, 6), ["sm_80", "sm_90a"], True, id="an earlier minor number"),
        pytest.param((7, 0), ["sm_75", "sm_80"], False, id="a later minor number"),
        pytest.param((12, 0), ["sm_100", "sm_120"], True, id="two digits"),
        pytest.param((6, 1), ["sm_75", "compute_90"], False, id="too old"),
    ],
)
def test_whether_a_build_has_code_for_a_card(card: tuple[int, int], built_for: list[str], expected: bool) -> None:
    assert machine.runs_on(*card, built_for) is expected


def test_the_page_names_every_step_goal_option_and_doubt() -> None:
    page = (ROOT / "docs/gpu.md").read_text()
    rows = page.partition("## Steps")[2].partition("## Goals")[0].splitlines()
    assert [s.name for s in steps.STEPS] == [row.split("`")[1] for row in rows if row.startswith("| `")]
    for known in GOALS:
        assert f"| {known.name} | {str(known).replace('<=', '≤').replace('>=', '≥')} |" in page
    assert {n for s in steps.STEPS for n in s.tells} == set(range(1, 13)) - NO_GPU_NEEDED
    for option in ("--output", "--dry", "--vendor", "--minutes", "--steps"):
        assert f"`{option}" in page
