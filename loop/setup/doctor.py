"""What stands in the way of a campaign here, each finding with what to do about it.

Every check is a pure function of what machine.py saw. Names variables that hold keys, never a value.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from loop.setup.checks import authors, campaign, device, inputs, system, tools
from loop.setup.checks.check import Check
from loop.setup.machine import Machine, look


def diagnose(folder: Path, full: bool = False, look: Callable[[Path, bool], Machine] = look) -> list[Check]:
    """Return the findings for a campaign in `folder`; `full` prepares the data too, which may download for long."""
    machine = look(folder, full)
    checks = [*system.checks(machine), tools.python(machine), tools.git(machine)]
    checks += [inputs.repository(machine), inputs.program(machine)]
    if machine.program is not None:
        program = machine.program
        checks += [
            inputs.canvas(machine, program),
            inputs.ruler(machine, program),
            tools.packages(machine, program),
            device.device(machine, program),
        ]
        checks += [inputs.copy(machine, machine.copies)] if machine.copies else []
        checks += [inputs.data(machine, program), *(authors.model(machine, program, name) for name in program.models)]
        checks += [authors.command(machine, program.command)] if program.command else []
    return [*checks, tools.sandbox(machine), tools.disk(machine), campaign.journal(machine), campaign.daemon(machine)]
