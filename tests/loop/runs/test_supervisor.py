"""Nothing of a run outlives its supervisor, and a run takes no more time, log or disk than it was given."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from loop.runs import supervisor
from loop.runs.leash import Ending, Supervised, supervise

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


async def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something to become true, at most `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.005)


def alive(mark: object) -> list[psutil.Process]:
    """Return the living processes that carry the marker in their arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(mark) in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


async def start(tmp_path: Path, code: str, *args: object, **options: object) -> Supervised:
    """Start Python code under a supervisor; it begins at `go`."""
    settings = {"environment": {"PATH": os.environ["PATH"]}, "gate": None, "limit_s": 120.0, **options}
    argv = (sys.executable, "-S", "-c", code, *map(str, args))
    return await supervise(argv, folder=tmp_path, log=tmp_path / "log", **settings)  # type: ignore[arg-type]


async def run(tmp_path: Path, code: str, *args: object, **options: object) -> Ending:
    supervised = await start(tmp_path, code, *args, **options)
    supervised.send("go")
    return await supervised.ended()


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A path that no other process has in its arguments."""
    return tmp_path / f"mark-{uuid.uuid4().hex}-"


def marks(mark: Path) -> int:
    return len(list(mark.parent.glob(mark.name + "*")))


@pytest.mark.parametrize("tree", TREES)
async def test_nothing_survives_a_stop(tmp_path: Path, mark: Path, tree: str) -> None:
    supervised = await start(tmp_path, SCRIPT.format(tree=TREES[tree], then="time.sleep(60)"), mark)
    supervised.send("go")
    await until(lambda: marks(mark) >= 2)
    ending = await supervised.stop()
    assert (ending.why, ending.unkillable, alive(mark)) == ("stopped", False, [])


@pytest.mark.parametrize("tree", TREES)
async def test_nothing_survives_a_run_that_ends_by_itself(tmp_path: Path, mark: Path, tree: str) -> None:
    then = f"while len([n for n in os.listdir({str(tmp_path)!r}) if n.startswith('mark-')]) < 2: time.sleep(0.01)"
    ending = await run(tmp_path, SCRIPT.format(tree=TREES[tree], then=then + "\nos._exit(7)"), mark)
    assert (ending.why, ending.unkillable, alive(mark)) == ("", False, [])
    assert ending.exit_code == 7 or tree in ("fork", "double fork")


async def test_a_run_that_hangs_is_killed_at_its_limit(tmp_path: Path, mark: Path) -> None:
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
from loop.runs.leash import supervise
async def main(folder, mark, code):
    run = await supervise((sys.executable, "-c", code, mark), folder=folder, environment={}, log=folder / "log",
                          gate=None, lock=folder / "lock")
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
async def test_a_daemon_killed_with_9_leaves_neither_training_nor_lease(tmp_path: Path, mark: Path, tree: str) -> None:
    code = SCRIPT.format(tree=TREES[tree], then="time.sleep(60)")
    daemon = subprocess.Popen(
        [sys.executable, "-c", DAEMON, tmp_path, mark, code], cwd=Path(supervisor.__file__).parents[2]
    )
    await until(lambda: marks(mark) >= 2)
    assert not is_free(tmp_path / "lock")
    daemon.kill()
    daemon.wait()
    await until(lambda: is_free(tmp_path / "lock"))
    assert alive(mark) == []


@pytest.mark.skipif(sys.platform != "linux", reason="PDEATHSIG is Linux's")
async def test_a_supervisor_killed_with_9_takes_its_child_along(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "killpg", lambda *_: None)  # what the daemon would do besides
    code = SCRIPT.format(tree="pass", then="time.sleep(60)")
    supervised = await start(tmp_path, code, mark)
    supervised.send("go")
    await until(lambda: marks(mark) == 1)
    psutil.Process(alive(mark)[0].ppid()).kill()
    assert (await supervised.ended()).why == "lost"
    await until(lambda: alive(mark) == [])


async def test_the_gate_holds_a_started_run_until_go(tmp_path: Path) -> None:
    code = "import os; open('ready', 'w'); os.read(int(os.environ['AUTORESEARCH_GATE_FD']), 1); open('past', 'w')"
    supervised = await start(tmp_path, code, gate="channel")
    await until((tmp_path / "ready").exists)
    assert not (tmp_path / "past").exists()
    supervised.send("go")
    ending = await supervised.ended()
    assert (tmp_path / "past").exists() and ending.opened and ending.exit_code == 0


async def test_a_gated_run_that_fails_before_its_turn_is_told_at_once(tmp_path: Path) -> None:
    ending = await (await start(tmp_path, "raise SystemExit(3)", gate="channel")).ended()
    assert (ending.exit_code, ending.opened, ending.seconds) == (3, False, 0.0)


async def test_a_run_without_a_gate_starts_at_go(tmp_path: Path) -> None:
    supervised = await start(tmp_path, "open('past', 'w')")
    await until((tmp_path / "log").exists)  # the supervisor is up
    assert not (tmp_path / "past").exists()
    supervised.send("go")
    assert (await supervised.ended()).exit_code == 0 and (tmp_path / "past").exists()


async def test_one_run_at_a_time_holds_the_lease(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    hold = "import os, time\nopen('on', 'w')\nwhile not os.path.exists('end'): time.sleep(0.01)"
    first = await start(tmp_path / "a", hold, lock=tmp_path / "lock")
    first.send("go")
    await until((tmp_path / "a/on").exists)
    second = await start(tmp_path / "b", "open('on', 'w')", lock=tmp_path / "lock")
    second.send("go")
    with pytest.raises(AssertionError, match="in vain"):
        await until((tmp_path / "b/on").exists, 0.4)
    (tmp_path / "a/end").touch()
    assert (await first.ended()).exit_code == (await second.ended()).exit_code == 0
    assert (tmp_path / "b/on").exists()


async def test_gigabytes_of_output_keep_their_head_and_tail(tmp_path: Path) -> None:
    code = "print('first'); [print('x' * 100_000) for _ in range(500)]; print('last')"
    ending = await run(tmp_path, code, log_limit=1 << 20)
    log = (tmp_path / "log").read_bytes()
    assert ending.exit_code == 0 and len(log) <= 1 << 20
    assert log.startswith(b"first\n") and log.endswith(b"last\n") and b"bytes of output dropped" in log


async def test_output_is_read_to_the_end(tmp_path: Path) -> None:
    await run(tmp_path, "import os, sys; os.write(2, b'error'); os.write(1, b'out' * 20_000)")
    assert (tmp_path / "log").read_text() == "error" + "out" * 20_000


@pytest.mark.parametrize("files", ["one", "many"])
async def test_a_run_that_fills_the_disk_is_ended(tmp_path: Path, files: str) -> None:
    count = 1 if files == "one" else 10**9
    code = f"import itertools\nfor n in itertools.count():\n open(str(n % {count}), 'ab').write(b'x' * 500_000)"
    ending = await run(tmp_path, code, disk_limit=4_000_000, watch=(tmp_path,))
    assert ending.why == "disk" or "File too large" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        pytest.param("free_space", lambda path: 1000, "full", id="the disk is full"),
        pytest.param("folder_size", lambda path: 10**9, "disk", id="the run wrote too much"),
        pytest.param("asleep", lambda: 1e9, "suspended", id="the machine slept"),
    ],
)
def test_a_look_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, why: str
) -> None:
    spec = {"log": str(tmp_path / "log"), "log_limit": 0, "watch": [str(tmp_path)], "disk_limit": 10**6, "limit_s": 9}
    spec |= {"cgroup": [], "memory": None, "processes": None}
    watched = supervisor.Supervisor(spec, -1, b"")
    watched.opened = time.monotonic()
    watched.look()
    assert watched.why == ""
    watched.next_look = 0.0
    monkeypatch.setattr(supervisor, name, value)
    watched.look()
    assert watched.why == why


async def test_a_reply_goes_to_the_report_and_not_to_the_log(tmp_path: Path) -> None:
    code = "import sys; line = input(); print('answer to', line); print('said', file=sys.stderr)"
    ending = await run(tmp_path, code, gate="stdin", reply=True)
    assert (ending.reply, (tmp_path / "log").read_text()) == ("answer to go\n", "said\n")


async def test_a_command_that_does_not_exist_is_told_in_the_log(tmp_path: Path) -> None:
    options = {"folder": tmp_path, "environment": {}, "log": tmp_path / "log", "gate": None}
    supervised = await supervise(("/no/such/python",), **options)  # type: ignore[arg-type]
    supervised.send("go")
    assert (await supervised.ended()).exit_code == 127
    assert "cannot start /no/such/python" in (tmp_path / "log").read_text()


async def test_the_report_tells_time_and_memory(tmp_path: Path) -> None:
    ending = await run(tmp_path, "import time; x = b'x' * 100_000_000; time.sleep(0.1)")
    assert ending.seconds >= 0.1
    assert 95 < ending.max_rss_mb < 300


async def test_the_folders_of_home_and_tmpdir_are_gone_afterwards(tmp_path: Path) -> None:
    (tmp_path / "keep").touch()
    code = "import os; h = os.environ['HOME']; os.makedirs(h + '/a/b'); os.symlink('../keep', h + '/link')"
    environment = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    ending = await run(tmp_path, code, environment=environment)
    assert ending.exit_code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["keep", "log"]


CHANNEL = "import os, socket, time; s = socket.socket(fileno=int(os.environ['AUTORESEARCH_GATE_FD'])); s.recv(9)\n"
CLOCK = "s.sendall(b'clock\\n'); answer = s.recv(64)\n"
ASK = """
import array
def ask(*numbers):
    s.sendall(b'rows %d\\n' % len(numbers) + array.array('I', numbers).tobytes())
def take(size):
    data = b''
    while len(data) < size and (part := s.recv(size - len(data))):
        data += part
    return data
"""


async def test_rows_are_served_while_the_clock_runs_and_not_before(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"aabbccdd")
    options = {"gate": "channel", "data": tmp_path / "rows", "row_bytes": 2}
    ending = await run(tmp_path, CHANNEL + ASK + "ask(0); print(take(2))", **options)
    assert ((tmp_path / "log").read_text(), ending.rows) == ("b''\n", 0)
    late = "ask(2, 0); ask(3); print(answer.split()[:2], take(6), flush=True)\ns.sendall(b'submit\\n'); s.recv(9)"
    ending = await run(tmp_path, CHANNEL + CLOCK + ASK + late, **options)
    assert (tmp_path / "log").read_text() == "[b'go', b'8'] b'ccaadd'\n"
    assert (ending.rows, ending.why) == (3, "submitted")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
async def test_a_run_has_no_descriptor_of_the_rows(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"aabbccdd")
    look = "fds = '/proc/self/fd/'; print([n for n in os.listdir(fds) if os.path.realpath(fds + n).endswith('rows')])"
    await run(
        tmp_path,
        CHANNEL + CLOCK + ASK + f"ask(1); take(2); {look}",
        gate="channel",
        data=tmp_path / "rows",
        row_bytes=2,
    )
    assert (tmp_path / "log").read_text() == "[]\n"


async def test_more_rows_than_the_budget_buys_end_the_run(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(bytes(2000))
    code = CHANNEL + CLOCK + ASK + "for n in range(1000):\n    ask(n)\n    if not take(2): time.sleep(60)"
    ending = await run(tmp_path, code, gate="channel", data=tmp_path / "rows", row_bytes=2, most_rows=100)
    assert (ending.why, ending.rows) == ("greedy", 356)
    ending = await run(tmp_path, code, gate="channel", data=tmp_path / "rows", row_bytes=2, most_rows=None)
    assert (ending.why, ending.rows) == ("", 1000)


@pytest.mark.parametrize(
    "asked",
    ["ask(4)", "ask()", *(f"s.sendall(b'rows {count}\\n')" for count in ("99999", "0", "-1", "x", ""))],
)
async def test_rows_that_there_are_not_end_the_channel(tmp_path: Path, asked: str) -> None:
    (tmp_path / "rows").write_bytes(bytes(8))
    code = CHANNEL + CLOCK + ASK + asked + "; print(take(1))"
    ending = await run(tmp_path, code, gate="channel", data=tmp_path / "rows", row_bytes=2)
    assert ((tmp_path / "log").read_text(), ending.rows) == ("b''\n", 0)


async def test_a_run_that_does_not_read_its_rows_holds_nothing_up(tmp_path: Path) -> None:
    """Its time limit holds, its submission is heard, and it gets all it asked for when it reads at last."""
    (tmp_path / "rows").write_bytes(bytes(1 << 22))
    deaf = CHANNEL + CLOCK + ASK + "ask(*range(40000))\n"
    options = {"gate": "channel", "data": tmp_path / "rows", "row_bytes": 64}
    ending = await run(tmp_path, deaf + "s.sendall(b'submit\\n'); time.sleep(60)", **options)
    assert (ending.why, ending.rows) == ("submitted", 40000)
    flood = "while True: ask(*range(40000))"
    assert (await run(tmp_path, deaf + flood, limit_s=0.5, **options)).why == "timed_out"
    await run(tmp_path, deaf + "print(len(take(64 * 40000)))", **options)
    assert (tmp_path / "log").read_text() == "2560000\n"


async def test_what_is_written_after_the_submission_does_not_count(tmp_path: Path, mark: Path) -> None:
    child = "import os, sys, time; open(sys.argv[1] + '1', 'w'); time.sleep(60)"
    code = (
        CHANNEL
        + CLOCK
        + (
            f"import subprocess, sys\nchild = [sys.executable, '-c', {child!r}, sys.argv[1]]\n"
            "subprocess.Popen(child, start_new_session=True)\n"
            "while not os.path.exists(sys.argv[1] + '1'): time.sleep(0.001)\n"
            "print('done', flush=True); s.sendall(b'submit\\n'); s.recv(9); open('late', 'w')"
        )
    )
    ending = await run(tmp_path, code, mark, gate="channel")
    assert (ending.why, ending.unkillable, alive(mark)) == ("submitted", False, [])
    assert (tmp_path / "log").read_text() == "done\n" and not (tmp_path / "late").exists()


@pytest.mark.parametrize("words", ["clock\\nclock\\n", "submit\\n", "x" * 100, "\\n", "clock\\nsubmit\\nsubmit\\n"])
async def test_a_run_that_says_something_else_is_heard_no_more(tmp_path: Path, words: str) -> None:
    code = CHANNEL + f"s.sendall(b'{words}')\nwhile s.recv(9): pass"
    assert (await run(tmp_path, code, gate="channel", limit_s=60.0)).why in ("", "submitted")


async def test_a_run_that_does_not_submit_in_time_is_late(tmp_path: Path) -> None:
    ending = await run(tmp_path, CHANNEL + CLOCK + "time.sleep(60)", gate="channel", clock_s=0.2)
    assert ending.why == "late" and ending.clock_s is not None and ending.clock_s >= 0.2


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
            marks=pytest.mark.skipif(sys.platform != "linux", reason="/proc"),
        ),
    ],
)
async def test_the_cpu_time_of_the_whole_tree_is_told(tmp_path: Path, code: str) -> None:
    ending = await run(tmp_path, BURN + code)
    assert ending.cpu_s >= 0.6 and ending.setup_cpu_s == ending.cpu_s


async def test_cpu_time_before_the_clock_is_told_apart(tmp_path: Path) -> None:
    ending = await run(tmp_path, BURN + CHANNEL + "burn(0.5)\n" + CLOCK + "burn(0.3)", gate="channel")
    assert ending.setup_cpu_s >= 0.45 and ending.cpu_s - ending.setup_cpu_s >= 0.25


def test_a_cgroup_is_believed_where_it_counted_more(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("usage_usec 7000000000\nuser_usec 1\n")
    assert supervisor.Meter([str(tmp_path)]).read() == 7000
    (tmp_path / "cpu.stat").unlink()
    (tmp_path / "cpuacct.usage").write_text("9000000000000\n")
    assert supervisor.Meter([str(tmp_path)]).read() == 9000
    assert supervisor.Meter([]).read() < 7000
