"""How a run ended is told truly, in one sentence, with the line of the canvas; whatever the canvas does."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loop.record.types import Failure, FailureKind, Metric, Outcome, Refused
from loop.record.values import BudgetKind
from loop.record.work import Allowance
from loop.runs.failure import clean, failure_in
from loop.runs.leash import Ending
from loop.runs.progress import LOG, Progress, number_printed, numbers_in, read_progress, read_tail
from loop.runs.supervisor.wire import Why
from loop.runs.trainer import Run, RunResult, RunSpec, classify, command_of, explain, launch, python_for
from loop.trust.limits import Limits
from loop.trust.probe import probe
from loop.trust.sandbox import environment

GATE = """import os, json, sys, time
RUN = os.environ['AUTORESEARCH_RUN']
os.read(int(os.environ['AUTORESEARCH_GATE_FD']), 1)
"""
SUBMIT = "open(RUN + '/checkpoint.pt', 'w').write('weights')\n"
Start = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Return a function that launches a canvas in a slot whose path has a space and an umlaut."""
    slot, run_dir = tmp_path / "slöt a", tmp_path / "rün 1"
    slot.mkdir()
    run_dir.mkdir()

    async def start_canvas(text: str, **options: object) -> Run:
        (slot / "train.py").write_text(text)
        settings = {
            "command": "python train.py",
            "python": sys.executable,
            "folder": slot,
            "run_dir": run_dir,
            "environment": environment(run_dir, {"AUTORESEARCH_RUN": str(run_dir)}),
            "limit_s": 10.0,
            "lock": tmp_path / "lock",
            "canvas": "train.py",
            **options,
        }
        return await launch(RunSpec(**settings))  # type: ignore[arg-type]

    return start_canvas


@pytest.fixture(params=[pytest.param("bubblewrap", marks=pytest.mark.bubblewrap), "process group"])
def tier(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """The argv prefix of both sandboxes."""
    if request.param == "process group":
        return ()
    places = {"slot": tmp_path / "slöt a", "run_dir": tmp_path / "rün 1", "top": tmp_path}
    for path in places.values():
        path.mkdir(exist_ok=True)
    prefix = probe().wrap(**places, python=sys.executable)
    assert prefix, probe().reason
    return prefix


async def train(start: Start, text: str, **options: object) -> RunResult:
    run = await start(text, **options)
    run.open_gate()
    return await run.wait()


async def test_a_sealed_run_finishes_in_both_sandboxes(start: Start, tier: tuple[str, ...]) -> None:
    summary = {"training_seconds": 2.0, "peak_memory_mb": 123.0, "tokens": 1000}
    canvas = GATE + SUBMIT + f"json.dump({summary}, open(RUN + '/summary.json', 'w'))"
    result = await train(start, canvas, gated=True, wrap=tier)
    assert result.failure is None and result.outcome is Outcome.FINISHED
    assert (result.train_seconds, result.peak_memory_mb, result.tokens_per_s) == (2.0, 123.0, 500.0)
    assert result.reported is None and result.total_seconds > 0


ORIGINAL = """
print('\\rstep 00952 (99.9%) | loss: 2.98 | lrm: 0.01 | tok/sec: 1,666,000 | remaining: 0s', end='')
print('\\n---\\nval_bpb:          0.997900\\ntraining_seconds: 300.1\\ntotal_seconds:    325.9')
print('peak_vram_mb:     45060.2\\nmfu_percent:      39.80\\ntotal_tokens_M:   499.6\\nnum_steps:        953')
"""


async def test_a_script_that_measures_itself_reports_its_number(start: Start) -> None:
    result = await train(start, ORIGINAL, metric=Metric())
    assert (result.outcome, result.reported, result.failure) == (Outcome.FINISHED, 0.9979, None)
    assert (result.train_seconds, result.peak_memory_mb) == (300.1, 45060.2)
    assert result.tokens_per_s == pytest.approx(499.6e6 / 300.1)


async def test_a_script_that_measures_itself_finds_its_data_below_home(start: Start, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "data").touch()
    variables = environment(tmp_path / "rün 1", {"AUTORESEARCH_CACHE": str(tmp_path / "cache")})
    look = "import os; print('val_bpb:', len(os.listdir(os.path.expanduser('~/.cache/autoresearch'))))"
    assert (await train(start, look, metric=Metric(), environment=variables)).reported == 1.0
    assert (tmp_path / "cache" / "data").exists() and not (tmp_path / "rün 1" / "home").exists()


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
    result = await train(start, GATE + "class OutOfTime(Exception): pass\nraise OutOfTime('cap of 60 s')", gated=True)
    assert result.outcome is Outcome.TIMED_OUT and result.failure is not None
    assert result.failure.message == "OutOfTime at train.py:5: cap of 60 s"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Overrun", "submit() came 90 s after the end of the budget"),
        ("Overrun", "submit(): 12 GFLOP were computed after the last spend()"),
        ("Uncharged", "the run took 9.0 CPU seconds"),
        ("Changed", "prepare.py was changed while it ran: price"),
    ],
)
async def test_a_run_that_took_more_than_its_budget_is_no_crash_but_tampered_with(
    start: Start, name: str, sentence: str
) -> None:
    result = await train(start, f"{GATE}class {name}(Exception): pass\nraise {name}({sentence!r})", gated=True)
    assert result.failure is not None and result.failure.kind is FailureKind.TAMPERED


async def test_a_signal_is_told_from_inside_both_sandboxes(start: Start, tier: tuple[str, ...]) -> None:
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


async def test_a_hanging_run_times_out_in_both_sandboxes(start: Start, tier: tuple[str, ...]) -> None:
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


async def test_a_stopped_run_is_interrupted_and_stopping_twice_is_harmless(start: Start) -> None:
    run = await start(GATE + "time.sleep(60)", gated=True)
    assert (await run.stop()).outcome is Outcome.INTERRUPTED
    assert (await run.stop()).outcome is Outcome.INTERRUPTED


async def test_stopping_a_run_that_has_ended_changes_nothing(start: Start) -> None:
    run = await start("print('val_bpb: 1.0')", metric=Metric())
    run.open_gate()
    assert await run.wait() == await run.stop()


async def test_a_canvas_that_does_not_wait_for_its_turn_crashes(start: Start) -> None:
    run = await start("print('I never import prepare')", gated=True)
    result = await run.wait()
    assert result.failure is not None and "before its turn" in result.failure.message


async def test_results_of_an_earlier_run_are_not_read(start: Start, tmp_path: Path) -> None:
    for name in ("checkpoint.pt", "summary.json", "progress.json", LOG):
        (tmp_path / "rün 1" / name).write_text("{}")
    result = await train(start, "", gated=False)
    assert result.failure is not None and result.failure.kind is FailureKind.NO_CHECKPOINT


async def test_the_canvas_is_hashed_before_it_can_change_itself(start: Start, tmp_path: Path) -> None:
    run = await start("open(__file__, 'a').write('#'); print('val_bpb: 1')", metric=Metric())
    other = await start("pass", metric=Metric())
    assert run.canvas_sha256 != other.canvas_sha256 and len(run.canvas_sha256) == 64
    await run.stop()
    await other.stop()


async def test_progress_of_a_sealed_run(start: Start) -> None:
    numbers = {
        "step": 7,
        "share": 0.25,
        "loss": 3.5,
        "tokens": 100,
        "seconds": 2.0,
        "tokens_per_s": 50.0,
        "remaining_s": 6.0,
    }
    run = await start(GATE + f"json.dump({numbers}, open(RUN + '/progress.json', 'w')); sys.exit(1)", gated=True)
    assert run.progress() is None
    run.open_gate()
    await run.wait()
    assert run.progress() == Progress(7, 0.25, 3.5, 100, 2.0, 50.0, 6.0)


def test_progress_of_the_original_script(tmp_path: Path) -> None:
    line = "\rstep {:05d} (3.4%) | loss: 5.612345 | lrm: 1.00 | dt: 310ms | tok/sec: 1,690,112 | remaining: 289s    "
    (tmp_path / LOG).write_text("".join(line.format(step) for step in range(1000)))
    assert read_progress(tmp_path) == Progress(999, 0.034, 5.612345, tokens_per_s=1690112.0, remaining_s=289.0)


@pytest.mark.parametrize(
    "text",
    ["", "[", "[1]", "null", "[" * 50_000, '{"step": 1e999, "share": 0.5}', '{"step": true, "share": "x"}', "9" * 5000],
)
def test_a_broken_progress_file_is_no_progress(tmp_path: Path, text: str) -> None:
    (tmp_path / "progress.json").write_text(text)
    assert read_progress(tmp_path) is None


def test_numbers_that_are_none_are_left_out() -> None:
    assert numbers_in('{"a": 1, "b": null, "c": NaN, "d": true, "f": "1", "g": 1e999}') == {"a": 1.0}


def test_a_file_that_is_a_pipe_or_a_link_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "file").write_text("0123456789")
    assert [read_tail(tmp_path / name, 4) for name in ("pipe", "link", "none", "file")] == ["", "", "", "6789"]


@pytest.mark.parametrize(
    ("metric", "log", "found"),
    [
        pytest.param(Metric(), "val_bpb: 1.5\nval_bpb: 0.99\n", 0.99, id="the last counts"),
        pytest.param(Metric(), "val_bpb:\t9.9e-1", 0.99, id="exponent"),
        pytest.param(Metric("loss"), "val_bpb: 1\nloss: -2", -2.0, id="another name"),
        pytest.param(Metric(pattern=r"accuracy = (\S+)%"), "accuracy = 12.5%", 12.5, id="a pattern"),
        pytest.param(Metric(pattern=r"\d+\.\d+$"), "a 1.5\nb 2.5", 2.5, id="a pattern without a group"),
        pytest.param(Metric(pattern=r"score (\w+)"), "score high", None, id="a pattern that finds no number"),
        pytest.param(Metric("ms"), "ms: 1,234.5", 1234.5, id="thousands"),
        pytest.param(Metric("ms"), "ms: -1,234,567", -1234567.0, id="millions"),
        pytest.param(Metric(pattern=r"took (\S+) ms"), "took 1,234.5 ms", 1234.5, id="thousands by a pattern"),
        pytest.param(Metric("loss"), "loss: 0.5, step 7", 0.5, id="a comma behind it"),
        pytest.param(Metric("loss"), "loss: 0,987", None, id="a decimal comma is no number, least of all 0"),
        pytest.param(Metric("loss"), "loss: 12,5", None, id="another one"),
        pytest.param(Metric(pattern=r"took (\d+)? ms"), "took 5 ms\ntook  ms", 5.0, id="a group that may be absent"),
        pytest.param(Metric(), "", None, id="nothing"),
    ],
)
def test_the_number_printed(metric: Metric, log: str, found: float | None) -> None:
    assert number_printed(log, metric) == found


TORCH = """Traceback (most recent call last):
  File "/home/me/my campaign/train.py", line 214, in <module>
    main()
  File "/home/me/my campaign/train.py", line 180, in main
    loss = model(x)
  File "/opt/venv/lib/python3.12/site-packages/torch/nn/modules/module.py", line 1751, in _call_impl
    return forward_call(*args, **kwargs)
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. See https://pytorch.org/docs/stable/notes/cuda.html
"""
CHAINED = """Traceback (most recent call last):
  File "/s/a.py", line 1, in <module>
KeyError: 'first'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/home/me/my campaign/train.py", line 9, in <module>
    x
RuntimeError: [enforce fail at alloc_cpu.cpp:126] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to
[W1 something printed later]
"""


@pytest.mark.parametrize(
    ("log", "kind", "line", "message"),
    [
        pytest.param(
            TORCH, "out_of_memory", 180, "OutOfMemoryError at train.py:180: CUDA out of memory", id="in a library"
        ),
        pytest.param(
            CHAINED, "out_of_memory", 9, "RuntimeError at train.py:9: [enforce fail", id="the last of a chain"
        ),
        pytest.param("terminate called\n what():  std::bad_alloc", "out_of_memory", 0, "out of memory", id="C++"),
        pytest.param("", "other", 0, "no traceback", id="nothing"),
    ],
)
def test_what_a_log_tells_of_a_failure(log: str, kind: str, line: int, message: str) -> None:
    found = failure_in(clean(log, Path("/home/me/my campaign")), "train.py")
    assert (found.kind, found.line) == (kind, line)
    assert found.message.startswith(message)
    assert "/home" not in found.traceback and "/opt" not in found.traceback


def test_a_long_traceback_is_trimmed() -> None:
    frames = "".join(f'  File "train.py", line {n}, in f\n    f()\n' for n in range(1, 500))
    found = failure_in(f"Traceback (most recent call last):\n{frames}RecursionError: too deep", "train.py")
    assert (len(found.traceback.splitlines()), found.line) == (30, 499)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param("a\x1b[31mred\x1b[0m\x07\x00b", "aredb", id="control characters"),
        pytest.param("title\x1b]0;evil\x07 end", "title end", id="terminal title"),
        pytest.param("user\u202etxt.exe", "usertxt.exe", id="reversed text"),
        pytest.param("10%\r20%\r\n", "10%\n20%\n\n", id="carriage returns"),
        pytest.param("/slot a/train.py:3: in /usr/lib/x.py", "train.py:3: in x.py", id="absolute paths"),
        pytest.param(
            "see https://a.org/b/c and 1 / 2 and a/b/c", "see https://a.org/b/c and 1 / 2 and a/b/c", id="no paths"
        ),
        pytest.param(
            ' File "/v/lib/python3.11/site-packages/torch/x.py"', ' File "site-packages/torch/x.py"', id="library paths"
        ),
    ],
)
def test_what_is_shown_is_clean(text: str, cleaned: str) -> None:
    assert clean(text, Path("/slot a")) == cleaned


@pytest.mark.parametrize("line", ["step 1 (1.2.3%) | loss: 1", f"step {'9' * 5000} (1%)", "step 1 (.%)"])
def test_a_line_that_only_looks_like_progress_is_passed_over(tmp_path: Path, line: str) -> None:
    (tmp_path / LOG).write_text(f"step 7 (50.0%) | loss: 2.5\n{line}\n")
    assert read_progress(tmp_path) == Progress(step=7, share=0.5, loss=2.5)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("python train.py", ("PY", "train.py")),
        ("python3.12 -u 'my train.py'", ("PY", "-u", "my train.py")),
        ("uv run train.py", ("PY", "train.py")),
        ("uv run python train.py", ("PY", "train.py")),
        ("torchrun --nproc 1 train.py", ("torchrun", "--nproc", "1", "train.py")),
        ('python train.py ""', ("PY", "train.py", "")),
    ],
)
def test_the_command_runs_under_the_chosen_python(run: str, words: tuple[str, ...]) -> None:
    assert command_of(run, "PY") == words


@pytest.mark.parametrize("run", ["", "   ", '""', "python train.py > run.log", "a && b", "python 'train.py", "a | b"])
def test_a_command_that_needs_a_shell_is_refused(run: str) -> None:
    with pytest.raises(Refused, match="run: "):
        command_of(run, "PY")


def test_the_python_of_a_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTORESEARCH_PYTHON", raising=False)
    folder = tmp_path / "top" / "campaign"
    folder.mkdir(parents=True)
    (tmp_path / "top" / ".git").mkdir()
    assert python_for(folder) == sys.executable
    for place in (tmp_path, tmp_path / "top", folder):
        (place / ".venv/bin").mkdir(parents=True)
        (place / ".venv/bin/python").symlink_to(sys.executable)
        expected = sys.executable if place == tmp_path else str(place / ".venv/bin/python")
        assert python_for(folder) == expected
    monkeypatch.setenv("AUTORESEARCH_PYTHON", "/chosen/python")
    assert python_for(folder) == "/chosen/python"


async def test_launching_does_not_wait_and_the_gate_opens_at_once(start: Start) -> None:
    canvas = GATE.replace("os.read", "open(RUN + '/ready', 'w'); os.read") + SUBMIT
    run = await start(canvas, gated=True)
    deadline = time.monotonic() + 60
    while not (run.spec.run_dir / "ready").exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    run.open_gate()
    assert (await run.wait()).outcome is Outcome.FINISHED


@pytest.mark.parametrize(
    "word",
    [
        "sh: 1: exec: gone: not found",
        "sh: line 1: exec: gone: not found",
        "bwrap: execvp gone: No such file or directory",
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


def test_a_folder_where_the_log_should_be_is_no_log(tmp_path: Path) -> None:
    (tmp_path / LOG).mkdir()
    (tmp_path / "progress.json").mkdir()
    assert read_progress(tmp_path) is None and read_tail(tmp_path / LOG, 10) == ""


CHANNEL = """import os, json, socket, sys, time
RUN = os.environ['AUTORESEARCH_RUN']
s = socket.socket(fileno=int(os.environ['AUTORESEARCH_GATE_FD']))
s.recv(9); s.sendall(b'clock\\n'); s.recv(9)
"""
END = "s.sendall(b'submit\\n'); s.recv(9)\n"
ACCOUNT = "json.dump({'explained_cpu_s': 0.3}, open(RUN + '/summary.json', 'w'))\n"
BURN = "end = time.process_time() + 3\nwhile time.process_time() < end: pass\n"
ALLOWANCE = Allowance(BudgetKind.FLOPS, 1e9, "cpu", 1)


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
    allowed = Allowance(BudgetKind.WALL, 0.1, "cpu", 1)
    result = await train(start, CHANNEL + "time.sleep(60)", gated=True, submits=True, allowance=allowed, limit_s=60.0)
    assert result.failure is not None and result.failure.kind is FailureKind.TAMPERED
    assert "had not submitted 3 s after its clock had started" in result.failure.message
