"""The CPU seconds of a tree are those of all its processes, also of those that nobody collects."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.runs.supervisor.meter import Meter
from tests.loop.runs.supervisor.children import CHANNEL, CLOCK, run

BURN = "import time\ndef burn(s):\n    end = time.process_time() + s\n    while time.process_time() < end: pass\n"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("burn(0.6)", id="itself"),
        pytest.param(
            "import threading; t = threading.Thread(target=burn, args=(0.6,)); t.start(); t.join()", id="thread"
        ),
        pytest.param("import os\nif os.fork() == 0: burn(0.6); os._exit(0)\nos.wait()", id="child"),
        pytest.param("import os\nif os.fork() == 0: burn(0.6); os.kill(os.getppid(), 9)\ntime.sleep(60)", id="killer"),
        pytest.param(
            "import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
            "if os.fork() == 0: burn(1.5); os._exit(0)\n"
            "try: os.wait()\nexcept OSError: pass",
            id="child that nobody collects",
        ),
    ],
)
async def test_the_cpu_time_of_the_whole_tree_is_told(tmp_path: Path, system: str, code: str) -> None:
    ending = await run(tmp_path, BURN + code)
    assert ending.cpu_s >= 0.55 and ending.setup_cpu_s == ending.cpu_s  # a table of processes is cut to hundredths


async def test_cpu_time_before_the_clock_is_told_apart(tmp_path: Path, system: str) -> None:
    ending = await run(tmp_path, BURN + CHANNEL + "burn(0.5)\n" + CLOCK + "burn(0.3)", gate="channel")
    assert ending.setup_cpu_s >= 0.45 and ending.cpu_s - ending.setup_cpu_s >= 0.25


def test_a_cgroup_is_believed_where_it_counted_more(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("usage_usec 7000000000\nuser_usec 1\n")
    assert Meter([str(tmp_path)]).read() == 7000
    (tmp_path / "cpu.stat").unlink()
    (tmp_path / "cpuacct.usage").write_text("9000000000000\n")
    assert Meter([str(tmp_path)]).read() == 9000
    assert Meter([]).read() < 7000
