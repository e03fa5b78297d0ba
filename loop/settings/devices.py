"""The table of devices: how each kind is called, what it does at the least, what a run needs of the machine for it.

A kind is named as torch names it, which calls AMD's GPUs `cuda`; a user may write `rocm` or `hip`. Pure. Not here: what
this machine has (setup/interpreter.py asks torch in the experiments' Python), and the profiles of prepare.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from loop.record.values import shorten

AUTO = "auto"  # prepare.py chooses


@dataclass(frozen=True)
class Device:
    """One kind of device."""

    name: str
    flop_per_s: float  # at the least, a sixth of what was measured: an hour's worth of compute takes an hour
    grace_s: float  # wall seconds from the end of a wall budget to the submission
    numbered: bool = False  # a machine may have several: cuda:1
    nodes: tuple[str, ...] = ()  # below /dev; patterns of what a run has to open
    homes: tuple[str, ...] = ()  # variables that name the folders of its libraries
    prefixes: tuple[str, ...] = ()  # of the variables that a run may be given
    words: tuple[str, ...] = ()  # patterns of what its software calls itself in an error

    @property
    def is_cpu(self) -> bool:
        """Whether the work on it is measured in CPU seconds."""
        return self.name == "cpu"


CPU = Device("cpu", flop_per_s=2e10, grace_s=3.0)
MPS = Device("mps", flop_per_s=2e11, grace_s=10.0)
CUDA = Device(
    "cuda",
    flop_per_s=1e12,  # of a card of 8 GB; estimated, like its tier in docs/accelerators.md
    grace_s=10.0,
    numbered=True,
    nodes=("nvidia*", "dri", "kfd", "dxg"),
    homes=("CUDA_HOME", "CUDA_PATH", "ROCM_PATH", "HIP_PATH"),
    prefixes=("CUDA", "HIP", "ROCR", "HSA", "NVIDIA"),
    words=("cuda", "triton", "nvcc", r"hip\b", "flash", "inductor"),
)
XPU = Device(
    "xpu",
    flop_per_s=1e12,
    grace_s=10.0,
    numbered=True,
    nodes=("dri",),
    homes=("ONEAPI_ROOT",),
    prefixes=("ONEAPI", "SYCL", "ZE"),
    words=("xpu", "sycl", "level.zero"),
)
DEVICES = (CPU, MPS, CUDA, XPU)
AMD = ("rocm", "hip")  # what a user may call CUDA where torch is built for ROCm

IN_WORDS = "auto, cpu, mps, cuda, cuda:1, rocm or xpu"
SUGGESTED = (AUTO, "cpu", "cuda", "cuda:0", "rocm", "xpu", "mps")
_NUMBERED = "|".join([*(device.name for device in DEVICES if device.numbered), *AMD])
_NAME = re.compile("|".join([AUTO, rf"({_NUMBERED})(:\d{{1,3}})?", *(d.name for d in DEVICES if not d.numbered)]))


def kind_of(name: str) -> Device:
    """Return the kind of a device that prepare.py names, such as `cuda:1`; of one not in the table, like a GPU's."""
    return next((device for device in DEVICES if device.name == name.partition(":")[0]), CUDA)


def read(text: str) -> str:
    """Return the devices of program.md, joined by commas; raises ValueError naming one that is none."""
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{shorten(name)} is not a device; write {IN_WORDS}")
    return ",".join(names)


def present(gpus: int, mps: bool, xpus: int = 0, rocm: bool = False) -> set[str]:
    """Return every name that `devices:` may have on a machine on which torch finds these."""
    kinds = {CUDA.name: gpus, XPU.name: xpus, **dict.fromkeys(AMD if rocm else (), gpus)}
    names = {name for kind, count in kinds.items() for n in range(count) for name in (kind, f"{kind}:{n}")}
    return {AUTO, CPU.name, *names, *([MPS.name] if mps else [])}
