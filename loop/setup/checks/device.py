"""Where the canvas would train: the devices that torch finds, the tier that prepare.py chooses, what compiles there."""

from __future__ import annotations

from loop.settings import devices
from loop.settings.program import Program
from loop.setup.checks.check import Check, Level
from loop.setup.interpreter import Interpreter
from loop.setup.machine import Machine

NAME = "device"
SLOWER = "so the canvas runs uncompiled on the GPU, which is slower"
UNSEEN = "nobody has reported a run on {} yet"  # until README's table of accelerators says otherwise
REFUSED = "write devices: auto, or follow that advice"
PAGE = "docs/accelerators.md has the commands"


def device(machine: Machine, program: Program) -> Check:
    """Say whether the devices that program.md names are there, and what a run is on them."""
    runner, wanted = machine.runner, program.devices.split(",")
    present = devices.present(len(runner.cuda), runner.mps, len(runner.xpu), bool(runner.rocm))
    if machine.framework != "torch":
        return _other_framework(machine, program)
    if runner.error:
        return Check(NAME, Level.WARN, f"not known: {runner.path} gives no answer", "fix 'packages' above first")
    if runner.torch is None:
        step = "install torch where the experiments run, if they use it; then look again"
        return Check(NAME, Level.WARN, "not known without torch", step)
    if missing := [name for name in wanted if name not in present]:
        step = f"write devices: auto, or one of {', '.join(sorted(present - {devices.AUTO}))}"
        return Check(NAME, Level.FAIL, f"{', '.join(missing)} is not on this machine", step)
    if machine.profile_error:
        return Check(NAME, Level.FAIL, machine.profile_error, REFUSED)
    if wanted != [devices.CPU.name]:
        if unused := _unused(machine):
            return unused
        if runner.gpus:
            return _gpu(machine)
        if runner.mps:
            finding = f"an Apple GPU (mps), torch {runner.torch}; profile cpu, until somebody measures a larger one"
            return Check(NAME, Level.OK, f"{finding}; {UNSEEN.format('an Apple GPU')}")
    return Check(NAME, Level.OK, f"a CPU, {runner.cores} cores, torch {runner.torch}; profile cpu")


def _other_framework(machine: Machine, program: Program) -> Check:
    """Return where a canvas in another framework runs, as prepare.py names it: `mps` or `cpu`."""
    if machine.profile_error:
        return Check(NAME, Level.FAIL, machine.profile_error, REFUSED)
    framework, cpu = machine.framework, f"a CPU, {machine.runner.cores} cores"
    kinds = {devices.MPS.name: "an Apple GPU", devices.CPU.name: cpu, "": program.devices}
    finding = f"{kinds[machine.profile_device]}, by {framework}, so the budget is in tokens or wall time; profile cpu"
    if machine.profile_device == devices.MPS.name:
        return Check(NAME, Level.OK, f"{finding}; {UNSEEN.format('an Apple GPU')}")
    gpu = machine.nvidia or machine.amd or machine.runner.gpus
    if gpu and program.devices != devices.CPU.name:
        step = "the canvas in torch uses it: 'autoresearch init' in another folder; or write devices: cpu"
        return Check(NAME, Level.WARN, f"{finding}; the GPU that is there is not used", step)
    return Check(NAME, Level.OK, finding)


def _unused(machine: Machine) -> Check | None:
    """Return the finding about a GPU that is there and would not be used."""
    runner = machine.runner
    if runner.gpus:
        if machine.profile == devices.CPU.name and machine.profile_why:
            return Check(NAME, Level.WARN, f"runs take the CPU: {machine.profile_why}", "or write devices: cpu")
        return None
    if machine.nvidia:
        return _blind("an NVIDIA GPU", runner, "CUDA", runner.cuda_version, (
            "run 'nvidia-smi': it names the newest CUDA that the driver runs; update the driver (in WSL that of "
            "Windows), or install a torch for that CUDA"
        ))  # fmt: skip
    if machine.amd:
        return _blind("an AMD GPU", runner, "ROCm", runner.rocm, (
            "run 'rocminfo': it must name the GPU; if it is denied, join the groups that own /dev/kfd and "
            "/dev/dri/render* (render, video) and log in again"
        ))  # fmt: skip
    return None


def _blind(what: str, runner: Interpreter, needs: str, version: str, step: str) -> Check:
    """Return why torch does not find a GPU: its build, or else the driver, for which `step` is the next one."""
    if not version:
        finding = f"{what} is there, but torch {runner.torch} is built without {needs}: runs take the CPU"
        step = f"install a torch build with {needs} ({PAGE}), or write devices: cpu"
        return Check(NAME, Level.WARN, finding, step)
    finding = f"{what} is there, but torch {runner.torch} for {needs} {version} cannot use it: runs take the CPU"
    return Check(NAME, Level.WARN, finding, step)


def _gpu(machine: Machine) -> Check:
    runner = machine.runner
    finding = ", ".join([*runner.gpus, f"torch {runner.torch}"])
    if runner.rocm:
        finding += f" for ROCm {runner.rocm}, which calls AMD's GPUs cuda"
    if machine.profile:
        finding += f"; profile {machine.profile} ({machine.profile_why})"
    lack, step = _compiling(runner)
    if lack:
        return Check(NAME, Level.WARN, f"{finding}; {lack}, {SLOWER}", step)
    return Check(NAME, Level.OK, f"{finding}; {UNSEEN.format('a GPU')}")


def _compiling(runner: Interpreter) -> tuple[str, str]:
    """Return what is missing for torch.compile on a GPU, and the next step."""
    if not runner.triton:
        own = f"install torch again: its build for AMD's and Intel's GPUs brings a Triton of its own ({PAGE})"
        pip = f"run '{runner.path} -m pip install triton' (on Windows triton-windows)"
        return "torch has no Triton here", own if runner.rocm or runner.xpu else pip
    if not runner.compiler:
        return "there is no C compiler for Triton", "install gcc (apt install gcc) or clang"
    if not runner.headers:
        minor = ".".join(runner.version.split(".")[:2])
        step = f"install the headers of {runner.path} (on Debian and Ubuntu: apt install python{minor}-dev)"
        return "there is no Python.h, which what Triton compiles includes", step
    return "", ""
