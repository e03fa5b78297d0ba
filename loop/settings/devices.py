"""The table of devices: how each kind is called, what it does at the least, what a run needs of the machine for it.

A kind is named as torch names it, which calls AMD's GPUs `cuda` too. Pure. Not here: what this machine has
(setup/interpreter.py asks torch in the experiments' Python), and the profiles of prepare.py.
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
    flop_per_s=1e13,
    grace_s=10.0,
    numbered=True,
    nodes=("nvidia*", "dri", "kfd", "dxg"),
    homes=("CUDA_HOME", "CUDA_PATH", "ROCM_PATH", "HIP_PATH"),
    prefixes=("CUDA", "HIP", "ROCR", "HSA", "NVIDIA"),
    words=("cuda", "triton", "nvcc", r"hip\b", "flash", "inductor"),
)
DEVICES = (CPU, MPS, CUDA)

IN_WORDS = "auto, cpu, mps, cuda or cuda:1"
SUGGESTED = (AUTO, "cpu", "cuda", "cuda:0", "mps")
_NAME = re.compile("|".join([AUTO, *(rf"{d.name}(:\d{{1,3}})?" if d.numbered else d.name for d in DEVICES)]))


def kind_of(name: str) -> Device:
    """Return the kind of a device that prepare.py names, such as `cuda:1`; of one not in the table, like a GPU's."""
    return next((device for device in DEVICES if device.name == name.partition(":")[0]), CUDA)


def read(text: str) -> str:
    """Return the devices of program.md, joined by commas; raises ValueError naming one that is none."""
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{shorten(name)} is not a device; write {IN_WORDS} (ROCm: cuda too)")
    return ",".join(names)


def present(gpus: int, mps: bool) -> set[str]:
    """Return every name that `devices:` may have on a machine on which torch finds these."""
    numbered = {f"{CUDA.name}:{n}" for n in range(gpus)}
    return {AUTO, CPU.name, *numbered, *([CUDA.name] if gpus else []), *([MPS.name] if mps else [])}
