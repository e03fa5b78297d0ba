"""The sizes of each GPU's tier: by estimate a run takes 500 steps in its budget, and a pass fits into memory."""

import json
from dataclasses import asdict

import pytest
import torch

import prepare
from loop.text.knobs import knobs

from .conftest import ROOT

MFU = 0.35  # assumed; the original reports 39.8 % for an H100, and nobody has measured this canvas on any GPU
BUDGET_S = 300

# What torch says of GPUs that train.py knows the peaks of, the slowest of each tier too: GiB, chip, processors.
CARDS = {
    "NVIDIA B200": (178.4, "10.0", 148),
    "NVIDIA H200": (139.8, "9.0", 132),
    "NVIDIA H100 PCIe": (79.2, "9.0", 114),
    "NVIDIA A100-SXM4-40GB": (39.4, "8.0", 108),
    "AMD Instinct MI300X": (191.7, "gfx942", 304),
    "NVIDIA A40": (44.4, "8.6", 84),
    "NVIDIA L40S": (44.4, "8.9", 142),
    "AMD Instinct MI210": (63.9, "gfx90a", 104),
    "NVIDIA A30": (23.5, "8.0", 56),
    "NVIDIA A10G": (22.0, "8.6", 80),
    "NVIDIA L4": (22.0, "8.9", 58),
    "NVIDIA GeForce RTX 5090": (31.4, "12.0", 170),
    "NVIDIA GeForce RTX 4090": (23.6, "8.9", 128),
    "NVIDIA GeForce RTX 3090": (23.6, "8.6", 82),
    "AMD Radeon RX 7900 XTX": (24.0, "gfx1100", 96),
    "NVIDIA GeForce RTX 5080": (15.5, "12.0", 84),
    "NVIDIA GeForce RTX 4080": (15.6, "8.9", 76),
    "NVIDIA GeForce RTX 3060": (11.6, "8.6", 28),
    "NVIDIA GeForce RTX 4060": (7.6, "8.9", 24),
    "NVIDIA GeForce RTX 3070": (7.6, "8.6", 46),
    "NVIDIA GeForce RTX 3050": (7.8, "8.6", 20),
    "NVIDIA GeForce RTX 2080 Ti": (10.6, "7.5", 68),
    "Tesla T4": (14.6, "7.5", 40),
    "Tesla V100-SXM2-16GB": (15.8, "7.0", 80),
}
# GiB of an eager pass: of none and of each row, by fake tensors; docs/accelerators.md has the table.
GIB = {
    "gpu": (0.87, 0.675),
    "gpu-48": (0.87, 0.676),
    "gpu-24": (0.76, 0.629),
    "gpu-12": (0.52, 0.534),
    "gpu-8": (0.42, 0.465),
    "gpu-fp32": (0.21, 0.409),
}


def tier(name):
    return prepare.tier(prepare.Card(name, *CARDS[name]))[0]


def sizes(profile):
    """Return the knobs that hold for a profile."""
    return {name: knob.value for name, knob in knobs((ROOT / "train.py").read_text(), profile.name).items()}


@pytest.fixture
def flops(monkeypatch):
    """Return a function for the FLOP that the canvas takes a token with a profile."""

    def count(profile):
        import train

        for name, value in sizes(profile).items():
            monkeypatch.setattr(train, name, value)
        monkeypatch.setenv("AUTORESEARCH_PROFILE", json.dumps(asdict(profile)))
        prepare.profile.cache_clear()
        with torch.device("meta"):
            return train.flops_per_token(train.build_model())

    yield count
    monkeypatch.undo()
    prepare.profile.cache_clear()


@pytest.mark.parametrize("name", CARDS)
def test_a_run_takes_500_steps_by_estimate(name, flops):
    import train

    profile = tier(name)
    step = flops(profile) * sizes(profile)["TOTAL_BATCH"]
    steps = BUDGET_S * MFU * train.peak_flops[name] / step
    assert prepare.parse_budget(profile.budget).amount == BUDGET_S
    assert steps >= 500, f"{steps:.0f} steps of {step / 1e12:.1f} TFLOP"


def test_every_tier_has_a_card_here():
    assert {tier(name).name for name in CARDS} == set(GIB)


@pytest.mark.parametrize("name", CARDS)
def test_a_pass_of_the_default_canvas_fits_into_nine_tenths_of_the_memory_halved_at_most_twice(name):
    profile = tier(name)
    base, row = GIB[profile.name]
    rows = min(sizes(profile)["DEVICE_BATCH"], sizes(profile)["TOTAL_BATCH"] // profile.context)
    assert base + row * rows / 4 < 0.9 * CARDS[name][0]
