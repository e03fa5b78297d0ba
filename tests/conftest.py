"""What the machine must have: tests of the sandbox need bubblewrap, those marked `needs` a package.

On a laptop without it they are skipped, and the summary says so; in CI they run and fail, so that a missing install
step cannot hide.

At the end it says what the attacks and the honest canvases came to."""

from __future__ import annotations

import os
import sys
from collections import Counter

import pytest
from hypothesis import settings

from loop.trust.probe import probe
from loop.trust.sandbox import BUBBLEWRAP

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        if "CI" not in os.environ:
            pytest.importorskip(marker.args[0])
    if item.get_closest_marker("bubblewrap") is None or probe().kind == BUBBLEWRAP:
        return
    if sys.platform != "linux" or "CI" not in os.environ:
        pytest.skip(f"{probe().reason}; on Linux: apt install bubblewrap")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many attacks were tried and won, and how many honest canvases were tried and refused."""
    reports = [r for found in terminalreporter.stats.values() for r in found if isinstance(r, pytest.TestReport)]
    counts = Counter(said for report in reports if report.when == "call" for said in report.user_properties)
    for kind, bad, good in (("attack", "won", "stopped"), ("honest", "refused", "scored")):
        tried = counts[kind, bad] + counts[kind, good]
        if tried:
            name = {"attack": "attacks", "honest": "honest canvases"}[kind]
            terminalreporter.write_line(f"{name}: {tried} tried, {counts[kind, bad]} {bad}")
