"""The time that a machine slept is the difference of two clocks, which have other names on each system."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from loop.system import clock, host


@pytest.mark.parametrize(
    ("linux", "mac", "expected"),
    [
        pytest.param(True, False, 100.0, id="Linux"),
        pytest.param(False, True, 3600.0, id="macOS"),
        pytest.param(False, False, 0.0, id="another system does not tell"),
    ],
)
def test_the_seconds_asleep_are_told(monkeypatch: pytest.MonkeyPatch, linux: bool, mac: bool, expected: float) -> None:
    """macOS's CLOCK_MONOTONIC follows the wall clock, and time.monotonic() is whatever Python makes of it: neither."""
    shown = {"BOOTTIME": 1100.0, "MONOTONIC": 1000.0, "MONOTONIC_RAW": 9600.0, "UPTIME_RAW": 6000.0}
    clocks = SimpleNamespace(
        clock_gettime=shown.__getitem__, monotonic=lambda: 0.0, **{f"CLOCK_{name}": name for name in shown}
    )
    monkeypatch.setattr(clock, "time", clocks)
    monkeypatch.setattr(clock, "UPTIME_RAW", "UPTIME_RAW")
    monkeypatch.setattr(host, "LINUX", linux)
    monkeypatch.setattr(host, "MACOS", mac)
    assert clock.asleep() == expected


def test_this_machine_has_not_slept_for_less_than_nothing() -> None:
    assert hasattr(time, "CLOCK_BOOTTIME") and clock.asleep() > -1e-3
