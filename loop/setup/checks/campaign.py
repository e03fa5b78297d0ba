"""What is there of a campaign: its journal, and whether a daemon serves it."""

from __future__ import annotations

from loop.record.types import State
from loop.setup.checks.check import Check, Level
from loop.setup.machine import Machine


def journal(machine: Machine) -> Check:
    """Say whether the journal is sound, and when it was backed up."""
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


def daemon(machine: Machine) -> Check:
    """Say whether a daemon runs, and how to start one."""
    if machine.runs is not None:
        return Check("daemon", Level.OK, f"runs {machine.runs}")
    if machine.state in (State.PREPARING, State.RUNNING, State.PAUSED):
        finding = f"campaign {machine.campaign} was interrupted, nothing finished is lost"
        return Check("daemon", Level.WARN, finding, "'autoresearch start' continues with it")
    return Check("daemon", Level.OK, "does not run; 'autoresearch start' starts it")
