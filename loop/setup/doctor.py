"""What stands in the way of a campaign here, each finding with what to do about it.

Every check is a pure function of Facts; facts.py looks at the machine. Names variables that hold keys, never a value.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from loop.git.repo import OLDEST_GIT
from loop.proposers.providers import OLLAMA, is_local, key_of
from loop.record.disk import NEEDED_MB
from loop.record.types import State
from loop.record.values import counted
from loop.settings.program import Program
from loop.setup.facts import Facts, look

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


def diagnose(folder: Path, full: bool = False, look: Callable[[Path, bool], Facts] = look) -> list[Check]:
    """Return the findings for a campaign in `folder`; `full` prepares the data too, which may download for long."""
    facts = look(folder, full)
    checks = [_python(facts), _git(facts), _repository(facts), _program(facts)]
    if facts.program is not None:
        program = facts.program
        checks += [_canvas(facts, program), _ruler(facts, program), _packages(facts, program), _device(facts, program)]
        checks += [_data(facts, program), *(_model(facts, program, name) for name in program.models)]
        checks += [_command(facts, program.command)] if program.command else []
    return [*checks, _sandbox(facts), _disk(facts), _journal(facts), _daemon(facts)]


def _python(facts: Facts) -> Check:
    version = ".".join(map(str, facts.python))
    if facts.python < OLDEST_PYTHON:
        return Check("python", Level.FAIL, f"Python {version} is too old", "install Python 3.11 or newer")
    return Check("python", Level.OK, f"Python {version} runs autoresearch")


def _git(facts: Facts) -> Check:
    if facts.git is None:
        return Check("git", Level.FAIL, "git was not found", "install git, and see that it is on the PATH")
    found = tuple(int(n) for n in re.findall(r"\d+", facts.git)[:2])
    if found < OLDEST_GIT:
        return Check("git", Level.FAIL, f"git {facts.git} is too old", "install git 2.25 or newer")
    return Check("git", Level.OK, f"git {facts.git}")


def _repository(facts: Facts) -> Check:
    name = "repository"
    if facts.top is None:
        step = "run 'autoresearch init --git' or 'git init' there; no commit is needed"
        return Check(name, Level.FAIL, "the folder is in no git repository", step)
    if facts.git_error:
        return Check(
            name, Level.FAIL, f"git says: {facts.git_error}", "mend that; 'git status' must work in the folder"
        )
    if not facts.writable:
        step = "make the git folder writable for you: a campaign lives in it"
        return Check(name, Level.FAIL, "its git folder cannot be written", step)
    if facts.unmerged:
        step = "finish the merge: a campaign begins with what is on disk, conflict marks included"
        return Check(name, Level.WARN, f"{counted(facts.unmerged, 'file')} in conflict", step)
    if facts.ignored:
        step = "take it out of .gitignore: a campaign runs on a copy of what git does not ignore"
        return Check(name, Level.FAIL, f"git ignores {', '.join(facts.ignored)}", step)
    changed = f", {counted(facts.changed, 'file')} not committed: measured as on disk" if facts.changed else ""
    return Check(name, Level.OK, f"{facts.branch or 'detached HEAD'}{changed}")


def _program(facts: Facts) -> Check:
    if facts.program_error:
        return Check(
            "program.md", Level.FAIL, facts.program_error, "run 'autoresearch init', or write program.md there"
        )
    if facts.problems:
        found = "; ".join(f"line {p.line}: {p.message}" for p in facts.problems)
        return Check("program.md", Level.FAIL, found, "mend these lines and run 'autoresearch doctor' again")
    assert facts.program is not None
    program = facts.program
    if not program.prose and program.models != ("knobs",):
        return Check(
            "program.md", Level.WARN, "it holds no strategy", "write below the front matter what you want tried"
        )
    stop = program.stop
    limits = [counted(stop.experiments, "experiment")] if stop.experiments else []
    limits += [f"{stop.hours:g} hours"] if stop.hours else []
    limits += [f"${stop.dollars:g}"] if stop.dollars else []
    paid = any(name != "knobs" and not is_local(name) for name in program.models)
    if paid and not (stop.dollars or stop.tokens):
        step = "write stop: {dollars: 20}"
        return Check("program.md", Level.WARN, "a paid model has no limit in dollars or tokens", step)
    return Check("program.md", Level.OK, f"stops after {', '.join(limits)}" if limits else "stops only when told to")


def _canvas(facts: Facts, program: Program) -> Check:
    if facts.canvas_error:
        return Check(
            "canvas", Level.FAIL, facts.canvas_error, "mend it, or name another file with 'canvas:' in program.md"
        )
    return Check("canvas", Level.OK, f"{program.canvas} is there and compiles")


def _ruler(facts: Facts, program: Program) -> Check:
    if facts.sealed:
        return Check("score", Level.OK, "sealed: prepare.py computes it where the canvas does not run")
    finding = f"self-reported: no prepare.py of ours, so '{program.run}' must print '{program.metric.name}: <number>'"
    return Check("score", Level.WARN, finding, "believe it as far as you believe the script; the rest works the same")


def _packages(facts: Facts, program: Program) -> Check:
    name, runner = "packages", facts.runner
    if runner.error:
        step = "set AUTORESEARCH_PYTHON to the Python of your experiments, or make a .venv in the folder"
        return Check(name, Level.FAIL, f"{runner.path} does not run: {runner.error}", step)
    if runner.missing:
        install = f"{runner.path} -m pip install {' '.join(runner.missing)}"
        step = f"run '{install}', or set AUTORESEARCH_PYTHON to a Python that has them"
        return Check(name, Level.FAIL, f"{runner.path} lacks {', '.join(runner.missing)}", step)
    return Check(name, Level.OK, f"{runner.path} (Python {runner.version}) has what {program.canvas} imports")


def _device(facts: Facts, program: Program) -> Check:
    name, runner = "device", facts.runner
    wanted = program.devices.split(",")
    cuda = {f"cuda:{n}" for n in range(len(runner.cuda))} | ({"cuda"} if runner.cuda else set())
    present = {"auto", "cpu", *cuda, *(["mps"] if runner.mps else [])}
    if runner.torch is None:
        step = "install torch where the experiments run, if they use it; then look again"
        return Check(name, Level.WARN, "not known without torch", step)
    if missing := [device for device in wanted if device not in present]:
        step = f"write devices: auto, or one of {', '.join(sorted(present - {'auto'}))}"
        return Check(name, Level.FAIL, f"{', '.join(missing)} is not on this machine", step)
    if facts.nvidia and not runner.cuda:
        step = "install a torch build with CUDA that fits the driver ('nvidia-smi' shows it)"
        return Check(name, Level.WARN, "an NVIDIA GPU is there, but torch cannot use it", step)
    if runner.cuda and wanted != ["cpu"]:
        return Check(name, Level.OK, f"{', '.join(runner.cuda)}, torch {runner.torch}")
    kind = "an Apple GPU" if runner.mps and wanted != ["cpu"] else f"a CPU, {runner.cores} cores"
    return Check(name, Level.OK, f"{kind}, torch {runner.torch}")


def _data(facts: Facts, program: Program) -> Check:
    name = "data"
    if not facts.sealed:
        return Check(name, Level.OK, "the script brings its own")
    if facts.data_error:
        return Check(name, Level.FAIL, facts.data_error, "mend that and run 'autoresearch doctor --full' again")
    if facts.data:
        return Check(name, Level.OK, f"prepared: {facts.data}")
    gpu = bool(facts.runner.cuda) and program.devices != "cpu"
    source = program.data if program.data != "auto" else "climbmix" if gpu else "python"
    need = {"python": "no download, about 10 seconds", "climbmix": "a download of a few GB"}.get(source, "see its size")
    step = "'autoresearch doctor --full' prepares it now; otherwise the first start does"
    return Check(name, Level.OK, f"{source} ({need}), not looked at", step)


def _model(facts: Facts, program: Program, model: str) -> Check:
    """Say whether the key of a model is there. Only the names of variables are known here."""
    name = f"model {model}"
    if model == "knobs":
        return Check(name, Level.OK, "built in, needs no key")
    if is_local(model) or program.api_base:
        if facts.reachable is False:
            address = program.api_base or OLLAMA
            return Check(name, Level.FAIL, f"nothing answers at {address}", "start the server, or correct api_base")
        return Check(name, Level.OK, "its server answers" if facts.reachable else "a server of your own")
    key = key_of(model)
    if key is None:
        step = "see litellm's page of that provider; without its key the campaign pauses at the first proposal"
        return Check(name, Level.WARN, "which key it needs is not known here", step)
    if key not in facts.variables:
        step = f"set {key} in the environment from which you start; keys are never read from a file"
        return Check(name, Level.FAIL, f"{key} is not set", step)
    return Check(name, Level.OK, f"{key} is set")


def _command(facts: Facts, command: str) -> Check:
    word = shlex.split(command)[0]
    if not facts.command_found:
        return Check("command", Level.FAIL, f"{word} was not found", f"install it, or see that {word} is on the PATH")
    return Check("command", Level.OK, f"{word} was found; it works in a copy, only its change of the canvas is taken")


def _sandbox(facts: Facts) -> Check:
    name, missing = "sandbox", ", ".join(facts.sandbox_missing)
    if facts.sandbox != "bubblewrap":
        finding = f"none ({facts.sandbox_reason}): code that a model wrote can read your files and use the network"
        step = "install bubblewrap (apt install bubblewrap), or work in a container or as a user of its own"
        return Check(name, Level.WARN, finding, step)
    open_net = "not your home, and the network only where its score is not sealed"
    sees = "neither your files nor the network" if facts.sealed else open_net
    finding = f"bubblewrap, tested: a run sees {sees}; it shares CPU and GPU with you"
    if missing:
        step = "SECURITY.md says what each promise needs: a newer bubblewrap, user namespaces, a delegated cgroup"
        return Check(name, Level.OK, f"{finding}. Without {missing}", step)
    return Check(name, Level.OK, finding)


def _disk(facts: Facts) -> Check:
    place, free = min(facts.free_gb.items(), key=lambda item: item[1])
    finding = f"{free:.1f} GB free at {place}"
    if free < NEEDED_MB / 1000:
        return Check("disk", Level.FAIL, finding, f"free at least {NEEDED_MB} MB, better 1 GB; start refuses less")
    if free < 1:
        return Check("disk", Level.WARN, finding, "free at least 1 GB; a run that fills the disk ends as a crash")
    if free < 10 and facts.runner.cuda:
        return Check("disk", Level.WARN, finding, "free 10 GB: data and checkpoints of a GPU campaign need several")
    return Check("disk", Level.OK, finding)


def _journal(facts: Facts) -> Check:
    if facts.journal_findings:
        step = "nothing was changed; stop the campaign if it runs, then run 'autoresearch rebuild'"
        return Check("journal", Level.FAIL, "; ".join(facts.journal_findings), step)
    if facts.journal_error:
        step = "nothing was changed; 'autoresearch rebuild' restores a damaged journal from its backup and git"
        return Check("journal", Level.FAIL, facts.journal_error, step)
    if facts.campaign is None:
        return Check("journal", Level.OK, "no campaign yet")
    kept = f"backup of {facts.backup}" if facts.backup else "no backup yet: the next start makes one"
    last = f"the last campaign is {facts.campaign} ({facts.state})"
    return Check("journal", Level.OK, f"sound to its last entry; {last}; {kept}")


def _daemon(facts: Facts) -> Check:
    if facts.runs is not None:
        return Check("daemon", Level.OK, f"runs {facts.runs}")
    if facts.state in (State.PREPARING, State.RUNNING, State.PAUSED):
        finding = f"campaign {facts.campaign} was interrupted, nothing finished is lost"
        return Check("daemon", Level.WARN, finding, "'autoresearch start' goes on with it")
    return Check("daemon", Level.OK, "does not run; 'autoresearch start' starts it")
