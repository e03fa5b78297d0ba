"""Whose prepare.py it is, and what it says of itself, the machine and its data."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from loop.record.types import Refused
from loop.record.values import parse_budget
from loop.runs import scorer
from loop.runs.ruler import Ruler, is_ruler, prepare_data, ruler_of
from loop.runs.run import sha256
from loop.trust import library
from loop.trust.sandbox import environment
from tests.loop.runs.supervisor.children import until

DESCRIBED = {
    "ruler": 1,
    "comparison_key": "abc",
    "default_budget": "2 TFLOP",
    "profile": {"name": "cpu", "source": "python", "device": "cpu", "device_name": "a CPU", "threads": 2},
    "data_dir": "/data",
    "sealed_paths": ["/data/sealed"],
    "read_paths": ["/data"],
    "text_paths": ["/cache"],
    "mounts": [["/cache/library", "/usr/lib/python3"]],
    "bytes_per_token": 3.5,
    "uniform_bpb": 3.6,
    "train_tokens": 1000,
    "val_tokens": 10,
}
PROGRESS = "import json, sys\nprint('10%\\r20%', file=sys.stderr)\nprint('packed', file=sys.stderr)\n"


async def prepare(tmp_path: Path, text: str, on_line: Callable[[str], None] = print) -> Ruler:
    (tmp_path / "prepare.py").write_text(text)
    return await prepare_data(sys.executable, tmp_path, environment(tmp_path, {}), on_line)


async def test_preparing_tells_its_progress_and_what_there_is(tmp_path: Path) -> None:
    lines: list[str] = []
    found = await prepare(tmp_path, PROGRESS + f"print({json.dumps(DESCRIBED)!r})", lines.append)
    assert lines == ["10%", "20%", "packed"]
    assert (found.comparison_key, found.device_name, found.sealed_paths) == ("abc", "a CPU", (Path("/data/sealed"),))
    assert found.sha256 == sha256(tmp_path / "prepare.py") and found.uniform == 3.6
    assert found.framework == "torch", "of a prepare.py that knows no other"
    profile = {**DESCRIBED["profile"], "framework": "mlx"}
    assert ruler_of("", {**DESCRIBED, "profile": profile}).framework == "mlx"


async def test_of_the_standard_library_what_the_interpreter_looks_up_is_hidden_and_mounted_too(tmp_path: Path) -> None:
    (tmp_path / "cache" / "data").mkdir(parents=True)
    said = {k: v for k, v in DESCRIBED.items() if k != "mounts"} | {
        "text": "python",
        "data_dir": str(tmp_path / "cache" / "data"),
    }
    found = await prepare(tmp_path, f"print({json.dumps(said)!r})")
    (source, place), *_ = found.mounts
    assert source.parent == tmp_path / "cache" and place == library.standard_library()
    assert {Path("/data/sealed"), *library.other_libraries()} == set(found.sealed_paths)


async def test_a_refusal_is_prepares_own_sentence(tmp_path: Path) -> None:
    text = PROGRESS + "sys.exit('prepare.py: /corpus is empty; put text there')"
    with pytest.raises(Refused, match=r"^prepare.py: /corpus is empty; put text there$"):
        await prepare(tmp_path, text)


@pytest.mark.parametrize("text", ["import sys; sys.exit(4)", "pass", "print('no JSON')"])
async def test_preparing_without_a_word_is_refused_too(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refused, match="ended with exit code"):
        await prepare(tmp_path, text)


async def test_preparing_can_be_cancelled(tmp_path: Path) -> None:
    task = asyncio.create_task(prepare(tmp_path, "import time; open('started', 'w'); time.sleep(60)"))
    await until((tmp_path / "started").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    mine = [p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [])[-2:] == ["prepare.py", "--json"]]
    assert not [p for p in mine if p.cwd() == str(tmp_path)]


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("RULER_VERSION = 1", True),
        ("import torch_that_is_missing\nRULER_VERSION: int = 2", True),
        ("TIME_BUDGET = 300", False),
        ("RULER_VERSION = 'x'", False),
        ("RULER_VERSION: int", False),
        ("def f():\n  RULER_VERSION = 1", False),
        ("# RULER_VERSION = 1", False),
        ("syntax error (", False),
        ("\0", False),
    ],
)
def test_whose_prepare_it_is_is_decided_without_running_it(tmp_path: Path, text: str, ours: bool) -> None:
    (tmp_path / "prepare.py").write_text(text)
    assert is_ruler(tmp_path / "prepare.py") is ours
    assert not is_ruler(tmp_path / "missing.py")


def test_our_own_prepare_is_a_ruler() -> None:
    assert is_ruler(Path(scorer.__file__).parents[2] / "prepare.py")


@pytest.mark.parametrize(
    ("budget", "rows"),
    [("1000 tokens", 10), ("1001 tokens", 11), ("1 GFLOP", 10_000), ("15s", None)],
)
def test_a_budget_buys_whole_rows_rounded_up_and_wall_time_any(budget: str, rows: int | None) -> None:
    ruler = Ruler("", "", "", "", "", "cpu", "", 1, (), (), 3.5, context=100, token_flop=1000.0)
    assert ruler.rows_for(parse_budget(budget)) == rows
    assert replace(ruler, context=0).rows_for(parse_budget(budget)) is None
