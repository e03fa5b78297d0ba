"""What the machine must have: tests of the sandbox need bubblewrap. On a laptop without it they are skipped, and the
summary says so; in CI they run and fail, so that a missing install step cannot hide."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import settings

from loop.sandbox import BUBBLEWRAP, probe

# In CI the same cases each time: a case that was found elsewhere is no fault of the change under test.
settings.register_profile("ci", derandomize=True, deadline=None)
if "CI" in os.environ:
    settings.load_profile("ci")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("bubblewrap") is None or probe().kind == BUBBLEWRAP:
        return
    if sys.platform != "linux" or "CI" not in os.environ:
        pytest.skip(f"{probe().reason}; on Linux: apt install bubblewrap")
