"""The harness of the GPU check: no failure is swallowed and no deadline ignored. CI runs its dry run besides."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.gpu import __main__ as check
from bench.gpu import place
from bench.gpu.harness import OutOfTime, Shell, Step, StepFailed, perform
from bench.gpu.report import Figures, Report, Status, results_of


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
        whole = Report(False, "", None, (result.name,), {result.name: result}, (), 0.0)
        assert whole.passed is (result.name == "works")
        assert not replace(whole, planned=(result.name, "later")).passed, "the pass has not ended"


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
