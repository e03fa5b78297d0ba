"""Try to break each promise of the sandbox from inside it, and print the names of those that were broken.

A program: probe.py runs its text in the sandbox; nothing imports it. Arguments: a file outside, a file that is covered,
a port on which somebody outside listens, and the namespaces outside, in one word. The names are those of the promises'
variables in probe.py. Nothing that it does would hurt where it succeeds: what it opens for writing it does not write.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
MNT_DETACH, MS_REMOUNT, MS_BIND, CLONE_NEWUSER = 2, 32, 4096, 0x10000000  # linux/mount.h, linux/sched.h
KERNEL = ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger")


def main() -> None:
    outside, covered, port, spaces = sys.argv[1:5]
    broken = try_files(outside, covered) | try_processes(spaces) | try_network(int(port)) | try_rights()
    print("tried", *sorted(broken))


def try_files(outside: str, covered: str) -> set[str]:
    broken = set()
    if opens(outside):
        broken.add("READ_ONLY")
    if read(covered):
        broken.add("COVERED")
    for place in (covered, outside, "/", "/tmp", "/proc"):
        name = place.encode()
        if LIBC.umount2(name, MNT_DETACH) == 0 or LIBC.mount(None, name, None, MS_REMOUNT | MS_BIND, None) == 0:
            broken.add("MOUNTS")
    if read(covered):
        broken |= {"MOUNTS", "COVERED"}
    if opens(outside):
        broken |= {"MOUNTS", "READ_ONLY"}
    if LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0:
        broken.add("MOUNTS")
    return broken


def try_processes(spaces: str) -> set[str]:
    broken = set()
    own = [name for name in os.listdir("/proc") if name.isdigit()]
    pid, ipc, user = (os.readlink(f"/proc/self/ns/{name}") for name in ("pid", "ipc", "user"))
    if pid in spaces or ipc in spaces or len(own) > 8:
        broken.add("ALONE")
    if user in spaces:
        broken.add("OWN_USERS")
    return broken


def try_network(port: int) -> set[str]:
    broken = set()
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
        broken.add("NETWORK")
    except OSError:
        pass
    if [name for _, name in socket.if_nameindex()] not in ([], ["lo"]):
        broken.add("NETWORK")
    return broken


def try_rights() -> set[str]:
    broken = set()
    for line in read("/proc/self/status").splitlines():
        name, _, value = line.partition(":")
        if (name[:3] == "Cap" and int(value, 16)) or (name == "NoNewPrivs" and int(value) != 1):
            broken.add("CAPABILITIES")
    if any(map(opens, KERNEL)):
        broken.add("KERNEL")
    child = os.fork()
    if not child:
        os._exit(LIBC.unshare(CLONE_NEWUSER) == 0)
    if os.waitpid(child, 0)[1]:
        broken.add("NO_NESTING")
    return broken


def opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY))
    except OSError:
        return False
    return True


def read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
