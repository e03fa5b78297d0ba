"""What the machine must have: tests of the sandbox need bubblewrap, those marked `needs` a package.

On a laptop without it they are skipped, and the summary says why; in CI they fail, so that a missing install step
cannot hide.

At the end it says what the attacks and the honest canvases came to."""

from __future__ import annotations

import os
import sys
from collections import Counter
from importlib.util import find_spec

import pytest
from hypothesis import settings

from loop.system.packages import no_mlx
from loop.trust.probe import probe
from loop.trust.sandbox import BUBBLEWRAP

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        if why := lacking(marker.args[0]):
            refuse = pytest.fail if "CI" in os.environ else pytest.skip
            refuse(why)
    if item.get_closest_marker("bubblewrap") is None or probe().kind == BUBBLEWRAP:
        return
    if sys.platform != "linux" or "CI" not in os.environ:
        pytest.skip(f"{probe().reason}; on Linux: apt install bubblewrap")


def lacking(package: str) -> str:
    """Return why an optional package is missing here, "" where it is not."""
    if find_spec(package):
        return ""
    why = no_mlx() if package == "mlx" else ""
    return f"{package} is not installed; {why or 'make test installs it'}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many attacks were tried and won, and how many honest canvases were tried and refused."""
    reports = [r for found in terminalreporter.stats.values() for r in found if isinstance(r, pytest.TestReport)]
    counts = Counter(said for report in reports if report.when == "call" for said in report.user_properties)
    for kind, bad, good in (("attack", "won", "stopped"), ("honest", "refused", "scored")):
        tried = counts[kind, bad] + counts[kind, good]
        if tried:
            name = {"attack": "attacks", "honest": "honest canvases"}[kind]
            terminalreporter.write_line(f"{name}: {tried} tried, {counts[kind, bad]} {bad}")
