"""Room on the disk: what a campaign needs, what is there. Looks, writes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from loop.record.types import Refused

NEEDED_MB = 256  # the journal, a few copies of the tree, logs, one checkpoint of a small model


def free_mb(place: Path) -> float:
    """Return what is free on the disk that `place` is on, or would be, in megabytes (10⁶ bytes)."""
    there = next(p for p in (place, *place.absolute().parents) if p.is_dir())
    return shutil.disk_usage(there).free / 1e6


def check_disk(place: Path) -> None:
    """Raise Refused where a campaign has too little room."""
    free = free_mb(place)
    if free < NEEDED_MB:
        raise Refused(
            f"the disk of {place} has {free:.0f} MB free and a campaign needs {NEEDED_MB} MB; "
            "free some, then 'autoresearch start'"
        )
