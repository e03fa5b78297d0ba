"""The table of processes is the same whether /proc tells it or the `ps` of macOS, and `ps` itself is not in it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loop.system import host, processes
from loop.system.processes import Process, descendants, seconds, table
from tests.loop import macos

# As macOS prints it for `ps -axo pid=,ppid=,pgid=,rss=,time=,lstart=`, with a row that has no number in a column, and
# numbers of processes that none has here: the `ps` that prints it is left out.
PRINTED = """\
    1     0     1  23696  75:02.10 Sat Nov 28 07:02:11 2026    
  9999612     1   9999612   6144   0:00.04 Mon Nov 30 09:14:33 2026    
 9999111   9999612   9999612 524288   3:07.95 Mon Nov 30 09:15:00 2026    
 9999112   9999612   9999612      -         - Mon Nov 30 09:15:01 2026    
"""


def said(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Let a shell script be the `ps` of a Mac."""
    macos.pretend(monkeypatch, folder)
    monkeypatch.setattr(processes, "PS", str(macos.fake(folder / "ps", f"#!/bin/sh\n{script}\n")))


def test_what_ps_prints_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said(monkeypatch, tmp_path, f'[ "$LC_ALL" = C ] && cat <<END\n{PRINTED}END')
    rows = [[getattr(row, name) for name in Process.__slots__] for row in table()]
    names = ("pid", "parent", "group", "memory", "cpu_s", "start", "waited_s")
    expected = [
        (1, 0, 1, 23696 << 10, 4502.1, "Sat Nov 28 07:02:11 2026", 0.0),
        (9999612, 1, 9999612, 6144 << 10, 0.04, "Mon Nov 30 09:14:33 2026", 0.0),
        (9999111, 9999612, 9999612, 524288 << 10, 187.95, "Mon Nov 30 09:15:00 2026", 0.0),
    ]
    assert rows == [[dict(zip(names, row, strict=True))[name] for name in Process.__slots__] for row in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0:01.53", 1.53), ("75:02.10", 4502.1), ("1:02:03", 3723.0), ("2-01:00:00", 176_400.0)],
)
def test_a_time_of_ps_is_read(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("system", ["linux", "macos"])
def test_a_child_and_its_child_are_found_with_what_they_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str
) -> None:
    if system == "macos":
        macos.pretend(monkeypatch, tmp_path)
    others = descendants(table())  # of other tests
    code = (
        "import os, time\nif os.fork():\n os.wait()\n"
        "while time.process_time() < 0.3: pass\nprint(os.getpid(), flush=True); input()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    inner = int(child.stdout.readline())
    rows = {row.pid: row for row in table()}
    child.communicate()
    family = descendants(rows.values())
    assert {child.pid, inner} <= family and os.getpid() not in family
    assert (rows[inner].parent, rows[inner].group) == (child.pid, os.getpgid(0))
    assert 0.25 < rows[inner].cpu_s < 5 and rows[inner].start
    assert rows[inner].memory > 1 << 20 or system == "linux"
    assert system == "linux" or family - others == {child.pid, inner}, "ps is not among our children"


def test_what_ps_costs_is_no_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said(monkeypatch, tmp_path, "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done")
    before, started = processes.collected_cpu_s(), os.times().children_user
    table()
    assert os.times().children_user - started > 0.01, "it did cost something"
    assert processes.collected_cpu_s() - before == pytest.approx(0, abs=1e-3)


def test_one_ps_serves_those_who_ask_within_a_moment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said(monkeypatch, tmp_path, f"echo >>'{tmp_path}/asked'")
    asked = tmp_path / "asked"
    table()
    table(age_s=60.0)
    assert asked.read_text().count("\n") == 1
    table()
    assert asked.read_text().count("\n") == 2, "who does not say so is told anew"
    monkeypatch.setattr(time, "monotonic", lambda: 1e12)
    table(age_s=60.0)
    assert asked.read_text().count("\n") == 3


def test_a_machine_without_ps_has_an_empty_table_and_no_descriptor_is_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    macos.pretend(monkeypatch, tmp_path)
    monkeypatch.setattr(processes, "PS", str(tmp_path / "none"))
    before = sorted(os.listdir("/proc/self/fd"))
    assert table() == [] and processes.marked("x") == set()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_the_largest_memory_of_a_child_is_told_in_one_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux counts KiB, macOS bytes."""
    usage = type("Usage", (), {"ru_maxrss": 3 << 20})
    monkeypatch.setattr(processes.resource, "getrusage", lambda who: usage)
    for mac, expected in ((False, 3072.0), (True, 3.0)):
        monkeypatch.setattr(host, "MACOS", mac)
        assert processes.max_rss_mb() == expected
