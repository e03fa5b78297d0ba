"""How a daemon leaves the process that started it, on every system alike."""

from __future__ import annotations

import subprocess
import sys


def test_a_daemon_forks_before_it_has_a_second_thread() -> None:
    """It executes nothing after its forks. On macOS the child of a process with several threads may be aborted."""
    code = "import os, loop.engine.daemon; print(len(os.listdir('/proc/self/task')))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
