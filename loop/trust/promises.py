"""The promises of a sandbox as they are named to the user, and a trial: a program inside tries to break them.

Serves the probes of both sandboxes, probe.py and seatbelt_probe.py.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

LIMIT_S = 20.0

# As they are named after "without". Without one of the first seven no sandbox is claimed.
READ_ONLY = "read-only files outside"
COVERED = "hidden files that stay hidden"
MOUNTS = "mounts that cannot be changed"
ALONE = "isolation from other processes"
NETWORK = "isolation from the network"
CAPABILITIES = "the loss of every capability"
KERNEL = "read-only kernel settings"
OWN_USERS = "a user namespace of its own"
NO_NESTING = "a bar on further user namespaces"
SIZES = "a size limit on its /tmp"
ENVIRONMENTS = "a cover over the environment of other processes"
MEMORY_OF_ITS_OWN = "shared memory of its own"
LIBRARY = "a standard library without its text"
MEMORY = "a cgroup that bounds memory and processes (they are watched instead)"
ESSENTIAL = frozenset({READ_ONLY, COVERED, MOUNTS, ALONE, NETWORK, CAPABILITIES, KERNEL})

# By the names that the programs print, in the order in which they are told.
PROMISES = {
    "READ_ONLY": READ_ONLY,
    "COVERED": COVERED,
    "MOUNTS": MOUNTS,
    "ALONE": ALONE,
    "NETWORK": NETWORK,
    "CAPABILITIES": CAPABILITIES,
    "KERNEL": KERNEL,
    "OWN_USERS": OWN_USERS,
    "NO_NESTING": NO_NESTING,
    "SIZES": SIZES,
    "ENVIRONMENTS": ENVIRONMENTS,
    "MEMORY_OF_ITS_OWN": MEMORY_OF_ITS_OWN,
    "LIBRARY": LIBRARY,
    "MEMORY": MEMORY,
}


def broken_by(
    prefix: Sequence[str],
    program: str,
    arguments: Sequence[object],
    environment: Mapping[str, str],
    pass_fds: Sequence[int] = (),
) -> set[str]:
    """Return the promises that a program, run under an argv prefix, can break. Raises ValueError where it does not run.

    Raises OSError or SubprocessError where the sandbox itself does not start, or hangs.
    """
    argv = [*prefix, sys.executable, "-I", "-S", "-c", program, *map(str, arguments)]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL, cwd="/", env=environment,
        pass_fds=pass_fds,
    )  # fmt: skip
    words = done.stdout.split()
    if done.returncode or words[:1] != ["tried"]:
        raise ValueError(done.stderr.strip()[-300:] or f"a program inside ended with {done.returncode}")
    return {PROMISES[word] for word in words[1:]}


@contextlib.contextmanager
def loopback() -> Iterator[int]:
    """Listen on a port of this machine; yield 9, where nobody listens, on a machine that has none."""
    try:
        server = socket.create_server(("127.0.0.1", 0))
    except OSError:
        yield 9
        return
    with server:
        yield server.getsockname()[1]


def python_here() -> tuple[Path, ...]:
    """Return what our own Python needs of the machine, but for its modules elsewhere."""
    return tuple(map(Path, (sys.prefix, sys.base_prefix, sys.executable)))
