"""A machine and a folder of which the doctor has nothing to say, and what it says of one that differs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from loop.settings.program import Program
from loop.setup.checks.check import Check
from loop.setup.doctor import diagnose
from loop.setup.interpreter import Interpreter
from loop.setup.machine import Machine

RUNNER = Interpreter("/venv/bin/python", "3.11.7", (), "2.13.0", (), False, 2)
WELL = Machine(
    python=(3, 11, 7),
    git="2.39.5",
    top="/repo",
    runner=RUNNER,
    branch="branch main",
    program=Program(prose="Lower it."),
    sealed=True,
    sandbox="bubblewrap",
)


def findings(**changes: object) -> dict[str, Check]:
    machine = dataclasses.replace(WELL, **changes)
    return {check.name: check for check in diagnose(Path("/repo"), look=lambda folder, full: machine)}


def program(**changes: object) -> Program:
    return dataclasses.replace(Program(prose="Lower it."), **changes)


def runner(**changes: object) -> Interpreter:
    return dataclasses.replace(RUNNER, **changes)
