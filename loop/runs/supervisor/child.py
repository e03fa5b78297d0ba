"""The one child: forked, bounded and executed in a session of its own."""

from __future__ import annotations

import os
import resource
import signal

from loop.runs.supervisor.tree import mark
from loop.system.kernel import die_with, leave_keyring
from loop.trust.bounds import Bounds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.runs.supervisor.wire import Specification


def spawn(spec: Specification, bounds: Bounds, stdin: int, stdout: int, stderr: int, channel: int) -> int:
    """Return the child, which executes what the specification says; a failure to execute is told in the log."""
    supervisor = os.getpid()
    if child := os.fork():
        return child
    try:
        os.setsid()
        die_with(supervisor)
        bounds.join()
        leave_keyring()
        for name, value in spec["rlimits"].items():
            _bound(getattr(resource, f"RLIMIT_{name}"), value)
        # Python ignores these two, and an ignored signal would stay ignored in what we execute.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        environment = {**spec["environment"], **mark()}
        if channel >= 0:
            os.set_inheritable(channel, True)
            environment["AUTORESEARCH_GATE_FD"] = str(channel)
        for fd, target in ((stdin, 0), (stdout, 1), (stderr, 2)):
            os.dup2(fd, target)
        os.chdir(spec["folder"])
        os.execvpe(spec["argv"][0], list(spec["argv"]), environment)
    except BaseException as error:
        os.write(2, f"cannot start {spec['argv'][0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _bound(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))
