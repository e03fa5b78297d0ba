"""What stands in the way of a campaign here, each finding with what to do about it.

Every check is a pure function of what machine.py saw. Names variables that hold keys, never a value.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from loop.git.plumbing import OLDEST_GIT
from loop.proposers.providers import OLLAMA, is_local, key_of
from loop.record.disk import NEEDED_MB
from loop.record.types import Author, State
from loop.record.values import counted
from loop.settings import devices
from loop.settings.program import Program
from loop.setup.copies import Copies, Likeness
from loop.setup.machine import Machine, look

OLDEST_PYTHON = (3, 11)


class Level(StrEnum):
    """How bad a finding is: `warn` lets a campaign start, `fail` does not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One finding; `next_step` is empty only where nothing is to be done."""

    name: str
    level: Level
    finding: str
    next_step: str = ""


def diagnose(folder: Path, full: bool = False, look: Callable[[Path, bool], Machine] = look) -> list[Check]:
    """Return the findings for a campaign in `folder`; `full` prepares the data too, which may download for long."""
    machine = look(folder, full)
    checks = [_python(machine), _git(machine), _repository(machine), _program(machine)]
    if machine.program is not None:
        program = machine.program
        checks += [
            _canvas(machine, program),
            _ruler(machine, program),
            _packages(machine, program),
            _device(machine, program),
        ]
        checks += [_copy(machine, machine.copies)] if machine.copies else []
        checks += [_data(machine, program), *(_model(machine, program, name) for name in program.models)]
        checks += [_command(machine, program.command)] if program.command else []
    return [*checks, _sandbox(machine), _disk(machine), _journal(machine), _daemon(machine)]


def _python(machine: Machine) -> Check:
    version = ".".join(map(str, machine.python))
    if machine.python < OLDEST_PYTHON:
        return Check("python", Level.FAIL, f"Python {version} is too old", "install Python 3.11 or newer")
    return Check("python", Level.OK, f"Python {version} runs autoresearch")


def _git(machine: Machine) -> Check:
    if machine.git is None:
        return Check("git", Level.FAIL, "git was not found", "install git, and see that it is on the PATH")
    found = tuple(int(n) for n in re.findall(r"\d+", machine.git)[:2])
    if found < OLDEST_GIT:
        return Check("git", Level.FAIL, f"git {machine.git} is too old", "install git 2.25 or newer")
    return Check("git", Level.OK, f"git {machine.git}")


def _repository(machine: Machine) -> Check:
    name = "repository"
    if machine.top is None:
        step = "run 'autoresearch init --git' or 'git init' there; no commit is needed"
        return Check(name, Level.FAIL, "the folder is in no git repository", step)
    if machine.git_error:
        return Check(
            name, Level.FAIL, f"git says: {machine.git_error}", "mend that; 'git status' must work in the folder"
        )
    if not machine.writable:
        step = "make the git folder writable for you: a campaign lives in it"
        return Check(name, Level.FAIL, "its git folder cannot be written", step)
    if machine.unmerged:
        step = "finish the merge: a campaign begins with what is on disk, conflict marks included"
        return Check(name, Level.WARN, f"{counted(machine.unmerged, 'file')} in conflict", step)
    if machine.ignored:
        step = "take it out of .gitignore: a campaign runs on a copy of what git does not ignore"
        return Check(name, Level.FAIL, f"git ignores {', '.join(machine.ignored)}", step)
    changed = f", {counted(machine.changed, 'file')} not committed: measured as on disk" if machine.changed else ""
    return Check(name, Level.OK, f"{machine.branch or 'detached HEAD'}{changed}")


def _program(machine: Machine) -> Check:
    if machine.program_error:
        return Check(
            "program.md", Level.FAIL, machine.program_error, "run 'autoresearch init', or write program.md there"
        )
    if machine.problems:
        found = "; ".join(f"line {p.line}: {p.message}" for p in machine.problems)
        return Check("program.md", Level.FAIL, found, "mend these lines and run 'autoresearch doctor' again")
    assert machine.program is not None
    program = machine.program
    if not program.prose and program.readers:
        return Check(
            "program.md", Level.WARN, "it holds no strategy", "write below the front matter what you want tried"
        )
    stop = program.stop
    limits = [counted(stop.experiments, "experiment")] if stop.experiments else []
    limits += [f"{stop.hours:g} hours"] if stop.hours else []
    limits += [f"${stop.dollars:g}"] if stop.dollars else []
    paid = any(name != Author.KNOBS and not is_local(name) for name in program.models)
    if paid and not (stop.dollars or stop.tokens):
        step = "write stop: {dollars: 20}"
        return Check("program.md", Level.WARN, "a paid model has no limit in dollars or tokens", step)
    return Check("program.md", Level.OK, f"stops after {', '.join(limits)}" if limits else "stops only when told to")


def _canvas(machine: Machine, program: Program) -> Check:
    if machine.canvas_error:
        return Check(
            "canvas", Level.FAIL, machine.canvas_error, "mend it, or name another file with 'canvas:' in program.md"
        )
    return Check("canvas", Level.OK, f"{program.canvas} is there and compiles")


def _ruler(machine: Machine, program: Program) -> Check:
    if machine.sealed:
        return Check("score", Level.OK, "sealed: prepare.py computes it where the canvas does not run")
    finding = f"self-reported: no prepare.py of ours, so '{program.run}' must print '{program.metric.name}: <number>'"
    return Check("score", Level.WARN, finding, "believe it as far as you believe the script; the rest works the same")


def _copy(machine: Machine, copies: Copies) -> Check:
    """Say how the folder's prepare.py differs from the tool's, and what a new campaign would change by it."""
    name, other = "prepare.py", "not the tool's copy (older, or changed by you)"
    compared = {
        Likeness.SAME: "the tool's copy",
        Likeness.ALIKE: f"{other}; it measures the same",
        Likeness.OTHER: f"{other}; it measures differently",
        Likeness.UNKNOWN: f"{other}; whether it measures the same is not known",
    }
    key = {Likeness.ALIKE: "the comparison key stays", Likeness.OTHER: "the comparison key changes"}
    finding = compared[copies.with_tool]
    if copies.with_campaign not in (None, Likeness.SAME):
        finding += f"; {machine.campaign} keeps the copy that it began with, 'start --new' measures with this one"
        finding += f": {key[copies.with_campaign]}" if copies.with_campaign in key else ""
    if copies.with_tool is Likeness.SAME:
        return Check(name, Level.OK, finding)
    scores = {Likeness.ALIKE: "; scores stay comparable", Likeness.OTHER: "; its scores do not compare with this one's"}
    step = f"'cp {shlex.quote(str(copies.tool))} prepare.py' and 'autoresearch start --new' measure with the tool's"
    level = Level.OK if copies.with_tool is Likeness.ALIKE else Level.WARN
    return Check(name, level, finding, step + scores.get(copies.with_tool, ""))


def _packages(machine: Machine, program: Program) -> Check:
    name, runner = "packages", machine.runner
    if runner.error:
        step = "set AUTORESEARCH_PYTHON to the Python of your experiments, or make a .venv in the folder"
        return Check(name, Level.FAIL, f"{runner.path} does not run: {runner.error}", step)
    if runner.missing:
        install = f"{runner.path} -m pip install {' '.join(runner.missing)}"
        step = f"run '{install}', or set AUTORESEARCH_PYTHON to a Python that has them"
        return Check(name, Level.FAIL, f"{runner.path} lacks {', '.join(runner.missing)}", step)
    return Check(name, Level.OK, f"{runner.path} (Python {runner.version}) has what {program.canvas} imports")


def _device(machine: Machine, program: Program) -> Check:
    name, runner = "device", machine.runner
    wanted = program.devices.split(",")
    present = devices.present(len(runner.cuda), runner.mps)
    if runner.torch is None:
        step = "install torch where the experiments run, if they use it; then look again"
        return Check(name, Level.WARN, "not known without torch", step)
    if missing := [device for device in wanted if device not in present]:
        step = f"write devices: auto, or one of {', '.join(sorted(present - {devices.AUTO}))}"
        return Check(name, Level.FAIL, f"{', '.join(missing)} is not on this machine", step)
    if machine.nvidia and not runner.cuda:
        step = "install a torch build with CUDA that fits the driver ('nvidia-smi' shows it)"
        return Check(name, Level.WARN, "an NVIDIA GPU is there, but torch cannot use it", step)
    if runner.cuda and wanted != ["cpu"]:
        return Check(name, Level.OK, f"{', '.join(runner.cuda)}, torch {runner.torch}")
    kind = "an Apple GPU" if runner.mps and wanted != ["cpu"] else f"a CPU, {runner.cores} cores"
    return Check(name, Level.OK, f"{kind}, torch {runner.torch}")


def _data(machine: Machine, program: Program) -> Check:
    name = "data"
    if not machine.sealed:
        return Check(name, Level.OK, "the script brings its own")
    if machine.data_error:
        return Check(name, Level.FAIL, machine.data_error, "mend that and run 'autoresearch doctor --full' again")
    if machine.data:
        return Check(name, Level.OK, f"prepared: {machine.data}")
    gpu = bool(machine.runner.cuda) and program.devices != "cpu"
    source = program.data if program.data != "auto" else "climbmix" if gpu else "python"
    need = {"python": "no download, about 10 seconds", "climbmix": "a download of a few GB"}.get(source, "see its size")
    step = "'autoresearch doctor --full' prepares it now; otherwise the first start does"
    return Check(name, Level.OK, f"{source} ({need}), not looked at", step)


def _model(machine: Machine, program: Program, model: str) -> Check:
    """Say whether the key of a model is there. Only the names of variables are known here."""
    name = f"model {model}"
    if model == Author.KNOBS:
        return Check(name, Level.OK, "built in, needs no key")
    if is_local(model) or program.api_base:
        if machine.reachable is False:
            address = program.api_base or OLLAMA
            return Check(name, Level.FAIL, f"nothing answers at {address}", "start the server, or correct api_base")
        return Check(name, Level.OK, "its server answers" if machine.reachable else "a server of your own")
    key = key_of(model)
    if key is None:
        step = "see litellm's page of that provider; without its key the campaign pauses at the first proposal"
        return Check(name, Level.WARN, "which key it needs is not known here", step)
    if key not in machine.variables:
        step = f"set {key} in the environment from which you start; keys are never read from a file"
        return Check(name, Level.FAIL, f"{key} is not set", step)
    return Check(name, Level.OK, f"{key} is set")


def _command(machine: Machine, command: str) -> Check:
    word = shlex.split(command)[0]
    if not machine.command_found:
        return Check("command", Level.FAIL, f"{word} was not found", f"install it, or see that {word} is on the PATH")
    return Check("command", Level.OK, f"{word} was found; it works in a copy, only its change of the canvas is taken")


def _sandbox(machine: Machine) -> Check:
    name, missing = "sandbox", ", ".join(machine.sandbox_missing)
    if machine.sandbox != "bubblewrap":
        finding = f"none ({machine.sandbox_reason}): code that a model wrote can read your files and use the network"
        step = "install bubblewrap (apt install bubblewrap), or work in a container or as a user of its own"
        return Check(name, Level.WARN, finding, step)
    open_net = "not your home, and the network only where its score is not sealed"
    sees = "neither your files nor the network" if machine.sealed else open_net
    finding = f"bubblewrap, tested: a run sees {sees}; it shares CPU and GPU with you"
    if missing:
        step = "SECURITY.md says what each promise needs: a newer bubblewrap, user namespaces, a delegated cgroup"
        return Check(name, Level.OK, f"{finding}. Without {missing}", step)
    return Check(name, Level.OK, finding)


def _disk(machine: Machine) -> Check:
    place, free = min(machine.free_gb.items(), key=lambda item: item[1])
    finding = f"{free:.1f} GB free at {place}"
    if free < NEEDED_MB / 1000:
        return Check("disk", Level.FAIL, finding, f"free at least {NEEDED_MB} MB, better 1 GB; start refuses less")
    if free < 1:
        return Check("disk", Level.WARN, finding, "free at least 1 GB; a run that fills the disk ends as a crash")
    if free < 10 and machine.runner.cuda:
        return Check("disk", Level.WARN, finding, "free 10 GB: data and checkpoints of a GPU campaign need several")
    return Check("disk", Level.OK, finding)


def _journal(machine: Machine) -> Check:
    if machine.journal_findings:
        step = "nothing was changed; stop the campaign if it runs, then run 'autoresearch rebuild'"
        return Check("journal", Level.FAIL, "; ".join(machine.journal_findings), step)
    if machine.journal_error:
        step = "nothing was changed; 'autoresearch rebuild' restores a damaged journal from its backup and git"
        return Check("journal", Level.FAIL, machine.journal_error, step)
    if machine.campaign is None:
        return Check("journal", Level.OK, "no campaign yet")
    kept = f"backup of {machine.backup}" if machine.backup else "no backup yet: the next start makes one"
    last = f"the last campaign is {machine.campaign} ({machine.state})"
    return Check("journal", Level.OK, f"sound to its last entry; {last}; {kept}")


def _daemon(machine: Machine) -> Check:
    if machine.runs is not None:
        return Check("daemon", Level.OK, f"runs {machine.runs}")
    if machine.state in (State.PREPARING, State.RUNNING, State.PAUSED):
        finding = f"campaign {machine.campaign} was interrupted, nothing finished is lost"
        return Check("daemon", Level.WARN, finding, "'autoresearch start' goes on with it")
    return Check("daemon", Level.OK, "does not run; 'autoresearch start' starts it")
