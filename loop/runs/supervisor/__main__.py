"""The door of the supervisor, run by its path: `python -I -S supervisor/__main__.py`.

Standard input is its lifeline. First line: the specification (JSON, see wire.py). Later lines: `go`, `stop`. End of
file means that the daemon died, even by kill -9: the whole tree is killed at once. Standard output carries one JSON
line when the child started, when the gate opened and at the end.
"""

from __future__ import annotations

import json
import os
import signal
import sys

# Run by its path it finds our modules behind the standard library, of which some have names that ours have too.
sys.path.append(os.path.abspath(os.path.join(__file__, "../../../..")))
from loop.runs.supervisor.supervisor import Supervisor
from loop.system.kernel import adopt_orphans


def main() -> None:
    """Own the tree of the specification in the first line, until it has ended."""
    wake = wake_by_signals()
    adopt_orphans()
    text = b""
    while b"\n" not in text:
        if not (data := os.read(0, 1 << 16)):
            return
        text += data
    line, _, rest = text.partition(b"\n")
    supervisor = Supervisor(json.loads(line), wake, rest)
    supervisor.serve()
    supervisor.finish()


def wake_by_signals() -> int:
    """Return a descriptor from which the number of every signal that means something to us can be read."""
    wake, wake_in = os.pipe()
    os.set_blocking(wake_in, False)
    signal.set_wakeup_fd(wake_in)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return wake


if __name__ == "__main__":
    main()
    os._exit(0)
