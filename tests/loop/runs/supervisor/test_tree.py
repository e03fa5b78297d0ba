"""Nothing of a run outlives its supervisor, whatever it has forked, and whichever of the two dies first."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import loop
from loop.runs import leash
from tests.loop.runs.supervisor.children import alive, marks, run, start, until

# Ways to leave processes behind. Each starts `sleep` under the marker's name, says so in a file, and then `then` runs.
TREES = {
    "fork": "os.fork()",
    "process": "subprocess.Popen([sys.executable, '-c', HOLD, MARK])",
    "own session": "subprocess.Popen([sys.executable, '-c', HOLD, MARK], start_new_session=True)",
    "ignores TERM": "subprocess.Popen([sys.executable, '-c', IGNORE + HOLD, MARK])",
    "double fork": "os.fork() or (os.setsid(), os.fork() and os._exit(0))",
}

SCRIPT = """
import os, signal, subprocess, sys, time
MARK = sys.argv[1]
HOLD = "import sys, time; open(sys.argv[1] + str(__import__('os').getpid()), 'w'); time.sleep(60)"
IGNORE = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
{tree}
open(MARK + str(os.getpid()), 'w')
{then}
"""


@pytest.mark.parametrize("tree", TREES)
async def test_nothing_survives_a_stop_where_there_is_no_cgroup(
    tmp_path: Path, mark: Path, system: str, tree: str
) -> None:
    """On a Mac nobody adopts an orphan in a session of its own: it is known by its environment."""
    supervised = await start(tmp_path, SCRIPT.format(tree=TREES[tree], then="time.sleep(60)"), mark)
    supervised.send("go")
    await until(lambda: marks(mark) >= 2)
    ending = await supervised.stop()
    assert (ending.why, ending.unkillable, alive(mark)) == ("stopped", False, [])


@pytest.mark.parametrize("tree", TREES)
async def test_nothing_survives_a_stop(tmp_path: Path, mark: Path, tree: str) -> None:
    supervised = await start(tmp_path, SCRIPT.format(tree=TREES[tree], then="time.sleep(60)"), mark)
    supervised.send("go")
    await until(lambda: marks(mark) >= 2)
    ending = await supervised.stop()
    assert (ending.why, ending.unkillable, alive(mark)) == ("stopped", False, [])


@pytest.mark.parametrize("tree", TREES)
async def test_nothing_survives_a_run_that_ends_by_itself(tmp_path: Path, mark: Path, system: str, tree: str) -> None:
    then = f"while len([n for n in os.listdir({str(tmp_path)!r}) if n.startswith('mark-')]) < 2: time.sleep(0.01)"
    ending = await run(tmp_path, SCRIPT.format(tree=TREES[tree], then=then + "\nos._exit(7)"), mark)
    assert (ending.why, ending.unkillable, alive(mark)) == (None, False, [])
    assert ending.exit_code == 7 or tree in ("fork", "double fork")


async def test_a_run_that_hangs_is_killed_at_its_limit(tmp_path: Path, mark: Path, system: str) -> None:
    ending = await run(tmp_path, "import time; time.sleep(60)", mark, limit_s=0.2)
    assert (ending.why, ending.exit_code, alive(mark)) == ("timed_out", -signal.SIGTERM, [])
    assert ending.seconds >= 0.2


async def test_a_run_that_ignores_term_is_killed_after_its_grace(tmp_path: Path, mark: Path) -> None:
    ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w'); time.sleep(60)"
    supervised = await start(tmp_path, ignore, mark, gate="channel", limit_s=0.2)
    await until((tmp_path / "deaf").exists)
    supervised.send("go")
    ending = await supervised.ended()
    assert (ending.why, ending.exit_code, alive(mark)) == ("timed_out", -signal.SIGKILL, [])


DAEMON = """
import asyncio, sys
from pathlib import Path
from loop.runs import leash
from loop.runs.leash import Child, supervise
async def main(folder, mark, code):
    leash.SUPERVISOR = Path(sys.argv[4])
    run = await supervise(Child(argv=(sys.executable, "-c", code, mark), folder=folder, environment={},
                                log=folder / "log", lock=folder / "lock"))
    run.send("go")
    await run.ended()
asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
"""


def is_free(lock: Path) -> bool:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@pytest.mark.parametrize("tree", ["own session", "ignores TERM", "double fork"])
async def test_a_daemon_killed_with_9_leaves_neither_training_nor_lease(
    tmp_path: Path, mark: Path, system: str, tree: str
) -> None:
    code = SCRIPT.format(tree=TREES[tree], then="time.sleep(60)")
    words = [sys.executable, "-c", DAEMON, tmp_path, mark, code, leash.SUPERVISOR]
    daemon = subprocess.Popen(words, cwd=Path(loop.__file__).parents[1])
    await until(lambda: marks(mark) >= 2)
    assert not is_free(tmp_path / "lock")
    daemon.kill()
    daemon.wait()
    await until(lambda: is_free(tmp_path / "lock"))
    assert alive(mark) == []


async def test_a_supervisor_killed_with_9_is_outlived_by_no_group_of_its_child(
    tmp_path: Path, mark: Path, system: str
) -> None:
    """Where the kernel does not end the child, the daemon ends its group."""
    supervised = await start(tmp_path, SCRIPT.format(tree="os.fork()", then="time.sleep(60)"), mark)
    supervised.send("go")
    await until(lambda: marks(mark) == 2)
    (supervisor,) = {child.ppid() for child in alive(mark)} - {child.pid for child in alive(mark)}
    psutil.Process(supervisor).kill()
    assert (await supervised.ended()).why == "lost"
    await until(lambda: alive(mark) == [])


@pytest.mark.skipif(sys.platform != "linux", reason="PDEATHSIG is Linux's")
async def test_a_supervisor_killed_with_9_takes_its_child_along(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "killpg", lambda *_: None)  # what the daemon would do besides
    monkeypatch.setattr("loop.runs.leash.make_group", lambda limits: [])
    code = SCRIPT.format(tree="pass", then="time.sleep(60)")
    supervised = await start(tmp_path, code, mark)
    supervised.send("go")
    await until(lambda: marks(mark) == 1)
    psutil.Process(alive(mark)[0].ppid()).kill()
    assert (await supervised.ended()).why == "lost"
    await until(lambda: alive(mark) == [])
