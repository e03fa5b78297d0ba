"""What a campaign would start from: the repository, program.md, the canvas, the ruler and its data."""

from __future__ import annotations

import shlex

from loop.proposers.providers import is_local
from loop.record.types import Author
from loop.record.values import counted
from loop.settings.program import Program
from loop.setup.checks.check import Check, Level
from loop.setup.copies import Copies, Likeness
from loop.setup.machine import Machine


def repository(machine: Machine) -> Check:
    """Say whether a campaign can live in the git repository around the folder."""
    name = "repository"
    if machine.top is None:
        step = "run 'autoresearch init --git' or 'git init' there; no commit is needed"
        return Check(name, Level.FAIL, "the folder is in no git repository", step)
    if machine.git_error:
        return Check(
            name, Level.FAIL, f"git says: {machine.git_error}", "fix that; 'git status' must work in the folder"
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


def program(machine: Machine) -> Check:
    """Say whether program.md can be followed, and what stops the campaign."""
    program = machine.program
    if machine.problems:
        found = "; ".join(f"line {p.line}: {p.message}" for p in machine.problems)
        return Check("program.md", Level.FAIL, found, "fix these lines and run 'autoresearch doctor' again")
    if program is None:
        step = "run 'autoresearch init', or write program.md there"
        return Check("program.md", Level.FAIL, machine.program_error, step)
    if not program.prose and program.readers:
        return Check("program.md", Level.WARN, "it has no strategy", "write below the front matter what you want tried")
    stop = program.stop
    limits = [counted(stop.experiments, "experiment")] if stop.experiments else []
    limits += [f"{stop.hours:g} hours"] if stop.hours else []
    limits += [f"${stop.dollars:g}"] if stop.dollars else []
    paid = any(name != Author.KNOBS and not is_local(name) for name in program.models)
    if paid and not (stop.dollars or stop.tokens):
        step = "write stop: {dollars: 20}"
        return Check("program.md", Level.WARN, "a paid model has no limit in dollars or tokens", step)
    return Check("program.md", Level.OK, f"stops after {', '.join(limits)}" if limits else "stops only when told to")


def canvas(machine: Machine, program: Program) -> Check:
    """Say whether the canvas is there and compiles."""
    if machine.canvas_error:
        return Check(
            "canvas", Level.FAIL, machine.canvas_error, "fix it, or name another file with 'canvas:' in program.md"
        )
    return Check("canvas", Level.OK, f"{program.canvas} is there and compiles")


def ruler(machine: Machine, program: Program) -> Check:
    """Say who computes the score."""
    if machine.sealed:
        return Check("score", Level.OK, "sealed: prepare.py computes it where the canvas does not run")
    finding = f"self-reported: no prepare.py of ours, so '{program.run}' must print '{program.metric.name}: <number>'"
    return Check("score", Level.WARN, finding, "believe it as far as you believe the script; the rest works the same")


def copy(machine: Machine, copies: Copies) -> Check:
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


def data(machine: Machine, program: Program) -> Check:
    """Say which data there is, or will be."""
    name = "data"
    if not machine.sealed:
        return Check(name, Level.OK, "the script brings its own")
    if machine.data_error:
        return Check(name, Level.FAIL, machine.data_error, "fix that and run 'autoresearch doctor --full' again")
    if machine.data:
        return Check(name, Level.OK, f"prepared: {machine.data}")
    gpu = bool(machine.runner.gpus) and program.devices != "cpu" and machine.profile != "cpu"
    source = program.data if program.data != "auto" else "climbmix" if gpu else "python"
    need = {"python": "no download, about 10 seconds", "climbmix": "a download of a few GB"}.get(source, "see its size")
    step = "'autoresearch doctor --full' prepares it now; otherwise the first start does"
    return Check(name, Level.OK, f"{source} ({need}), not looked at", step)
