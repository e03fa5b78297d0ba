"""A run takes no more disk than it was given, and none continues where the machine cannot carry it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from loop.runs.supervisor import watch
from loop.runs.supervisor.meter import Meter
from loop.runs.supervisor.watch import Watch
from loop.runs.supervisor.wire import Why
from loop.trust.bounds import Bounds
from tests.loop.runs.supervisor.children import run, specification


@pytest.mark.parametrize("files", ["one", "many"])
async def test_a_run_that_fills_the_disk_is_ended(tmp_path: Path, files: str) -> None:
    count = 1 if files == "one" else 10**9
    code = f"import itertools\nfor n in itertools.count():\n open(str(n % {count}), 'ab').write(b'x' * 500_000)"
    ending = await run(tmp_path, code, disk_limit=4_000_000, watch=(tmp_path,))
    assert ending.why == "disk" or "File too large" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        pytest.param("free_space", lambda path: 1000, Why.FULL, id="the disk is full"),
        pytest.param("folder_size", lambda path: 10**9, Why.DISK, id="the run wrote too much"),
        pytest.param("asleep", lambda: 1e9, Why.SUSPENDED, id="the machine slept"),
    ],
)
def test_a_look_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, why: Why
) -> None:
    spec = specification(tmp_path, watch=(tmp_path,), disk_limit=10**6, limit_s=9.0)
    watched = Watch(spec, Bounds([], None, None), Meter([]))
    watched.opened = time.monotonic()
    assert watched.look() is None
    watched.next_look = 0.0
    monkeypatch.setattr(watch, name, value)
    assert watched.look() is why


@pytest.mark.parametrize(("linux", "least_s"), [(True, watch.TICK_S), (False, watch.SLOW_TICK_S)])
def test_a_look_that_starts_a_ps_is_taken_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linux: bool, least_s: float
) -> None:
    monkeypatch.setattr(watch.host, "LINUX", linux)
    monkeypatch.setattr(watch.time, "monotonic", lambda: 1e9)  # nothing takes any time
    watched = Watch(specification(tmp_path), Bounds([], None, None), Meter([]))
    watched.look()
    assert watched.next_look == 1e9 + least_s
