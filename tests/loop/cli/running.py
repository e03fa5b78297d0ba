"""The command, run as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "loop", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
