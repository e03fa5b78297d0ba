"""What is valid in the front matter and will not do: no key for the model, no such command, hours that are too few.

Looks at the names of the environment's variables, never at their values. A daemon that runs already has its own.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from loop.proposers.providers import key_of
from loop.record.types import Problem
from loop.record.values import counted, parse_budget
from loop.settings.program import Program, key_lines, parse


def doubts(text: str, folder: Path, running: bool) -> Iterator[Problem]:
    """Yield what a start would stumble over, each with its line; the text must have no mistakes."""
    program, lines = parse(text), key_lines(text)
    found = {"stop.hours": _hours(program)}
    if not running:
        found |= {"model": _model(program), "command": _command(program, folder)}
    for key, sentence in found.items():
        if sentence and key in lines:
            yield Problem(lines[key], key, f"{key}: {sentence}")


def _model(program: Program) -> str:
    for model in () if program.api_base else program.models:
        key = key_of(model)
        if key is not None and key not in os.environ:
            return (
                f"{model} needs {key}, which is not set where this editor was started; set it there and start it again"
            )
    return ""


def _command(program: Program, folder: Path) -> str:
    word = shlex.split(program.command)[0] if program.command else ""
    if not word or shutil.which(folder / word if os.sep in word else word):
        return ""
    return f"{word} was not found from where this editor was started; install it, or write its whole path"


def _hours(program: Program) -> str:
    seconds = parse_budget(program.budget).seconds if program.budget else None
    hours = program.stop.hours
    if seconds is None or hours is None or 3600 * hours > program.repeats * seconds:
        return ""
    runs = counted(program.repeats, "run")
    return f"{hours:g} h end before the baseline is measured ({runs} of {program.budget}); allow more"
