"""What we ask of the Linux kernel beyond POSIX. On every other system each function does nothing."""

from __future__ import annotations

import ctypes
import os
import signal

from loop.system import host

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36  # linux/prctl.h
KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}  # its number differs
JOIN_SESSION_KEYRING = 1
OOM_SCORE = "/proc/self/oom_score_adj"


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """In a child: die when its parent dies, and be the first that the kernel takes when memory runs out."""
    if host.LINUX:
        _prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:
            os._exit(127)
        try:
            with open(OOM_SCORE, "w") as file:
                file.write("1000")
        except OSError:
            pass


def hide_environment() -> None:
    """Keep other processes of this user, model-written code among them, from reading our environment and its keys.

    What we start is readable again. On macOS any process of the user can read it.
    """
    _prctl(PR_SET_DUMPABLE, 0)


def leave_keyring() -> None:
    """Enter an empty session keyring: that of the user's session is inherited, and with it what it holds."""
    number = KEYCTL.get(os.uname().machine) if host.LINUX else None
    if number is not None:
        ctypes.CDLL(None).syscall(number, JOIN_SESSION_KEYRING, 0)


def oom_kills() -> int:
    """Return how many processes the kernel has killed for memory since it started (0 where it does not tell)."""
    try:
        with open("/proc/vmstat", "rb") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(b"oom_kill ")), 0)
    except OSError:
        return 0


def _prctl(option: int, value: int) -> None:
    if host.LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
