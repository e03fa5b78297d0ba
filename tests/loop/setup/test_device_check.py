"""What the doctor says of the device: what torch finds, the profile that prepare.py chooses, what compiles there."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from loop.setup.checks.check import Level
from loop.setup.interpreter import ask, profile
from tests.loop.setup.healthy import findings, program, runner


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({"runner": runner(torch=None)}, "warn", "not known without torch"),
        (
            {"program": program(devices="cuda:1"), "runner": runner(cuda=("H100",))},
            "fail",
            "cuda:1 is not on",
        ),
        ({"runner": runner(torch=None, error="no answer within 180 seconds")}, "warn", "fix 'packages' above first"),
        (
            {"framework": "mlx", "profile": "cpu", "profile_device": "mps", "runner": runner(mps=True)},
            "ok",
            "an Apple GPU, by mlx, so the budget is in tokens or wall time; profile cpu; nobody has",
        ),
        ({"framework": "mlx", "profile": "cpu", "profile_device": "cpu"}, "ok", "a CPU, 2 cores, by mlx, so"),
        (
            {"framework": "mlx", "profile": "cpu", "profile_device": "cpu", "runner": runner(cuda=("RTX 3060",))},
            "warn",
            "the GPU that is there is not used; the canvas in torch uses it",
        ),
        ({"framework": "jax", "program": program(devices="cpu")}, "ok", "cpu, by jax, so the budget"),
        ({"framework": "mlx", "profile_error": "device 'cuda': a canvas in mlx"}, "fail", "device 'cuda'"),
        (
            {"nvidia": True},
            "warn",
            "an NVIDIA GPU is there, but torch 2.13.0 is built without CUDA: runs take the CPU; install a torch build "
            "with CUDA (docs/accelerators.md has the commands)",
        ),
        (
            {"nvidia": True, "system": "WSL 2", "runner": runner(cuda_version="13.0")},
            "warn",
            "torch 2.13.0 for CUDA 13.0 cannot use it: runs take the CPU; run 'nvidia-smi': it names the newest CUDA "
            "that the driver runs; update the driver (in WSL that of Windows)",
        ),
        ({"nvidia": True, "program": program(devices="cpu")}, "ok", "a CPU, 2 cores"),
        ({"runner": runner(cuda=("H100", "H100"))}, "ok", "H100, H100"),
        ({"amd": True, "runner": runner(cuda_version="13.0")}, "warn", "built without ROCm: runs take the CPU"),
        ({"amd": True, "runner": runner(rocm="6.4")}, "warn", "join the groups that own /dev/kfd"),
        (
            {"runner": runner(cuda=("RTX 3090",)), "profile": "gpu-24", "profile_why": "23.6 GiB: for 21 GiB and more"},
            "ok",
            "RTX 3090, torch 2.13.0; profile gpu-24 (23.6 GiB: for 21 GiB and more); nobody has reported a run on",
        ),
        (
            {"runner": runner(cuda=("RX 7900",), rocm="6.4", triton=False)},
            "warn",
            "install torch again: its build for AMD's",
        ),
        (
            {"runner": runner(cuda=("H100",), triton=False)},
            "warn",
            "no Triton here, so the canvas runs uncompiled",
        ),
        ({"runner": runner(cuda=("H100",), compiler=False)}, "warn", "install gcc"),
        ({"runner": runner(cuda=("H100",), headers=False)}, "warn", "apt install python3.11-dev"),
        (
            {"runner": runner(cuda=("RX 7900",), rocm="6.4")},
            "ok",
            "for ROCm 6.4, which calls AMD's GPUs cuda",
        ),
        ({"runner": runner(xpu=("Arc B580",))}, "ok", "Arc B580, torch"),
        ({"program": program(devices="rocm"), "runner": runner(cuda=("H100",))}, "fail", "rocm is not on"),
        ({"program": program(devices="hip"), "runner": runner(cuda=("RX",), rocm="6.4")}, "ok", "RX"),
        (
            {"runner": runner(cuda=("GTX 1080",)), "profile": "cpu", "profile_why": "torch has code for sm_75"},
            "warn",
            "runs take the CPU: torch has code for sm_75",
        ),
        (
            {
                "runner": runner(cuda=("GTX 1080",)),
                "profile": "cpu",
                "profile_why": "torch has code for sm_75",
                "program": program(devices="cpu"),
            },
            "ok",
            "a CPU, 2 cores, torch 2.13.0; profile cpu",
        ),
        (
            {"runner": runner(cuda=("H100",)), "profile_error": "AUTORESEARCH_DEVICE=cuda: no code"},
            "fail",
            "no code",
        ),
        ({"runner": runner(mps=True)}, "ok", "an Apple GPU (mps), torch 2.13.0; profile cpu, until somebody measures"),
        ({"program": program(devices="cpu"), "runner": runner(cuda=("H100",))}, "ok", "a CPU, 2 cores"),
    ],
)
def test_a_finding_about_the_device_says_what_to_do(changes, level, words):
    check = findings(**changes)["device"]
    assert check.level == level
    assert words in f"{check.finding}; {check.next_step}"
    assert check.next_step or check.level is Level.OK


TORCH = """
from types import SimpleNamespace as Space
class Gpus(Space):
    device_count = lambda self: len(self.names)
    get_device_name = lambda self, number: self.names[number]
__version__ = "2.13.0"
version = Space(cuda={cuda!r}, hip={hip!r})
cuda, xpu = Gpus(names={cards!r}), Gpus(names={xpus!r})
backends = Space(mps=Space(is_available=lambda: False))
"""


@pytest.mark.parametrize(
    ("torch", "expected"),
    [
        ({"cuda": "13.0", "cards": ["RTX 3060"]}, {"cuda": ("RTX 3060",), "cuda_version": "13.0", "rocm": ""}),
        ({"cuda": "13.0"}, {"cuda": (), "cuda_version": "13.0", "rocm": ""}),
        ({"hip": "6.4", "cards": ["RX 7900"]}, {"cuda": ("RX 7900",), "cuda_version": "", "rocm": "6.4"}),
        ({"xpus": ["Arc B580"]}, {"cuda": (), "xpu": ("Arc B580",), "cuda_version": "", "rocm": ""}),
    ],
)
def test_what_torch_is_built_for_and_finds_is_asked_of_it(tmp_path, torch, expected):
    (tmp_path / "torch.py").write_text(TORCH.format(**{"cuda": None, "hip": None, "cards": [], "xpus": []} | torch))
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    found = ask(str(python))
    assert found.error == "" and found.torch == "2.13.0"
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ("auto", {"profile": "cpu", "profile_why": "", "profile_device": "cpu"}),
        ("tpu", {"profile_error": "AUTORESEARCH_DEVICE=tpu is no device"}),
    ],
)
def test_the_folders_prepare_py_says_which_profile_a_run_has(repository, devices, expected):
    shutil.copy(Path(__file__).parents[3] / "prepare.py", repository)
    found = profile(repository, sys.executable, program(devices=devices))
    assert {name: said.partition(";")[0] for name, said in found.items()} == expected


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ("auto", {"profile": "cpu", "profile_why": "", "profile_device": "cpu"}),
        (
            "cuda",
            {"profile_error": "device 'cuda': a canvas in numpy is measured on cpu, this machine has no Apple GPU"},
        ),
    ],
)
def test_a_canvas_in_another_framework_has_the_profile_that_its_runs_have(repository, devices, expected):
    shutil.copy(Path(__file__).parents[3] / "prepare.py", repository)
    (repository / "train.py").write_text('FRAMEWORK = "numpy"\n')
    found = profile(repository, sys.executable, program(devices=devices))
    assert {name: said.partition(";")[0] for name, said in found.items()} == expected


def test_an_older_prepare_py_says_no_profile(repository):
    (repository / "prepare.py").write_text("import sys\nsys.exit('invalid choice: profile')\n")
    assert profile(repository, sys.executable, program()) == {}
