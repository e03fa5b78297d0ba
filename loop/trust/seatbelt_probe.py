"""Whether `sandbox-exec` of this Mac keeps what seatbelt.py promises: a small program inside tries, before it is said.

Where it does not run, or where a promise that protects the score or the user's files does not hold, nothing is claimed
and it is not used: a newer macOS may refuse a profile, and no sandbox starts inside another.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from loop.trust import seatbelt
from loop.trust.places import Needed
from loop.trust.promises import (
    ESSENTIAL,
    LIBRARY,
    MEMORY,
    MEMORY_OF_ITS_OWN,
    PROMISES,
    broken_by,
    loopback,
    python_here,
)
from loop.trust.sandbox import PROCESS_GROUP, SEATBELT, Sandbox
from loop.trust.seatbelt import Seatbelt

NEVER = frozenset({MEMORY_OF_ITS_OWN, LIBRARY, MEMORY})  # what no profile can give

PROGRAM = Path(__file__).with_name("breakout_macos.py").read_text(encoding="utf-8")


def probe_seatbelt() -> Sandbox:
    """Return what `sandbox-exec` offers here, or the tier without a sandbox and why."""
    if not os.access(seatbelt.PROGRAM, os.X_OK):
        return Sandbox(PROCESS_GROUP, reason=f"{seatbelt.PROGRAM} is not there")
    sandbox = Seatbelt(SEATBELT)
    try:
        broken = {*attack(sandbox, scoring=False), *attack(sandbox, scoring=True), *NEVER}
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return Sandbox(PROCESS_GROUP, reason=f"{SEATBELT} does not work here: {error}")
    order = tuple(promise for promise in PROMISES.values() if promise in broken)
    if lost := [promise for promise in order if promise in ESSENTIAL]:
        return Sandbox(PROCESS_GROUP, reason=f"{SEATBELT} does not hold here: {', '.join(lost)}")
    return Seatbelt(SEATBELT, missing=order)


def attack(sandbox: Seatbelt, scoring: bool) -> set[str]:
    """Return the promises that a program can break, confined as a training or as a model that is scored.

    Raises where it does not run, or cannot do what such a process has to do.
    """
    with tempfile.TemporaryDirectory(prefix="autoresearch-probe-") as name, loopback() as port:
        place = Path(name).resolve()
        run, private = place / "run", place / "tmp" / "private"
        outside, covered = (run if scoring else place) / "outside", place / "covered"
        for folder in (run, private):
            folder.mkdir(parents=True)
        for file in (outside, covered):
            file.write_text("content")
        prefix = sandbox.wrap(
            slot=run,
            run_dir=run,
            top=run,
            python=Needed(python_here(), ()),
            readable=[outside, covered],
            hidden=[covered],
            system_only=not scoring,
            read_only=scoring,
        )
        with tempfile.TemporaryFile(dir=private.parent) as logits:
            given = [logits.fileno()] if scoring else []
            arguments = (private if scoring else run, outside, covered, port, *given)
            return broken_by(prefix, PROGRAM, arguments, {"TMPDIR": str(private)}, given)
