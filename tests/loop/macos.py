"""Stand-ins for macOS on a Linux machine: its `ps`, clock and `sandbox-exec`, a supervisor that thinks it is on a Mac.

The fake `ps` tells of real processes, in the columns that the real one has: right-aligned numbers, minutes and
hundredths of a second, a start of five words. In another locale than C it writes a comma, as the real one does.
Nothing here has run on a Mac.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loop.system import clock, host, processes
from loop.trust import seatbelt

TOP = Path(__file__).parents[2]

PS = """#!{python} -IS
import os, sys, time
TICK = os.sysconf("SC_CLK_TCK")
BOOT = next(int(line.split()[1]) for line in open("/proc/stat") if line.startswith("btime"))
POINT = "." if os.environ.get("LC_ALL") == "C" else ","

def rows():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{{pid}}/stat").read().rpartition(")")[2].split()
            if sys.argv[1:] == ["-axo", "pid=,ppid=,pgid=,rss=,time=,lstart="]:
                minutes, rest = divmod((int(stat[11]) + int(stat[12])) / TICK, 60)
                spent = f"{{int(minutes):3}}:{{rest:05.2f}}".replace(".", POINT)
                start = time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(BOOT + int(stat[19]) / TICK))
                yield f"{{pid:>5}} {{stat[1]:>5}} {{stat[2]:>5}} {{int(stat[21]) * 4:>6}} {{spent:>9}} {{start:<28}}"
            elif sys.argv[1:] == ["-axEww", "-o", "pid=,command="]:
                words = open(f"/proc/{{pid}}/cmdline").read() + open(f"/proc/{{pid}}/environ").read()
                yield f"{{pid:>5}} {{words}}".replace("\\0", " ").replace("\\n", " ")
            else:
                sys.exit("ps: illegal option")
        except OSError:
            continue

print("\\n".join(rows()))
"""

SANDBOX_EXEC = """#!{python} -P
import sys
sys.path.append({top!r})
from tests.loop.trust.sandbox_exec import main
main()
"""

SUPERVISOR = """
import os, sys, time
sys.path.append({top!r})
from loop.system import clock, host, processes
host.LINUX, host.MACOS, processes.PS = False, True, {ps!r}
clock.UPTIME_RAW = time.CLOCK_MONOTONIC_RAW
from loop.runs.supervisor.__main__ import main
main()
os._exit(0)
"""


def fake(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def fake_ps(folder: Path) -> str:
    return str(fake(folder / "ps of macOS", PS.format(python=sys.executable)))


def fake_sandbox_exec(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str = SANDBOX_EXEC) -> Path:
    """Put a stand-in for `sandbox-exec` in place; the one that is given by default enforces what it is told."""
    program = fake(folder / "sandbox-exec", text.format(python=sys.executable, top=str(TOP)))
    monkeypatch.setattr(seatbelt, "PROGRAM", str(program))
    return program


def pretend(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make this process, and the supervisors that it starts, take the machine to be a Mac."""
    ps = fake_ps(folder)
    monkeypatch.setattr(host, "LINUX", False)
    monkeypatch.setattr(host, "MACOS", True)
    monkeypatch.setattr(processes, "PS", ps)
    monkeypatch.setattr(processes, "_last", (-1e9, []))
    monkeypatch.setattr(clock, "UPTIME_RAW", 4)  # CLOCK_MONOTONIC_RAW of Linux: a machine that never slept
    supervisor = fake(folder / "supervisor of macOS.py", SUPERVISOR.format(top=str(TOP), ps=ps))
    monkeypatch.setattr("loop.runs.leash.SUPERVISOR", supervisor)
