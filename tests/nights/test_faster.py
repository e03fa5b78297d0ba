"""The other-metric example is a real campaign: a small program gets faster, by the built-in search and by a model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from loop.control import control
from loop.record.ledger import Ledger
from loop.record.types import ScoreSource, State, Verdict
from tests.fake_llm import FakeLLM, reply
from tests.stub import ended, git, gone, until

EXAMPLE = Path(__file__).parents[2] / "examples/faster"


def example(folder: Path, **keys: str) -> Path:
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    program = folder / "program.md"
    lines = program.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(tuple(f"{key}:" for key in keys))]
    program.write_text("".join([kept[0], *(f"{key}: {value}\n" for key, value in keys.items()), *kept[1:]]))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def research(folder: Path, **overrides: str) -> Ledger:
    control.start(folder, overrides)
    ledger = until(folder, ended, 120)
    gone(folder)
    assert ledger.state is State.FINISHED, ledger.message
    assert {e.source for e in ledger.experiments.values() if e.measured} == {ScoreSource.SELF_REPORTED}
    assert ledger.created is not None and ledger.created.canvas == "src/kernel.py"
    return ledger


def test_the_built_in_search_makes_it_faster(tmp_path: Path) -> None:
    ledger = research(example(tmp_path / "c", repeats="2"), experiments="5")
    assert ledger.best is not None and ledger.best.score is not None and ledger.baseline is not None
    assert ledger.best.score < 0.8 * ledger.baseline
    assert any("SEGMENT" in e.knobs for e in ledger.experiments.values() if e.verdict is Verdict.KEEP)


WRONG = reply("count the end as well, it is one step less", "    for start in range(0, limit, SEGMENT):",
              "    for start in range(0, limit - 1, 4 * SEGMENT):", canvas="src/kernel.py")  # fmt: skip
MENDED = (
    "<<<<<<< SEARCH\nSEGMENT = 512  # numbers that are sieved at a time\n=======\nSEGMENT = 65_536\n>>>>>>> REPLACE\n"
)
FASTER = MENDED + reply("every segment, but larger ones", "    for start in range(0, limit - 1, 4 * SEGMENT):",
                        "    for start in range(0, limit, SEGMENT):", canvas="kernel.py")  # fmt: skip


def test_a_model_makes_it_faster_and_a_wrong_answer_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeLLM([WRONG, FASTER]) as server:
        folder = example(tmp_path / "c", repeats="2", model="openai/gpt-4o", api_base=server.url, queue="1",
                         stop="{experiments: 1}")  # fmt: skip
        ledger = research(folder)
    first = ledger.experiments[1]
    assert [r.outcome for r in first.runs][:2] == ["crashed", "finished"], "a faster wrong answer is no answer"
    assert "wrong: count_primes" in str(first.runs[0].failure)
    assert first.verdict is Verdict.KEEP and (first.score or 1e9) < 0.8 * (ledger.baseline or 0)
    assert (folder / "src/kernel.py").read_bytes() == (EXAMPLE / "src/kernel.py").read_bytes()
