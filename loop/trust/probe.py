"""Which sandbox really works here: each promise is tried to be broken by a small program inside, before it is made.

Tried once per process, down a ladder of options: what an old bubblewrap or a strict machine refuses is left out, and
what then does not hold is named. A promise that protects the score or the user's files lowers the tier when it fails.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from loop.system import host
from loop.trust.limits import kept_by
from loop.trust.places import Needed
from loop.trust.promises import ESSENTIAL, MEMORY, PROMISES, SIZES, broken_by, loopback, python_here
from loop.trust.sandbox import BUBBLEWRAP, NAMESPACES, OWN_USER, PROCESS_GROUP, Sandbox
from loop.trust.seatbelt_probe import probe_seatbelt

NOT_HERE, NEEDS_LINUX = "bubblewrap (bwrap) is not installed", "bubblewrap needs Linux"

# What tries; it prints the promises that it has broken, by their names in promises.py.
PROGRAM = Path(__file__).with_name("breakout.py").read_text(encoding="utf-8")


@functools.cache
def probe() -> Sandbox:
    """Return the sandbox that really works here; tried once per process (about 60 ms)."""
    if host.MACOS:
        return probe_seatbelt()
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return Sandbox(PROCESS_GROUP, reason=NOT_HERE if host.LINUX else NEEDS_LINUX)
    reason = ""
    for options, sizes in ladder():
        sandbox = Sandbox(BUBBLEWRAP, bwrap, options=options, sizes=sizes)
        try:
            broken = attack(sandbox)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            reason = reason or f"bubblewrap does not work here: {error}"
            continue
        missing = {*broken, *([] if sizes else [SIZES]), *([] if kept_by() == "cgroup" else [MEMORY])}
        order = tuple(promise for promise in PROMISES.values() if promise in missing)
        if lost := [promise for promise in order if promise in ESSENTIAL]:
            # What it does hold is still used; what is claimed is the weaker tier.
            why = f"bubblewrap does not hold here: {', '.join(lost)}"
            return replace(sandbox, kind=PROCESS_GROUP, reason=why, missing=order)
        return replace(sandbox, missing=order)
    return Sandbox(PROCESS_GROUP, reason=reason)


def ladder() -> Iterator[tuple[tuple[str, ...], bool]]:
    """Yield bubblewrap's options and whether it knows sizes, the strongest first."""
    yield (*OWN_USER, *NAMESPACES), True
    yield (OWN_USER[0], *NAMESPACES), True  # bubblewrap 0.7, or a kernel that is told nothing about namespaces
    yield (OWN_USER[0], *NAMESPACES), False  # bubblewrap before 0.7
    yield NAMESPACES, True  # root on a machine without user namespaces
    yield NAMESPACES, False


def attack(sandbox: Sandbox) -> set[str]:
    """Return the promises that a program inside the sandbox can break. Raises where it does not run at all."""
    with tempfile.TemporaryDirectory(prefix="autoresearch-probe-") as name, loopback() as port:
        place = Path(name).resolve()
        files = [place / "outside", place / "covered"]
        for file in files:
            file.write_text("content")
        run = place / "run"
        run.mkdir()
        prefix = sandbox.wrap(
            slot=run, run_dir=run, top=run, python=Needed(python_here(), ()), readable=files, hidden=files[1:]
        )
        spaces = " ".join(os.readlink(f"/proc/self/ns/{kind}") for kind in ("pid", "ipc", "user"))
        return broken_by(prefix, PROGRAM, (*files, port, spaces), {})
