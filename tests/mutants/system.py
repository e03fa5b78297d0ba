"""Mistakes in loop/system: a machine that is not Linux is asked what only Linux has, or what it says is misread."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "loop/system/clock.py",
        "a Mac that slept is taken for one that did not",
        "return time.clock_gettime(time.CLOCK_MONOTONIC_RAW) - time.clock_gettime(UPTIME_RAW)",
        "return time.clock_gettime(UPTIME_RAW) - time.clock_gettime(UPTIME_RAW)",
    ),
    Mutant(
        "loop/system/kernel.py",
        "a Mac is sent the number of a Linux system call",
        "KEYCTL.get(os.uname().machine) if host.LINUX else None",
        "KEYCTL.get(os.uname().machine)",
    ),
    Mutant(
        "loop/system/processes.py",
        "the CPU seconds of ps are charged to the run",
        "return children.ru_utime + children.ru_stime - _ps_cpu_s",
        "return children.ru_utime + children.ru_stime",
    ),
    Mutant(
        "loop/system/processes.py",
        "a Mac's kibibytes are taken for bytes",
        "memory=int(memory) << 10",
        "memory=int(memory)",
    ),
    Mutant(
        "loop/system/processes.py",
        "minutes of ps are taken for seconds",
        "total = 60 * total + float(part)",
        "total = total + float(part)",
    ),
    Mutant(
        "loop/system/host.py",
        "a folder on a disk of Windows is taken for one of Linux",
        "place = os.path.dirname(place)",
        'place = "/"',
    ),
    Mutant(
        "loop/system/packages.py",
        "the oldest glibc that MLX takes is refused",
        ">= MLX_GLIBC",
        "> MLX_GLIBC",
    ),
    Mutant(
        "loop/system/power.py",
        "a Mac that caffeinate keeps awake is said to sleep",
        "return 0 if AWAKE in found[2] else int(found[1])",
        "return int(found[1])",
    ),
)
