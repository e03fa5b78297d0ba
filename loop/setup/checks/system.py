"""What another system than Linux asks for: where the folder lies, and that the machine does not fall asleep."""

from __future__ import annotations

from loop.record.values import counted
from loop.setup.checks.check import Check, Level
from loop.setup.machine import Machine

PAGE = "docs/windows.md has the rest"


def checks(machine: Machine) -> list[Check]:
    """Return the findings about macOS or WSL, none on any other Linux."""
    match machine.system:
        case "macOS":
            return [Check("system", Level.OK, "macOS; nobody has reported a campaign on a Mac yet"), sleep(machine)]
        case "WSL 1":
            step = "in PowerShell: 'wsl --set-version DISTRIBUTION 2'; 'wsl --list --verbose' has its name"
            return [Check("system", Level.FAIL, "WSL 1 has no Linux kernel: no sandbox and no GPU", step)]
        case "WSL 2":
            return [wsl(machine)]
        case _:
            return []


def wsl(machine: Machine) -> Check:
    """Say where the folder lies, and what ends a campaign in WSL."""
    if machine.windows_disk:
        step = f"move it into Linux, for example below ~; {PAGE}"
        return Check("system", Level.WARN, "WSL 2; the folder is on a disk of Windows, where files are slow", step)
    finding = "WSL 2; Windows may stop it once its last window is closed, and a campaign with it"
    return Check("system", Level.OK, finding, f"keep a window open, or set instanceIdleTimeout; {PAGE}")


def sleep(machine: Machine) -> Check:
    """Say whether a Mac stays awake for a night."""
    minutes = machine.sleeps_after_min
    step = "run 'caffeinate -is' in another terminal for the night, on mains power and with the lid open"
    if minutes:
        finding = f"this Mac sleeps after {counted(minutes, 'idle minute')}: a run that slept is ended and repeated"
        return Check("sleep", Level.WARN, finding, step)
    if minutes is None:
        return Check("sleep", Level.WARN, "'pmset -g' does not say when this Mac sleeps", step)
    return Check("sleep", Level.OK, "this Mac does not sleep when it is idle; closing its lid is another matter")
