"""How a folder's prepare.py differs from the tool's copy, and from the one that its last campaign measures with.

The tool's prepare.py says what measures in each, in the experiments' Python; the folder's is read and never run here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from loop.record.types import Refused
from loop.setup.init import find_template
from loop.setup.interpreter import answer

NAME = "prepare.py"


class Likeness(StrEnum):
    """What two copies have in common."""

    SAME = "same"  # every byte
    ALIKE = "alike"  # what measures: scores compare
    OTHER = "other"  # not even that: scores do not compare
    UNKNOWN = "unknown"  # nobody could say


@dataclass(frozen=True)
class Copies:
    """The folder's prepare.py beside two others."""

    tool: Path  # where the tool's copy lies
    with_tool: Likeness
    with_campaign: Likeness | None = None  # None where there is no campaign


def compare(folder: Path, python: str, baseline: str | None = None) -> Copies | None:
    """Return what the folder's prepare.py has in common with the tool's and with that of a campaign's first commit.

    `baseline` is the commit. None where the folder's or the tool's cannot be read.
    """
    try:
        ours, tool = (folder / NAME).read_bytes(), find_template() / NAME
        wanted = [tool.read_bytes(), _at(folder, baseline) if baseline else None]
    except (OSError, Refused):
        return None
    others = [text for text in wanted if text not in (None, ours)]
    measuring = _measuring(python, tool, [ours, *(text for text in others if text is not None)]) if others else {}

    def likeness(text: bytes | None) -> Likeness:
        if text == ours:
            return Likeness.SAME
        if text is None or text not in measuring:
            return Likeness.UNKNOWN
        return Likeness.ALIKE if measuring[text] == measuring[ours] else Likeness.OTHER

    return Copies(tool, likeness(wanted[0]), likeness(wanted[1]) if baseline else None)


def _at(folder: Path, commit: str) -> bytes | None:
    text, _ = answer("git", "show", f"{commit}:./{NAME}", folder=folder)
    return None if text is None else text.encode()


def _measuring(python: str, tool: Path, texts: list[bytes]) -> dict[bytes, str]:
    """Return the hash of what measures in each text; empty where the tool's prepare.py cannot say."""
    with TemporaryDirectory() as scratch:
        files = [Path(scratch, str(number)) for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_bytes(text)
        printed, _ = answer(python, "-I", "-B", str(tool), "measuring", *map(str, files), folder=Path(scratch))
    try:
        return dict(zip(texts, json.loads(printed or ""), strict=True))
    except (ValueError, TypeError):
        return {}
