"""Two steps on a tiny batch find what a patch's text does not show, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path

import pytest

from loop.record.types import Failure, FailureKind
from loop.runs.rehearsal import dry_run, read
from loop.trust.preflight import check
from tests.loop.trust.patches import HONEST, RUN, Patch
from tests.ruler import arrays

ROOT = Path(__file__).parents[3]


async def rehearse(folder: Path, text: str, **variables: str) -> Failure | None:
    """Return what a rehearsal of a canvas finds; the benchmark calls this too."""
    folder.mkdir(exist_ok=True)
    (folder / "prepare.py").write_bytes((ROOT / "prepare.py").read_bytes())
    (folder / "train.py").write_text(text)
    alone = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AUTORESEARCH_DEVICE": "cpu",
        "PYTHONDONTWRITEBYTECODE": "1",
        **variables,
    }
    where = {"folder": folder, "scratch": folder / "scratch"}
    return await dry_run(**where, canvas="train.py", python=sys.executable, environment=alone)


QUICK = ("misspelt name", "sees the future", "loss is NaN", "division by zero", "deeper")


@pytest.mark.parametrize("patch", [p for p in (*RUN, *HONEST) if p.name in QUICK], ids=lambda p: p.name)
async def test_a_rehearsal_finds_what_the_text_does_not_show(tmp_path: Path, patch: Patch) -> None:
    found = await rehearse(tmp_path, patch.text)
    if not patch.finds:
        assert found is None
    else:
        assert found is not None and found.kind == patch.finds and str(tmp_path) not in found.traceback
        assert found.line > 0 or found.kind is not FailureKind.OTHER


async def test_our_own_canvas_passes(tmp_path: Path) -> None:
    own = (ROOT / "train.py").read_text()
    assert check(own) == []
    assert await rehearse(tmp_path, own) is None


@pytest.mark.parametrize(
    ("line", "kind", "said"),
    [
        pytest.param("", None, "", id="honest"),
        pytest.param("logits[:, :-1] += ahead(tokens)", FailureKind.NON_CAUSAL, "sees the future", id="sees ahead"),
        pytest.param("logits = logits[:, :-1]", FailureKind.BAD_SHAPE, "the model returns (2, 255,", id="shape"),
        pytest.param("logits[0] = np.nan", FailureKind.NAN, "not finite after two steps", id="not finite"),
        pytest.param("logits = misspelt", FailureKind.OTHER, "misspelt", id="misspelt"),
    ],
)
async def test_a_canvas_in_another_framework_is_rehearsed_too(
    tmp_path: Path, line: str, kind: FailureKind | None, said: str
) -> None:
    found = await rehearse(tmp_path, arrays.canvas(line), AUTORESEARCH_FRAMEWORK="numpy")
    assert (found.kind if found else None) == kind, found
    assert said in (found.message if found else "")


ESCAPES = """
import os, time
from pathlib import Path
child = os.fork()
if child == 0:
    os.setsid()
else:
    Path("pids.new").write_text(f"{os.getpid()} {child}")
    os.rename("pids.new", "pids")
time.sleep(1000)
"""


def rehearse_for(folder: Path, prepare: str, limit_s: float) -> Coroutine[None, None, Failure | None]:
    """Return a rehearsal that gets no further than this prepare.py."""
    (folder / "train.py").write_text("x = 1\n")
    (folder / "prepare.py").write_text(prepare)
    scratch = folder / "scratch"
    environment = {"PATH": os.environ["PATH"], "HOME": str(scratch / "home")}
    return dry_run(
        folder=folder,
        scratch=scratch,
        canvas="train.py",
        python=sys.executable,
        environment=environment,
        limit_s=limit_s,
    )


async def test_a_rehearsal_that_takes_too_long_tells_nothing(tmp_path: Path) -> None:
    assert await rehearse_for(tmp_path, "import time\ntime.sleep(1000)\n", limit_s=0.5) is None
    assert not (tmp_path / "scratch" / "home").exists()


async def test_a_rehearsal_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    rehearsal = asyncio.create_task(rehearse_for(tmp_path, ESCAPES, limit_s=300.0))
    async with asyncio.timeout(60):
        while not (tmp_path / "pids").exists():
            await asyncio.sleep(0.01)
    rehearsal.cancel()
    await asyncio.wait([rehearsal])
    for pid in (tmp_path / "pids").read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


@pytest.mark.parametrize(
    ("verdict", "output", "code", "kind"),
    [
        ('["nan", "the loss is nan"]\n', "noise\n", 3, FailureKind.NAN),
        ("[]\n", "", 0, None),
        ("", "[]\nPREFLIGHT []\n", 0, FailureKind.NO_CHECKPOINT),
        ('["nan", "the lo', "", 0, FailureKind.NO_CHECKPOINT),
        ("", 'Traceback\n  File "/w/train.py", line 3, in f\n    x\nRuntimeError: no CUDA GPUs are there\n', 1, None),
        ("", 'Traceback\n  File "/w/train.py", line 3, in f\n    x\nRuntimeError: shapes\n', 1, FailureKind.OTHER),
        ("", 'Traceback\n  File "/w/prepare.py", line 3, in f\n    x\nKeyError: 1\n', 1, None),
        ('["made up", 3]\n', "", 3, None),
        ("3\n", "", 3, None),
        ("", "", -9, None),
    ],
)  # fmt: skip
def test_what_a_rehearsal_printed_is_read(verdict: str, output: str, code: int, kind: FailureKind | None) -> None:
    found = read(verdict, output, code, Path("/w"), "train.py")
    assert (found and found.kind) == kind
