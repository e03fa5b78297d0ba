"""What this machine brings: Python, git, packages, a sandbox, room on its disks."""

from __future__ import annotations

import re

from loop.git.plumbing import OLDEST_GIT
from loop.record.disk import NEEDED_MB
from loop.settings.program import Program
from loop.setup.checks.check import Check, Level
from loop.setup.machine import Machine
from loop.system import host

OLDEST_PYTHON = (3, 11)


def python(machine: Machine) -> Check:
    """Say whether this Python runs the tool."""
    version = ".".join(map(str, machine.python))
    if machine.python < OLDEST_PYTHON:
        return Check("python", Level.FAIL, f"Python {version} is too old", "install Python 3.11 or newer")
    return Check("python", Level.OK, f"Python {version} runs autoresearch")


def git(machine: Machine) -> Check:
    """Say whether there is a git, and a recent one."""
    if machine.git is None:
        return Check("git", Level.FAIL, "git was not found", "install git, and see that it is on the PATH")
    found = tuple(int(n) for n in re.findall(r"\d+", machine.git)[:2])
    if found < OLDEST_GIT:
        return Check("git", Level.FAIL, f"git {machine.git} is too old", "install git 2.25 or newer")
    return Check("git", Level.OK, f"git {machine.git}")


def packages(machine: Machine, program: Program) -> Check:
    """Say whether the experiments' Python has what the canvas imports."""
    name, runner = "packages", machine.runner
    if runner.error:
        step = f"try '{runner.path} -c \"import torch\"'; or set AUTORESEARCH_PYTHON to the Python of your experiments"
        return Check(name, Level.FAIL, f"{runner.path} does not run: {runner.error}", step)
    if "mlx" in runner.missing and machine.no_mlx:
        step = "use the canvas in torch: 'autoresearch init' in another folder"
        return Check(name, Level.FAIL, f"{runner.path} lacks mlx; {machine.no_mlx}", step)
    if runner.missing:
        wanted = ("'mlx[cpu]'" if name == "mlx" and host.LINUX else name for name in runner.missing)
        install = f"{runner.path} -m pip install {' '.join(wanted)}"
        step = f"run '{install}', or set AUTORESEARCH_PYTHON to a Python that has them"
        return Check(name, Level.FAIL, f"{runner.path} lacks {', '.join(runner.missing)}", step)
    return Check(name, Level.OK, f"{runner.path} (Python {runner.version}) has what {program.canvas} imports")


def sandbox(machine: Machine) -> Check:
    """Say what confines a run."""
    name, missing = "sandbox", ", ".join(machine.sandbox_missing)
    open_net = "not your home, and the network only where its score is not sealed"
    sees = "neither your files nor the network" if machine.sealed else open_net
    if machine.sandbox == "sandbox-exec":
        finding = f"sandbox-exec, tested, weaker than bubblewrap: a run sees {sees}. Without {missing}"
        step = "SECURITY.md says what that leaves open; for code that you do not trust at all use a virtual machine"
        return Check(name, Level.WARN, finding, step)
    if machine.sandbox != "bubblewrap":
        finding = f"none ({machine.sandbox_reason}): code that a model wrote can read your files and use the network"
        step = "apt install bubblewrap (if it fails: SECURITY.md), or work in a container or as a user of its own"
        if machine.system == "macOS":
            step = "start it in a terminal that is in no sandbox itself, or work as a user of its own or in a Linux VM"
        return Check(name, Level.WARN, finding, step)
    finding = f"bubblewrap, tested: a run sees {sees}; it shares CPU and GPU with you"
    if missing:
        step = "SECURITY.md says what each promise needs: a newer bubblewrap, user namespaces, a delegated cgroup"
        return Check(name, Level.OK, f"{finding}. Without {missing}", step)
    return Check(name, Level.OK, finding)


def disk(machine: Machine) -> Check:
    """Say how much room is left where it is least."""
    place, free = min(machine.free_gb.items(), key=lambda item: item[1])
    finding = f"{free:.1f} GB free at {place}"
    if free < NEEDED_MB / 1000:
        return Check("disk", Level.FAIL, finding, f"free at least {NEEDED_MB} MB, better 1 GB; start refuses less")
    if free < 1:
        return Check("disk", Level.WARN, finding, "free at least 1 GB; a run that fills the disk ends as a crash")
    if free < 10 and machine.runner.gpus:
        return Check("disk", Level.WARN, finding, "free 10 GB: data and checkpoints of a GPU campaign need several")
    return Check("disk", Level.OK, finding)
