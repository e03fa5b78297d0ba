"""The model that the default canvas is compared with on a GPU: what it must have in common with the published one."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from loop.text.knobs import knobs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def original(canvas: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The original's canvas; what it changes in train.py is undone at the end."""
    from bench.gpu import original

    for name in (*original.knobs(), "Muon", "build_model", "main"):
        monkeypatch.setattr(canvas, name, getattr(canvas, name))
    return original


def test_every_knob_of_the_default_canvas_has_the_originals_value(original: ModuleType) -> None:
    found = {knob.name for knob in knobs((ROOT / "train.py").read_text()).values()}
    assert found == set(original.knobs()), "a knob of train.py needs the original's value in bench/gpu/original.py"


def test_it_has_the_published_number_of_parameters(
    original: ModuleType, canvas: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """50.3 M, as its README prints."""
    monkeypatch.setattr(original.prepare, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(original.prepare, "PROFILE", SimpleNamespace(vocab=8192, context=2048), raising=False)
    with torch.device("meta"):
        model = original.build_model()
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == 50.3
    windows = [attention.window for attention in canvas.attentions(model)]
    assert windows == [1025, 1025, 1025, 2048] * 2
    kinds = {type(m).__name__: m.weight.dtype for m in model.modules() if hasattr(m, "weight")}
    assert kinds == {"Embedding": torch.bfloat16, "Linear": torch.float32}


@pytest.mark.parametrize(("number", "momentum"), [(1, 0.85), (151, 0.9), (301, 0.95), (2000, 0.95)])
def test_the_momentum_of_muon_rises_over_300_steps_whatever_share_they_are(
    original: ModuleType, canvas: ModuleType, monkeypatch: pytest.MonkeyPatch, number: int, momentum: float
) -> None:
    original.build_model()
    param = torch.nn.Parameter(torch.ones(2, 2))
    param.grad = torch.ones(2, 2)
    muon = original.Muon([param], lr=0.1, beta2=0.95, decay=0.0)
    used: list[float] = []
    muon.update = lambda *given: used.append(given[4].item())
    muon.step(number, 0.5, 1.0)
    assert used == [pytest.approx(momentum)]


def test_it_trains_with_its_own_model_and_optimizer(
    original: ModuleType, canvas: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    monkeypatch.setattr(canvas, "main", lambda: used.extend([canvas.build_model, canvas.Muon]))
    original.main()
    assert used == [original.build_model, original.Muon]


def test_its_embeddings_and_their_moments_train_in_bf16(
    original: ModuleType, canvas: ModuleType, monkeypatch: pytest.MonkeyPatch, rows: tuple[torch.Tensor, torch.Tensor]
) -> None:
    monkeypatch.setattr(original.prepare, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(original, "KNOBS", original.KNOBS | original.SMALL)
    model = original.build_model()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    optimizers = canvas.build_optimizers(model)
    for number in (1, 2):  # the blocks add nothing before the first step
        canvas.accumulate_gradients(model, canvas.cross_entropy_sum, *rows, 4)
        for optimizer in optimizers:
            optimizer.step(number, 0.1, 1.0)
        model.zero_grad()
    after = model.state_dict()
    assert all(after[name].isfinite().all() and not torch.equal(after[name], before[name]) for name in before)
    assert {first.dtype for first, _ in optimizers[0].moments} == {torch.bfloat16}
    assert after["embed.weight"].dtype is torch.bfloat16
