"""Where the GPU check works: its text, its search path, and what it says and asks of a card, by stand-ins."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench.gpu import corpus, machine, place, starved
from bench.gpu.runs import objects

ROOT = Path(__file__).resolve().parents[2]


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
