"""Try to break each promise of `sandbox-exec` from inside it, and print the names of those that were broken.

A program: seatbelt_probe.py runs its text in the sandbox; nothing imports it. Arguments: the folder that is its own, a
file outside, a file that is covered, a port on which somebody outside listens, and perhaps the descriptor of a file
without a name. The names are those of promises.py. First it does what any run has to do, and fails where it may not.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import signal
import socket
import subprocess
import sys

LIBC = ctypes.CDLL(None)
CTL_KERN, KERN_PROCARGS2 = 1, 49  # sys/sysctl.h
DATA = "/System/Volumes/Data"


def main() -> None:
    own, outside, covered, port, *given = sys.argv[1:]
    use(own, outside, [int(fd) for fd in given])
    broken = try_files(own, outside, covered) | try_processes(os.getppid()) | try_network(int(port))
    print("tried", *sorted(broken))


def use(own: str, outside: str, given: list[int]) -> None:
    """Write here, read there, start a program, resize and map what was handed over; raises where that fails."""
    with open(os.path.join(own, "new"), "w") as file:
        file.write("content")
    os.replace(file.name, os.path.join(own, "newer"))
    with open(outside) as file:
        file.read()
    subprocess.run([sys.executable, "-I", "-S", "-c", ""], check=True)
    for fd in given:
        os.ftruncate(fd, mmap.PAGESIZE)
        mmap.mmap(fd, mmap.PAGESIZE)[:1] = b"x"


def try_files(own: str, outside: str, covered: str) -> set[str]:
    broken = set()
    if opens(os.path.join(os.path.dirname(outside), "new"), os.O_WRONLY | os.O_CREAT):
        broken.add("READ_ONLY")
    for file, promise, flags in ((outside, "READ_ONLY", os.O_WRONLY), (covered, "COVERED", os.O_RDONLY)):
        folder, name = os.path.split(file)
        # The disk may take capitals for small letters, and has a second way to most of its folders.
        for spelled in (file, os.path.join(folder, name.upper()), f"{DATA}{file}"):
            broken |= {promise} if opens(spelled, flags) else set()
        for give in ("symlink", "link", "rename"):  # another name for it, in a place that may be written
            name = os.path.join(own, give)
            with contextlib.suppress(OSError):
                getattr(os, give)(file, name)
                broken |= {promise} if opens(name, flags) else set()
                os.rename(name, file) if give == "rename" else os.remove(name)
    return broken


def try_processes(outside: int) -> set[str]:
    broken = set()
    with contextlib.suppress(OSError):
        os.kill(outside, signal.SIGURG)  # which a process ignores
        broken.add("ALONE")
    size, buffer = ctypes.c_size_t(1 << 20), ctypes.create_string_buffer(1 << 20)
    name = (ctypes.c_int * 3)(CTL_KERN, KERN_PROCARGS2, outside)
    if hasattr(LIBC, "sysctl") and LIBC.sysctl(name, 3, buffer, ctypes.byref(size), None, 0) == 0:
        broken.add("ENVIRONMENTS")
    return broken


def try_network(port: int) -> set[str]:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 0.5).close()
        return {"NETWORK"}
    return set()


def opens(path: str, flags: int) -> bool:
    try:
        os.close(os.open(path, flags))
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
