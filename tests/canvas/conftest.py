"""The canvas under test at sizes that take milliseconds, and the ruler it trains by."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.utils import _python_dispatch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import prepare  # noqa: E402

KNOBS = {
    "DEPTH": 3, "HEADS": 2, "HEAD_DIM": 16, "WINDOW_PATTERN": "S", "SHORT_WINDOW": 8, "TOTAL_BATCH": 256,
    "DEVICE_BATCH": 4,
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_counter_left() -> Iterator[None]:
    """End the count of a step that a test broke off: a run would have ended there."""
    yield
    while _python_dispatch._len_torch_dispatch_stack():
        _python_dispatch._pop_mode()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[prepare.Profile]:
    """A profile of 32 tokens a row over a small corpus, in force here and in every process started from here."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(f"line {n} of {n * n % 97} and {n * 7 % 31}\n" for n in range(3000)))
    small = replace(prepare.CPU, context=32, vocab=300, eval_tokens=640, source=str(corpus))
    for name in ("RUN", "SEED", "THREADS"):
        monkeypatch.delenv(f"AUTORESEARCH_{name}", raising=False)
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AUTORESEARCH_PROFILE", json.dumps(asdict(small)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for cached in (prepare.profile, prepare.dataset):
        cached.cache_clear()
    yield small
    for cached in (prepare.profile, prepare.dataset):
        cached.cache_clear()
    torch.set_num_threads(threads)


@pytest.fixture
def canvas(tiny: prepare.Profile, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """train.py with small knobs; its last layer sees the whole row, the others 8 tokens."""
    import train

    for name, value in KNOBS.items():
        monkeypatch.setattr(train, name, value)
    torch.manual_seed(0)
    return train


@pytest.fixture
def model(canvas: ModuleType) -> torch.nn.Module:
    """A model whose matrices are all random: as initialised its blocks add nothing, which would hide mistakes."""
    made = canvas.build_model()
    for weight in made.parameters():
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.3)
    return made


@pytest.fixture
def rows() -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets of one step, (8, 32)."""
    tokens = torch.randint(300, (8, 33), generator=torch.Generator().manual_seed(1))
    return tokens[:, :-1], tokens[:, 1:]
