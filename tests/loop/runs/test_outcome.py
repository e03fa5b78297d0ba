"""How a run ended is told truly, in one sentence, with the line of the canvas; whatever the canvas does."""

from __future__ import annotations

from pathlib import Path

import pytest

import prepare
from loop.record.types import Failure, FailureKind, Metric, Outcome
from loop.record.values import BudgetKind
from loop.record.work import Allowance
from loop.runs.leash import Ending
from loop.runs.outcome import classify, explain
from loop.runs.run import RunSpec
from loop.runs.supervisor.wire import Why
from loop.trust.limits import Limits
from tests.loop.runs.launching import GATE, ORIGINAL, SUBMIT, Start, train

# What is printed of an exception of prepare.py's.
RULERS = 'class {name}(Exception): __module__ = "prepare"\nraise {name}({sentence!r})'


async def test_a_script_that_measures_itself_reports_its_number(start: Start) -> None:
    result = await train(start, ORIGINAL, metric=Metric())
    assert (result.outcome, result.reported, result.failure) == (Outcome.FINISHED, 0.9979, None)
    assert (result.train_seconds, result.peak_memory_mb) == (300.1, 45060.2)
    assert result.tokens_per_s == pytest.approx(499.6e6 / 300.1)


# canvas after the gate, kind of its failure, its line, a piece of the sentence
ENDINGS = [
    pytest.param("import nonexistent_thing", "import", 4, "No module named 'nonexistent_thing'", id="import"),
    pytest.param("def broken(:\n  pass", "syntax", 4, "SyntaxError at train.py:4", id="syntax"),
    pytest.param("  x = 1", "syntax", 4, "IndentationError at train.py:4", id="indentation"),
    pytest.param(
        "assert 8192 % 6 == 0, 'batch 6'", "assertion", 4, "AssertionError at train.py:4: batch 6", id="assertion"
    ),
    pytest.param("assert 8192 % 6 == 0", "assertion", 4, ": assert 8192 % 6 == 0", id="bare assertion"),
    pytest.param("x = 'a' * 10**15", "out_of_memory", 4, "MemoryError at train.py:4", id="memory"),
    pytest.param(
        "class NonFiniteLoss(Exception): pass\nraise NonFiniteLoss('step 3')", "nan", 5, "step 3", id="NaN loss"
    ),
    pytest.param("raise OSError(28, 'No space left')", "disk_full", 4, "[Errno 28]", id="disk full"),
    pytest.param("def f(): 1 / 0\nf()", "other", 4, "ZeroDivisionError at train.py:4: division by zero", id="other"),
    pytest.param("pass", "no_checkpoint", 0, "ended without a checkpoint", id="no checkpoint"),
    pytest.param("sys.exit(3)", "other", 0, "exit code 3, nothing printed", id="prints nothing"),
    pytest.param("print('so long'); sys.exit(3)", "other", 0, "exit code 3 after: so long", id="exit code"),
    pytest.param("print('FAIL'); sys.exit(1)", "diverged", 0, "diverged", id="the original's FAIL"),
    pytest.param("os.kill(os.getpid(), 11)", "killed", 0, "SIGSEGV", id="segmentation fault"),
    pytest.param("os.kill(os.getpid(), 9)", "killed", 0, "SIGKILL", id="killed"),
]


@pytest.mark.parametrize(("text", "kind", "line", "said"), ENDINGS)
async def test_a_crash_is_told(start: Start, text: str, kind: str, line: int, said: str) -> None:
    result = await train(start, GATE + text, gated=True)
    assert result.outcome is Outcome.CRASHED and result.failure is not None
    assert (result.failure.kind, result.failure.line) == (kind, line), result.failure
    assert said in result.failure.message and "slöt" not in result.failure.traceback


async def test_a_budget_of_compute_that_takes_too_long_times_out(start: Start) -> None:
    result = await train(start, GATE + RULERS.format(name="OutOfTime", sentence="cap of 60 s"), gated=True)
    assert result.outcome is Outcome.TIMED_OUT and result.failure is not None
    assert result.failure.message == "OutOfTime at train.py:5: cap of 60 s"


@pytest.mark.parametrize("name", ["Overrun", "Uncharged", "Changed"])
async def test_a_run_that_the_ruler_ends_is_no_crash_but_tampered_with(start: Start, name: str) -> None:
    result = await train(start, GATE + RULERS.format(name=name, sentence="any words"), gated=True)
    assert result.failure is not None and result.failure.kind is FailureKind.TAMPERED


@pytest.mark.parametrize("name", ["Overrun", "Uncharged", "Changed"])
async def test_an_exception_of_the_canvas_is_a_crash_whatever_its_name(start: Start, name: str) -> None:
    result = await train(start, f"{GATE}class {name}(Exception): pass\nraise {name}('submit() is late')", gated=True)
    assert result.failure is not None and result.failure.kind is FailureKind.OTHER


@pytest.mark.parametrize("name", ["OutOfTime", "NonFiniteLoss", "Overrun", "Uncharged", "Changed"])
def test_the_ruler_has_the_exceptions_that_its_logs_are_searched_for(name: str) -> None:
    assert issubclass(getattr(prepare, name), Exception)


async def test_a_signal_is_told_from_inside_each_sandbox(start: Start, tier: tuple[str, ...]) -> None:
    result = await train(start, "import os; os.kill(os.getpid(), 11)", metric=Metric(), wrap=tier)
    assert result.failure == Failure(FailureKind.KILLED, "ended by SIGSEGV")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("", FailureKind.NO_SCORE, id="nothing"),
        pytest.param("val_bpb: none", FailureKind.NO_SCORE, id="no number"),
        pytest.param("my val_bpb: 0.9", FailureKind.NO_SCORE, id="elsewhere in a line"),
        pytest.param("val_bpb: nan", FailureKind.NAN, id="NaN"),
        pytest.param("val_bpb: -inf", FailureKind.NAN, id="infinity"),
        pytest.param("val_bpb: 0.9\nval_bpb: nan", FailureKind.NAN, id="NaN at last"),
    ],
)
async def test_a_missing_or_impossible_number_is_a_crash(start: Start, text: str, kind: FailureKind) -> None:
    result = await train(start, f"print({text!r})", metric=Metric())
    assert (result.outcome, result.reported) == (Outcome.CRASHED, None)
    assert result.failure is not None and result.failure.kind is kind


async def test_a_pattern_that_finds_nothing_is_named(start: Start) -> None:
    result = await train(start, "print('took long')", metric=Metric("ms", pattern=r"took ([\d.]+) ms"))
    assert (
        result.failure is not None and r"a number that the pattern 'took ([\d.]+) ms' finds" in result.failure.message
    )


async def test_a_command_that_is_not_there_is_named(start: Start, tier: tuple[str, ...]) -> None:
    result = await train(start, "", command="no-such-program train.py", metric=Metric(), wrap=tier)
    said = "'no-such-program' cannot be started (No such file or directory); check 'run:' in program.md"
    assert result.failure is not None and result.failure.message.startswith(said)
    assert ("does not see your home" in result.failure.message) == bool(tier)


async def test_a_number_printed_before_a_crash_does_not_count(start: Start) -> None:
    result = await train(start, "print('val_bpb: 0.5'); raise ValueError", metric=Metric())
    assert (result.outcome, result.reported) == (Outcome.CRASHED, None)


async def test_a_hanging_run_times_out_in_each_sandbox(start: Start, tier: tuple[str, ...]) -> None:
    hang = "import time; print('step 1 (2.0%) loss: 3.5', flush=True); time.sleep(60)"
    result = await train(start, hang, metric=Metric(), limit_s=0.3, wrap=tier)
    assert result.outcome is Outcome.TIMED_OUT and result.total_seconds >= 0.3
    assert result.failure == Failure(FailureKind.TIMED_OUT, "still running after 0.3 s; killed")


async def test_a_run_that_fills_its_disk_crashes(start: Start) -> None:
    fill = "import itertools\nfor n in itertools.count(): open(str(n % 50), 'wb').write(b'x' * 1_000_000)"
    result = await train(start, fill, metric=Metric(), disk_limit=8 << 20)
    assert result.outcome is Outcome.CRASHED and result.failure is not None
    assert result.failure.kind is FailureKind.DISK_FULL and "8 MiB" in result.failure.message


async def test_a_file_over_the_limit_is_a_full_disk(start: Start) -> None:
    result = await train(start, "open('f', 'wb').write(b'x' * 9_000_000)", metric=Metric(), disk_limit=8 << 20)
    assert result.failure is not None and result.failure.kind is FailureKind.DISK_FULL


async def test_a_canvas_that_does_not_wait_for_its_turn_crashes(start: Start) -> None:
    run = await start("print('I never import prepare')", gated=True)
    result = await run.wait()
    assert result.failure is not None and "before its turn" in result.failure.message


@pytest.mark.parametrize(
    "word",
    [
        "sh: 1: exec: gone: not found",
        "sh: line 1: exec: gone: not found",
        "bwrap: execvp gone: No such file or directory",
        "sandbox-exec: execvp() of 'gone' failed: No such file or directory",
    ],
)
def test_a_program_that_is_not_there_is_named_whichever_shell_says_so(tmp_path: Path, word: str) -> None:
    spec = RunSpec("gone", "python", tmp_path, tmp_path, {}, 1.0, tmp_path / "lock", "train.py", wrap=("bwrap",))
    assert "'gone' cannot be started (No such file or directory)" in explain(spec, Ending(exit_code=127), word).message


@pytest.mark.parametrize(
    ("why", "kind", "words"),
    [
        (Why.MEMORY, FailureKind.OUT_OF_MEMORY, "64 MB of memory"),
        (Why.PROCESSES, FailureKind.PROCESSES, "50 processes"),
    ],
)
def test_a_run_that_passed_a_bound_names_it(tmp_path: Path, why: Why, kind: FailureKind, words: str) -> None:
    bounds = Limits(64_000_000, 50, 1 << 20)
    spec = RunSpec("x", "python", tmp_path, tmp_path, {}, 1.0, tmp_path / "lock", "train.py", limits=bounds)
    outcome, failure = classify(spec, Ending(exit_code=-9, why=why), "", None)
    assert outcome is Outcome.CRASHED and failure and failure.kind is kind and words in failure.message


CHANNEL = """import os, json, socket, sys, time
RUN = os.environ['AUTORESEARCH_RUN']
s = socket.socket(fileno=int(os.environ['AUTORESEARCH_GATE_FD']))
s.recv(9); s.sendall(b'clock\\n'); s.recv(9)
"""
END = "s.sendall(b'submit\\n'); s.recv(9)\n"
ACCOUNT = "json.dump({'explained_cpu_s': 0.3}, open(RUN + '/summary.json', 'w'))\n"
BURN = "end = time.process_time() + 3\nwhile time.process_time() < end: pass\n"
ALLOWANCE = Allowance(BudgetKind.FLOPS, 1e9, 1, 3.0, True)


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        pytest.param(ACCOUNT + SUBMIT + END, None, "", id="honest"),
        pytest.param(ACCOUNT + SUBMIT, "no_checkpoint", "left a checkpoint but did not submit it", id="no word"),
        pytest.param("", "no_checkpoint", "submitted nothing", id="nothing"),
        pytest.param(ACCOUNT + END, "no_checkpoint", "without a checkpoint", id="no file"),
        pytest.param(SUBMIT + END, "tampered", "gave no account of what it was charged", id="no account"),
        pytest.param(BURN + ACCOUNT + SUBMIT + END, "tampered", "times the work that it was charged", id="hidden work"),
    ],
)
async def test_a_submission_counts_when_its_work_was_charged(
    start: Start, body: str, kind: str | None, said: str
) -> None:
    result = await train(start, CHANNEL + body, gated=True, submits=True, allowance=ALLOWANCE, limit_s=60.0)
    found = result.failure
    assert (found and found.kind.value) == kind and said in (found.message if found else ""), found
    assert (result.outcome is Outcome.FINISHED) == (kind is None) == (result.work is not None)


async def test_a_run_that_is_late_on_a_wall_budget_is_tampered_with(start: Start) -> None:
    allowed = Allowance(BudgetKind.WALL, 0.1, 1, 3.0, True)
    result = await train(start, CHANNEL + "time.sleep(60)", gated=True, submits=True, allowance=allowed, limit_s=60.0)
    assert result.failure is not None and result.failure.kind is FailureKind.TAMPERED
    assert "had not submitted 3 s after its clock had started" in result.failure.message


HOW_IT_ENDED = {
    Why.STOPPED: (Outcome.INTERRUPTED, None),
    Why.SUSPENDED: (Outcome.INTERRUPTED, FailureKind.KILLED),
    Why.LOST: (Outcome.INTERRUPTED, FailureKind.LOST),
    Why.TIMED_OUT: (Outcome.TIMED_OUT, FailureKind.TIMED_OUT),
    Why.LATE: (Outcome.CRASHED, FailureKind.TAMPERED),
    Why.GREEDY: (Outcome.CRASHED, FailureKind.TAMPERED),
    Why.DISK: (Outcome.CRASHED, FailureKind.DISK_FULL),
    Why.FULL: (Outcome.CRASHED, FailureKind.DISK_FULL),
    Why.MEMORY: (Outcome.CRASHED, FailureKind.OUT_OF_MEMORY),
    Why.PROCESSES: (Outcome.CRASHED, FailureKind.PROCESSES),
}


@pytest.mark.parametrize("why", [why for why in Why if why is not Why.SUBMITTED])
def test_every_reason_to_end_a_run_has_an_outcome_and_a_failure(tmp_path: Path, why: Why) -> None:
    spec = RunSpec("x", "python", tmp_path, tmp_path, {}, 1.0, tmp_path / "lock", "train.py")
    outcome, failure = classify(spec, Ending(exit_code=0, why=why), "", 1.0)
    assert (outcome, failure and failure.kind) == HOW_IT_ENDED[why]
