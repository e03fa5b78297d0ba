"""Where the canvas would train: the devices that torch finds, the tier that prepare.py chooses, what compiles there."""

from __future__ import annotations

from loop.settings import devices
from loop.settings.program import Program
from loop.setup.checks.check import Check, Level
from loop.setup.interpreter import Interpreter
from loop.setup.machine import Machine

NAME = "device"
SLOWER = "so the canvas runs uncompiled on the GPU, which is slower"


def device(machine: Machine, program: Program) -> Check:
    """Say whether the devices that program.md names are there, and what a run is on them."""
    runner, wanted = machine.runner, program.devices.split(",")
    present = devices.present(len(runner.cuda), runner.mps, len(runner.xpu), bool(runner.rocm))
    if machine.framework != "torch":
        finding = f"{program.devices}, which {machine.framework} uses as it finds it; its operations are not counted"
        return Check(NAME, Level.OK, finding)
    if runner.torch is None:
        step = "install torch where the experiments run, if they use it; then look again"
        return Check(NAME, Level.WARN, "not known without torch", step)
    if missing := [name for name in wanted if name not in present]:
        step = f"write devices: auto, or one of {', '.join(sorted(present - {devices.AUTO}))}"
        return Check(NAME, Level.FAIL, f"{', '.join(missing)} is not on this machine", step)
    if machine.profile_error:
        return Check(NAME, Level.FAIL, machine.profile_error, "write devices: auto, or follow that advice")
    if unused := _unused(machine):
        return unused
    if runner.gpus and wanted != ["cpu"]:
        return _gpu(machine)
    kind = "an Apple GPU" if runner.mps and wanted != ["cpu"] else f"a CPU, {runner.cores} cores"
    return Check(NAME, Level.OK, f"{kind}, torch {runner.torch}")


def _unused(machine: Machine) -> Check | None:
    """Return the finding about a GPU that is there and would not be used."""
    runner = machine.runner
    if machine.nvidia and not runner.cuda:
        step = "install a torch build with CUDA that fits the driver ('nvidia-smi' shows it)"
        return Check(NAME, Level.WARN, "an NVIDIA GPU is there, but torch cannot use it", step)
    if machine.amd and not runner.cuda:
        step = "install a torch build with ROCm that names your GPU ('rocminfo' shows it)"
        return Check(NAME, Level.WARN, "an AMD GPU is there, but torch cannot use it", step)
    if runner.gpus and machine.profile == devices.CPU.name and machine.profile_why:
        return Check(NAME, Level.WARN, f"runs take the CPU: {machine.profile_why}", "or write devices: cpu")
    return None


def _gpu(machine: Machine) -> Check:
    runner = machine.runner
    finding = ", ".join([*runner.gpus, f"torch {runner.torch}"])
    if runner.rocm:
        finding += f" for ROCm {runner.rocm}, which calls AMD's GPUs cuda; no AMD GPU has run this yet"
    if machine.profile:
        finding += f"; profile {machine.profile} ({machine.profile_why})"
    lack, step = _compiling(runner)
    return Check(NAME, Level.WARN, f"{finding}; {lack}, {SLOWER}", step) if lack else Check(NAME, Level.OK, finding)


def _compiling(runner: Interpreter) -> tuple[str, str]:
    """Return what is missing for torch.compile on a GPU, and the next step."""
    if not runner.triton:
        return "torch has no Triton here", f"run '{runner.path} -m pip install triton' (on Windows triton-windows)"
    if not runner.compiler:
        return "there is no C compiler for Triton", "install gcc (apt install gcc) or clang"
    return "", ""
