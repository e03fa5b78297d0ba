"""Prints what a run depends on of this machine, as one JSON object. Run beside prepare.py and train.py."""

from __future__ import annotations

import importlib.util
import json
import platform
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import torch

import prepare
import train


def facts() -> dict[str, Any]:
    """Return versions, tools, the profile that was chosen, and what torch says of the GPU where there is one."""
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "triton": importlib.util.find_spec("triton") is not None,
        "c_compiler": shutil.which("cc") or shutil.which("gcc") or shutil.which("clang"),
        "python_headers": Path(sysconfig.get_path("include"), "Python.h").exists(),
        "git": shutil.which("git"),
        "bubblewrap": shutil.which("bwrap"),
        "profile": prepare.PROFILE.name,
        "device_name": prepare.PROFILE.device_name,
    }
    return found | (gpu() if prepare.device().type == "cuda" else {})


def gpu() -> dict[str, Any]:
    """Return name, capability, memory, driver, and whether this build of torch and our table of peaks know the card."""
    at = prepare.device()
    card = torch.cuda.get_device_properties(at)
    return {
        "name": card.name,
        "capability": f"{card.major}.{card.minor}",
        "memory_gib": round(card.total_memory / 2**30, 1),
        "driver": driver(),
        "built_for": torch.cuda.get_arch_list(),
        "built_for_this": torch.version.hip is not None or runs_on(card.major, card.minor, torch.cuda.get_arch_list()),
        "bf16": torch.cuda.is_bf16_supported(including_emulation=False),
        "peak_known": train.device_peak(at) is not None,
    }


def runs_on(major: int, minor: int, built_for: list[str]) -> bool:
    """Return whether a build for these architectures has code for a card: of its major number, not of a later minor."""
    built = [re.fullmatch(r"sm_(\d+)(\d)[af]?", name) for name in built_for]
    return any(int(arch[1]) == major and int(arch[2]) <= minor for arch in built if arch)


def driver() -> str | None:
    """Return NVIDIA's driver version; None where nvidia-smi does not tell."""
    if not (command := shutil.which("nvidia-smi")):
        return None
    asked = [command, "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=20)
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout.strip() else None


if __name__ == "__main__":
    print(json.dumps(facts()))
