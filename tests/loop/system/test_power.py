"""When a Mac falls asleep is read from what `pmset -g` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.system import host, power
from tests.loop import macos

PRINTED = """System-wide power settings:
Currently in use:
 standby              1
 Sleep On Power Button 1
 disksleep            10
 sleep                {sleep}
 displaysleep         2
"""


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (PRINTED.format(sleep="15"), 15),
        (PRINTED.format(sleep="0"), 0),
        (PRINTED.format(sleep="1 (sleep prevented by coreaudiod)"), 1),
        (PRINTED.format(sleep="1 (sleep prevented by powerd, caffeinate)"), 0),
        ("Currently in use:\n disksleep 10\n", None),
        ("", None),
    ],
)
def test_the_idle_minutes_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, printed: str, expected: int | None
) -> None:
    script = f"#!/bin/sh\n[ \"$*\" = -g ] && cat <<'END'\n{printed}END\n"
    monkeypatch.setattr(power, "PMSET", str(macos.fake(tmp_path / "pmset", script)))
    monkeypatch.setattr(host, "MACOS", True)
    assert power.sleeps_after_min() == expected
    monkeypatch.setattr(host, "MACOS", False)
    assert power.sleeps_after_min() is None


def test_a_mac_without_pmset_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(power, "PMSET", str(tmp_path / "none"))
    monkeypatch.setattr(host, "MACOS", True)
    assert power.sleeps_after_min() is None
