"""A run starts at its gate, says how far it is, and is stopped with all it forked."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from loop.record.types import FailureKind, Metric, Outcome
from loop.runs.progress import LOG, Progress
from loop.trust.sandbox import environment
from tests.loop.runs.launching import GATE, SUBMIT, Start, train


async def test_a_sealed_run_finishes_in_each_sandbox(start: Start, tier: tuple[str, ...]) -> None:
    summary = {"training_seconds": 2.0, "peak_memory_mb": 123.0, "tokens": 1000}
    canvas = GATE + SUBMIT + f"json.dump({summary}, open(RUN + '/summary.json', 'w'))"
    result = await train(start, canvas, gated=True, wrap=tier)
    assert result.failure is None and result.outcome is Outcome.FINISHED
    assert (result.train_seconds, result.peak_memory_mb, result.tokens_per_s) == (2.0, 123.0, 500.0)
    assert result.reported is None and result.total_seconds > 0


async def test_a_script_that_measures_itself_finds_its_data_below_home(start: Start, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "data").touch()
    variables = environment(tmp_path / "rün 1", {"AUTORESEARCH_CACHE": str(tmp_path / "cache")})
    look = "import os; print('val_bpb:', len(os.listdir(os.path.expanduser('~/.cache/autoresearch'))))"
    assert (await train(start, look, metric=Metric(), environment=variables)).reported == 1.0
    assert (tmp_path / "cache" / "data").exists() and not (tmp_path / "rün 1" / "home").exists()


async def test_a_stopped_run_is_interrupted_and_stopping_twice_is_harmless(start: Start) -> None:
    run = await start(GATE + "time.sleep(60)", gated=True)
    assert (await run.stop()).outcome is Outcome.INTERRUPTED
    assert (await run.stop()).outcome is Outcome.INTERRUPTED


async def test_stopping_a_run_that_has_ended_changes_nothing(start: Start) -> None:
    run = await start("print('val_bpb: 1.0')", metric=Metric())
    run.open_gate()
    assert await run.wait() == await run.stop()


async def test_results_of_an_earlier_run_are_not_read(start: Start, tmp_path: Path) -> None:
    for name in ("checkpoint.pt", "checkpoint.safetensors", "summary.json", "progress.json", LOG):
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


async def test_launching_does_not_wait_and_the_gate_opens_at_once(start: Start) -> None:
    canvas = GATE.replace("os.read", "open(RUN + '/ready', 'w'); os.read") + SUBMIT
    run = await start(canvas, gated=True)
    deadline = time.monotonic() + 60
    while not (run.spec.run_dir / "ready").exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    run.open_gate()
    assert (await run.wait()).outcome is Outcome.FINISHED
