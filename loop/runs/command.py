"""Which Python runs a campaign's scripts, and what `run:` of program.md executes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from loop.record import values
from loop.record.home import find_top
from loop.record.types import Refused


def python_for(folder: Path) -> str:
    """Return the Python that runs a campaign's scripts.

    AUTORESEARCH_PYTHON, else the virtual environment of the campaign's folder or of one above it up to the top of the
    repository, else our own.
    """
    if chosen := os.environ.get("AUTORESEARCH_PYTHON"):
        return shutil.which(chosen) or chosen
    folder = folder.absolute()
    top = find_top(folder) or folder
    for place in (folder, *folder.parents):
        for name in (".venv", "venv"):
            if os.access(place / name / "bin/python", os.X_OK):
                return str(place / name / "bin/python")
        if place == top:
            break
    return sys.executable


def command_of(run: str, python: str) -> tuple[str, ...]:
    """Return the argv of program.md's `run:`, a leading `python` or `uv run` replaced by the chosen interpreter."""
    try:
        words = shlex.split(values.run(run))
    except ValueError as error:
        raise Refused(f"run: {error}") from None
    # `uv run` would build a second environment, without a network and in every slot.
    uv = words[:2] == ["uv", "run"]
    words = words[2:] if uv else words
    if uv and words and words[0].endswith(".py"):
        return (python, *words)
    return (python, *words[1:]) if words and re.fullmatch(r"python(3(\.\d+)?)?", words[0]) else tuple(words)
