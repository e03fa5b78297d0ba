"""When this machine falls asleep by itself: a run that slept is ended and measured again."""

from __future__ import annotations

import re
import subprocess

from loop.system import host

PMSET = "/usr/bin/pmset"
LOOK_S = 10.0
AWAKE = "caffeinate"  # Apple's command that keeps a Mac awake while another one runs


def sleeps_after_min() -> int | None:
    """Return the idle minutes after which a Mac sleeps, 0 where it does not; None where nobody tells.

    Source: pmset(1). What else keeps it awake now, such as music, is not counted: it may end at any time.
    """
    if not host.MACOS:
        return None
    try:
        done = subprocess.run([PMSET, "-g"], capture_output=True, text=True, timeout=LOOK_S, errors="replace")
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"^ *sleep\s+(\d+)(.*)$", done.stdout, re.M)
    if found is None:
        return None
    return 0 if AWAKE in found[2] else int(found[1])
