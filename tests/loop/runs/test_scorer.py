"""A sealed score comes from the pinned prepare.py alone; everything else is a failure with its reason."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from loop.record.types import Failure, FailureKind, Outcome
from loop.runs import scorer
from loop.runs.ruler import Ruler, prepare_data
from loop.runs.run import RunSpec, sha256
from loop.runs.scorer import BrokenRuler, Scorer, SealedScore, Tampered, prepare_scorer
from loop.runs.trainer import launch
from loop.trust.probe import probe
from loop.trust.sandbox import BUBBLEWRAP, SEATBELT, environment
from loop.trust.seatbelt import Seatbelt
from tests.loop import macos
from tests.loop.runs.supervisor.children import until

# A ruler that is started like ours and answers what the test wants.
STUB = """
import json, os, sys
RULER_VERSION = 1
open(sys.argv[sys.argv.index("--run") + 1] + "/started", "w")
if not sys.stdin.readline():
    sys.exit()
print("said by the model", file=sys.stderr)
{answer}
"""
OK = {"ok": True, "val_bpb": 1.25, "split": "val", "tokens": 9, "bytes": 30, "uniform_bpb": 3.5, "audited_rows": 2}
RULER = Ruler("", "key", "5m", "cpu", "python", "cpu", "CPU", 1, (), (), 3.5)
Start = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Return a function that starts the scorer of a stub ruler with this answer."""
    folder, run_dir = tmp_path / "slöt a", tmp_path / "run-1"
    folder.mkdir()
    run_dir.mkdir()
    (folder / "train.py").write_text("x = 1\n")

    async def start_scorer(answer: str) -> Scorer:
        (folder / "prepare.py").write_text(STUB.format(answer=answer))
        return await prepare_scorer(
            python=sys.executable,
            folder=folder,
            run_dir=run_dir,
            canvas="train.py",
            split="val",
            wrap=("some", "wrap"),
            environment=environment(run_dir, {}),
            ruler=replace(RULER, sha256=sha256(folder / "prepare.py")),
            canvas_sha256=sha256(folder / "train.py"),
        )

    return start_scorer


async def answered(start: Start, answer: dict[str, object]) -> SealedScore | Failure:
    found = await (await start(f"print({json.dumps({**answer, 'seconds': 0.5})!r})")).score(60.0)
    assert isinstance(found, SealedScore | Failure)
    return found


async def test_a_score_comes_from_prepare(start: Start, tmp_path: Path) -> None:
    assert await answered(start, OK) == SealedScore(1.25, "val", 9, 3.5, 0.5)
    assert (tmp_path / "run-1-val" / "run.log").read_text() == "said by the model\n"
    assert [p.name for p in (tmp_path / "run-1-val").iterdir()] == ["run.log"]


async def test_what_a_model_computes_before_its_first_logits_is_told(start: Start) -> None:
    assert await answered(start, {**OK, "opening_cpu_s": 4.5}) == SealedScore(1.25, "val", 9, 3.5, 0.5, 4.5)


async def test_the_scorer_starts_early_and_waits(start: Start, tmp_path: Path) -> None:
    scorer = await start(f"print({json.dumps({**OK, 'seconds': 1.0})!r} if os.path.exists('../trained') else '{{}}')")
    await until((tmp_path / "run-1" / "started").exists)
    (tmp_path / "trained").touch()
    assert isinstance(await scorer.score(60.0), SealedScore)


async def test_the_scorer_is_told_what_to_score(start: Start, tmp_path: Path) -> None:
    scorer = await start("print(json.dumps({'ok': False, 'kind': 'crash', 'detail': json.dumps(sys.argv[1:])}))")
    found = await scorer.score(60.0)
    assert json.loads(found.message)[-6:] == [
        "--canvas",
        "slöt a/train.py",
        "--split",
        "val",
        "--wrap",
        '["some", "wrap"]',
    ]


TRACEBACK = 'Traceback (most recent call last):\n  File "{}/train.py", line 7, in forward\nAssertionError: odd width'


@pytest.mark.parametrize(
    ("kind", "traceback", "expected"),
    [
        ("no_checkpoint", "", Failure(FailureKind.NO_CHECKPOINT, "why in train.py")),
        ("non_causal", "", Failure(FailureKind.NON_CAUSAL, "why in train.py")),
        ("bad_shape", "", Failure(FailureKind.BAD_SHAPE, "why in train.py")),
        ("oom", "", Failure(FailureKind.OUT_OF_MEMORY, "why in train.py")),
        ("nan", "", Failure(FailureKind.NAN, "why in train.py")),
        ("timeout", "", Failure(FailureKind.TIMED_OUT, "why in train.py")),
        ("crash", "", Failure(FailureKind.OTHER, "why in train.py")),
        (
            "crash",
            TRACEBACK,
            Failure(FailureKind.ASSERTION, "while scoring: AssertionError at train.py:7: odd width", 7),
        ),
    ],
)
async def test_a_checkpoint_without_a_score(
    start: Start, tmp_path: Path, kind: str, traceback: str, expected: Failure
) -> None:
    slot = tmp_path / "slöt a"
    said = {"ok": False, "kind": kind, "detail": f"why in {slot}/train.py", "traceback": traceback.format(slot)}
    found = await answered(start, said)
    assert isinstance(found, Failure) and replace(found, traceback="") == expected
    assert str(tmp_path) not in found.traceback


async def test_a_score_that_is_no_number_is_a_failure(start: Start) -> None:
    found = await answered(start, {**OK, "val_bpb": float("nan")})
    assert found == Failure(FailureKind.NAN, "train.py: its score is nan")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("sys.exit('the data folder is gone')", id="exit code"),
        pytest.param("print('hello'); print('the data folder is gone', file=sys.stderr)", id="no JSON"),
        pytest.param("print('the data folder is gone', file=sys.stderr)", id="no answer"),
        pytest.param("print('[1]'); print('the data folder is gone', file=sys.stderr)", id="another JSON"),
    ],
)
async def test_a_ruler_that_fails_is_no_patchs_fault(start: Start, answer: str) -> None:
    found = await (await start(answer)).score(60.0)
    assert isinstance(found, BrokenRuler) and "the data folder is gone" in found.message


async def test_a_score_that_takes_too_long_is_killed(start: Start, tmp_path: Path) -> None:
    scorer = await start("import time; time.sleep(60)")
    assert (await scorer.score(0.3)).kind is FailureKind.TIMED_OUT
    assert not any(str(tmp_path) in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))


@pytest.mark.parametrize("name", ["prepare.py", "train.py"])
async def test_files_changed_during_training_give_no_score(start: Start, tmp_path: Path, name: str) -> None:
    scorer = await start(f"print({json.dumps(OK)!r})")
    (tmp_path / "slöt a" / name).write_text("tampered")
    found = await scorer.score(60.0)
    assert isinstance(found, Tampered) and found.message.startswith(name)


async def test_what_training_left_in_the_slot_is_not_imported(start: Start, tmp_path: Path) -> None:
    (tmp_path / "slöt a" / "json.py").write_text("raise SystemExit('shadowed')")
    (tmp_path / "slöt a" / "sitecustomize.py").write_text("raise SystemExit('shadowed')")
    assert isinstance(await answered(start, OK), SealedScore)


async def test_a_closed_scorer_leaves_nothing(start: Start, tmp_path: Path) -> None:
    scorer = await start("")
    await until((tmp_path / "run-1" / "started").exists)
    await scorer.close()
    await scorer.close()
    assert not any(str(tmp_path) in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))


CANVAS = """
import torch, prepare
class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(prepare.PROFILE.vocab, prepare.PROFILE.vocab)
        torch.nn.init.zeros_(self.embed.weight)
    def forward(self, tokens):
        return self.embed(tokens)
def build_model():
    return Tiny()
if __name__ == "__main__":
    model, budget = build_model(), prepare.Budget()
    optimizer = torch.optim.SGD(model.parameters(), lr=30.0)
    batches = prepare.batches(4)
    while budget.remains():
        x, y = next(batches)
        loss = torch.nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        budget.spend(tokens=x.numel(), loss=loss.item())
    prepare.submit(model)
"""


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ruler, dict[str, str]]:
    """A slot with our own prepare.py and a tiny canvas, its data prepared from some of Python's own sources."""
    top = tmp_path_factory.mktemp("re po")
    slot = top / "slot"
    slot.mkdir()
    shutil.copy(Path(scorer.__file__).parents[2] / "prepare.py", slot)
    (slot / "train.py").write_text(CANVAS)
    sources = sorted(Path(asyncio.__file__).parents[1].glob("*.py"))[:60]
    (top / "corpus.txt").write_text("".join(path.read_text(errors="ignore") for path in sources))
    variables = {
        "AUTORESEARCH_CACHE": str(tmp_path_factory.mktemp("cache")),
        "AUTORESEARCH_SOURCE": str(top / "corpus.txt"),
        "AUTORESEARCH_DEVICE": "cpu",
    }
    scratch = tmp_path_factory.mktemp("scratch")
    ruler = asyncio.run(prepare_data(sys.executable, slot, environment(scratch, variables), lambda line: None))
    return slot, ruler, variables


@pytest.mark.parametrize("kind", [BUBBLEWRAP, SEATBELT])
async def test_the_real_ruler_scores_a_tiny_canvas(
    tmp_path: Path, ruled: tuple[Path, Ruler, dict[str, str]], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The whole way of a run, in the best sandbox there is and under a stand-in for that of macOS.

    Some seconds: torch is imported three times.
    """
    slot, ruler, variables = ruled
    run_dir = tmp_path / "run-1"
    run_dir.mkdir()
    if kind == SEATBELT:
        macos.fake_sandbox_exec(monkeypatch, tmp_path)
    sandbox = probe() if kind == BUBBLEWRAP else Seatbelt(SEATBELT)
    wrap = partial(
        sandbox.wrap,
        slot=slot,
        run_dir=run_dir,
        top=slot.parent,
        python=sys.executable,
        protect=[slot / "prepare.py", slot / "train.py"],
        hidden=ruler.sealed_paths,
    )
    extra = {**variables, "AUTORESEARCH_RUN": str(run_dir), "AUTORESEARCH_BUDGET": "20k tokens"}
    own = {"python": sys.executable, "folder": slot, "run_dir": run_dir, "canvas": "train.py"}
    own["environment"] = environment(run_dir, extra)
    training, scoring = wrap(readable=ruler.read_paths), wrap(read_only=True)
    run = await launch(
        RunSpec("python train.py", limit_s=60.0, lock=tmp_path / "lock", gated=True, wrap=training, **own)  # type: ignore[arg-type]
    )
    run.open_gate()
    started = await prepare_scorer(
        split="val",
        ruler=ruler,
        canvas_sha256=run.canvas_sha256,
        wrap=scoring,
        **own,  # type: ignore[arg-type]
    )
    result = await run.wait()
    assert result.outcome is Outcome.FINISHED, result
    assert (progress := run.progress()) is not None and progress.share == 1.0
    score = await started.score(60.0)
    assert isinstance(score, SealedScore), score
    assert 0.5 < score.score < score.uniform
