"""What the machine must have: tests of the sandbox need bubblewrap. On a laptop without it they are skipped, and the
summary says so; in CI they run and fail, so that a missing install step cannot hide."""

from __future__ import annotations

import os
import sys

import pytest

from loop.probe import probe
from loop.sandbox import BUBBLEWRAP


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("bubblewrap") is None or probe().kind == BUBBLEWRAP:
        return
    if sys.platform != "linux" or "CI" not in os.environ:
        pytest.skip(f"{probe().reason}; on Linux: apt install bubblewrap")
