"""One table says what a device is called and what a run on it may have."""

from __future__ import annotations

import pytest

from loop.settings.devices import CPU, CUDA, DEVICES, MPS, SUGGESTED, XPU, Device, kind_of, present, read


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("auto", "auto"),
        ("CPU", "cpu"),
        ("cuda:0, cuda:12", "cuda:0,cuda:12"),
        (" mps ", "mps"),
        ("cuda", "cuda"),
        ("ROCm:1", "rocm:1"),
        ("hip", "hip"),
        ("xpu:0", "xpu:0"),
    ],
)
def test_the_devices_of_a_program_are_read(text: str, names: str) -> None:
    assert read(text) == names


@pytest.mark.parametrize("text", ["gpu", "cuda:", "cuda:1234", "mps:0", "cpu:1", "rocm:", "xpu:x", "cuda:0 cuda:1", ""])
def test_what_is_no_device_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a device; write auto, cpu, mps, cuda, cuda:1, rocm or xpu"):
        read(text)


@pytest.mark.parametrize(
    ("name", "kind"), [("cpu", CPU), ("mps", MPS), ("cuda", CUDA), ("cuda:3", CUDA), ("xpu:0", XPU), ("npu:0", CUDA)]
)
def test_the_kind_of_a_device_and_an_unknown_one_is_like_a_gpu(name: str, kind: Device) -> None:
    assert kind_of(name) is kind


def test_a_machines_devices_are_those_that_torch_finds() -> None:
    assert present(gpus=0, mps=False) == {"auto", "cpu"}
    assert present(gpus=2, mps=False) == {"auto", "cpu", "cuda", "cuda:0", "cuda:1"}
    assert present(gpus=1, mps=False, rocm=True) == {"auto", "cpu", "cuda", "cuda:0", "rocm", "rocm:0", "hip", "hip:0"}
    assert present(gpus=0, mps=False, xpus=1) == {"auto", "cpu", "xpu", "xpu:0"}
    assert present(gpus=0, mps=True) == {"auto", "cpu", "mps"}


def test_every_suggestion_can_be_written_and_every_kind_is_suggested() -> None:
    assert all(read(name) == name for name in SUGGESTED)
    assert {device.name for device in DEVICES} < set(SUGGESTED)


def test_work_is_counted_in_cpu_seconds_on_a_cpu_alone() -> None:
    assert [device.name for device in DEVICES if device.is_cpu] == ["cpu"]
