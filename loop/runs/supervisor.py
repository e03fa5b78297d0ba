"""Own one process tree: start it, open its gate, bound its time, log and disk, and leave nothing of it behind.

A program of its own, run as `python -I -S supervisor.py`: standard library only, imports of ours only bounds.py and
clearing.py, which import nothing; knows no score. Standard input is its lifeline. First line: the specification (JSON,
see Supervisor). Later lines: `go`, `stop`. End of file means that the daemon died, even by kill -9: the whole tree is
killed at once. Standard output carries one JSON line when the child started, when the gate opened and at the end.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import math
import os
import resource
import select
import signal
import sys
import time

# Spelt out, because importing `typing` takes as long as half of what is needed here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

# Run as a program it finds our modules behind the standard library, of which some have names that ours have too.
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from loop.record import clearing  # noqa: E402
from loop.trust import bounds  # noqa: E402

LINUX = sys.platform == "linux"
TICK_S = 0.25  # how often disk and clocks are looked at
GRACE_S = 0.5  # between TERM and KILL at the deadline
GIVE_UP_S = 10.0  # a process in uninterruptible sleep (a hung GPU driver) cannot be killed at all
FREE_DISK = 256 << 20  # bytes that a run must leave free where it writes
REPLY_LIMIT = 1 << 20  # bytes
WORD_LIMIT = 64  # bytes of a line that a run says to us
MOST_ROWS = 1 << 16  # of one request
AHEAD = 1 << 18  # bytes of an answer that we hold ready; the rest is read when it is taken
SLACK_ROWS, SLACK = 256, 4  # what a last step may go beyond the rows that a budget buys: so many, or a quarter of them
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


class Supervisor:
    """The one child and its tree. Keys of the specification:

    argv, folder, environment, rlimits; limit_s (null: none); lock: the lease (null: none); gate: "channel" (a socket
    named by AUTORESEARCH_GATE_FD), "stdin", or null (the child starts at `go`); log, log_limit; reply: standard output
    goes into the final line instead of the log; echo: what is printed is repeated live; watch, disk_limit: folders and
    the bytes each may grow by; scratch: folders removed at the end. Of a run that has a channel: data: the file of the
    rows that it is served while its clock runs (null: none), row_bytes, most_rows: how many its budget buys (null:
    any); clock_s: wall seconds from the start of its clock to its submission (null: any). cgroup, memory, processes:
    see bounds.py.

    On the channel we say `go`. The run says `clock` when its budget starts, which is answered with `go` and
    the size and time of the file; `rows N` and
    N row numbers of four bytes, which is answered with the rows; and `submit`. With that it is over at once: what it
    writes later changes nothing.
    """

    def __init__(self, spec: dict[str, Any], wake: int, pending: bytes) -> None:
        self.spec, self.wake, self.pending = spec, wake, pending
        self.child = 0
        self.status: int | None = None
        self.why = ""  # why we ended it; leash.py has the words
        self.wants_go = False
        self.opened: float | None = None
        self.ended: float | None = None
        self.gate = self.lock = self.reply_pipe = -1
        self.channel: socket.socket | None = None
        self.said = b""
        self.data = -1  # the file of the rows
        self.rows = 0  # in it
        self.asked: list[int] = []  # rows that are not read yet, the first one last
        self.answer = b""  # what is not sent yet
        self.served = 0  # rows, in all
        self.marks: dict[str, tuple[float, float]] = {}  # word: our wall clock and the tree's CPU seconds
        self.cpu = Meter(spec.get("cgroup") or [])
        self.pipes: set[int] = set()
        self.reply = bytearray()
        self.bounds = bounds.Bounds(spec["cgroup"], spec["memory"], spec["processes"])
        clearing.clear(spec["log"])
        self.log = os.open(spec["log"], os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        self.log_limit = max(spec["log_limit"], 1 << 20)
        self.log_size = self.log_dropped = 0
        self.sizes = {path: folder_size(path) for path in spec["watch"]}
        self.asleep, self.oom_kills, self.next_look = asleep(), oom_kills(), 0.0

    def start(self) -> None:
        """Fork and execute the child in a session of its own; a failure to execute is told in the log."""
        spec = self.spec
        log, log_in = os.pipe()
        self.reply_pipe, reply_in = os.pipe() if spec["reply"] else (-1, log_in)
        gate, self.gate = self.open_channel() if spec["gate"] == "channel" else os.pipe() if spec["gate"] else (-1, -1)
        null = os.open(os.devnull, os.O_RDONLY)
        supervisor = os.getpid()
        self.child = os.fork()
        if self.child == 0:
            try:
                os.setsid()
                become_mortal(supervisor)
                self.bounds.join()
                bounds.leave_keyring()
                for name, value in spec["rlimits"].items():
                    kind = getattr(resource, f"RLIMIT_{name}")
                    hard = resource.getrlimit(kind)[1]
                    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
                    resource.setrlimit(kind, (bound, bound))
                # Python ignores these two, and an ignored signal would stay ignored in what we execute.
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                environment = dict(spec["environment"])
                if spec["gate"] == "channel":
                    os.set_inheritable(gate, True)
                    environment["AUTORESEARCH_GATE_FD"] = str(gate)
                for fd, target in (
                    (gate if spec["gate"] == "stdin" else null, 0),
                    (reply_in, 1),
                    (log_in, 2),
                ):
                    os.dup2(fd, target)
                os.chdir(spec["folder"])
                os.execvpe(spec["argv"][0], spec["argv"], environment)
            except BaseException as error:
                os.write(2, f"cannot start {spec['argv'][0]}: {error}\n".encode())
            os._exit(127)
        for fd in {log_in, reply_in, null, gate} - {-1}:
            os.close(fd)
        self.pipes = {log, self.reply_pipe} - {-1}
        tell(event="started", pid=self.child)

    def open_channel(self) -> tuple[int, int]:
        """Return the run's end of a new channel and ours."""
        import socket

        self.channel, theirs = socket.socketpair()
        self.channel.setblocking(False)
        return theirs.detach(), self.channel.fileno()

    def hear(self) -> None:
        """Take in what the run says on its channel."""
        assert self.channel is not None
        try:
            data = self.channel.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.said += data
        if not data or not self.understand():
            self.hang_up()  # it is at its end, or says what no run of ours does

    def hang_up(self) -> None:
        if self.channel is not None:
            self.channel.close()
            self.channel, self.gate = None, -1

    def understand(self) -> bool:
        """Deal with each complete message; False for what is none. A request waits while another one is answered."""
        while not self.why and b"\n" in self.said[:WORD_LIMIT]:
            word, _, rest = self.said.partition(b"\n")
            name, _, count = word.decode(errors="replace").partition(" ")
            if name == "rows" and count.isdecimal() and 0 < int(count) <= MOST_ROWS and self.data >= 0:
                size = 4 * int(count)
                if len(rest) < size or self.asked or self.answer:
                    return True
                self.said = rest[size:]
                if not self.serve_rows(list(memoryview(rest[:size]).cast("I"))):
                    return False
            elif name not in ("clock", "submit") or count or name in self.marks:
                return False
            elif name == "submit" and ("clock" not in self.marks or self.opened is None):
                return False  # it has trained on nothing
            else:
                self.said = rest
                self.take_word(name)
        return len(self.said) < WORD_LIMIT or b"\n" in self.said[:WORD_LIMIT] or bool(self.why)

    def take_word(self, name: str) -> None:
        self.marks[name] = time.monotonic(), self.cpu.read()
        if name == "submit":
            self.why = self.why or "submitted"
        elif name == "clock":
            what = "go"
            if self.spec["data"] and self.opened is not None:
                with contextlib.suppress(OSError):  # the run is told so when it asks for a row
                    self.data = os.open(self.spec["data"], os.O_RDONLY)
                    found = os.fstat(self.data)
                    self.rows = found.st_size // self.spec["row_bytes"]
                    what = f"go {found.st_size} {found.st_mtime_ns}"
            self.answer += what.encode() + b"\n"
            self.send_answer()

    def serve_rows(self, numbers: list[int]) -> bool:
        """Begin to answer a request; False for rows that there are not. Too many end the run."""
        most, after = self.spec["most_rows"], self.served + len(numbers)
        if most is not None and after > most + max(SLACK_ROWS, most // SLACK):
            self.why = "greedy"
            return True
        if max(numbers) >= self.rows:
            return False
        self.served = after
        self.asked = numbers[::-1]
        self.send_answer()
        return True

    def send_answer(self) -> None:
        """Send what the channel takes now of the answer, and read rows as they are taken."""
        size = self.spec["row_bytes"]
        try:
            while self.channel is not None and (self.asked or self.answer):
                while self.asked and len(self.answer) < AHEAD:
                    part = [self.asked.pop() for _ in range(min(len(self.asked), max(1, AHEAD // size)))]
                    self.answer += b"".join(os.pread(self.data, size, number * size) for number in part)
                self.answer = self.answer[self.channel.send(self.answer) :]
        except BlockingIOError:
            pass
        except OSError:
            self.hang_up()

    def open_gate(self) -> None:
        """Take the lease and let the run begin; while a dead daemon's supervisor still holds it, do nothing yet."""
        if self.spec["lock"]:
            self.lock = os.open(self.spec["lock"], os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(self.lock)
                self.lock = -1
                return
        self.wants_go = False
        self.opened = time.monotonic()
        if not self.child:
            self.start()
        else:
            with contextlib.suppress(OSError):  # it closed its end; how it ends will tell
                os.write(self.gate, b"go\n")
        tell(event="opened")

    def pump(self, fd: int) -> bool:
        """Move what the child printed into the log or the reply; False at the end of its output."""
        data = os.read(fd, 1 << 16)
        if not data:
            os.close(fd)
            self.pipes.discard(fd)
        elif fd == self.reply_pipe:
            self.reply += data[: REPLY_LIMIT - len(self.reply)]
        else:
            if self.spec["echo"]:
                tell(event="text", text=data.decode(errors="replace"))
            self.write_log(data)
        return bool(data)

    def write_log(self, data: bytes) -> None:
        """Append to the log. A full log keeps its first half and its last quarter, and says how much lies between."""
        head = self.log_limit // 2
        if self.log_size + len(data) > self.log_limit:
            start = max(head, self.log_size - self.log_limit // 4)
            kept = os.pread(self.log, self.log_limit, start)
            self.log_dropped += start - head
            data = b"\n[... %d bytes of output dropped ...]\n%b%b" % (self.log_dropped, kept, data)
            os.ftruncate(self.log, head)
            self.log_size = head
        try:
            self.log_size += os.pwrite(self.log, data, self.log_size)
        except OSError:
            self.why = self.why or "full"

    @property
    def late(self) -> float:
        """When a run whose clock runs should have submitted long ago."""
        clock_s = self.spec.get("clock_s")
        return math.inf if clock_s is None or "clock" not in self.marks else self.marks["clock"][0] + clock_s

    def look(self) -> None:
        """End the run that is over its time or its disk, or that slept because the machine did."""
        now = time.monotonic()
        limit_s = self.spec["limit_s"]
        if self.opened is not None and limit_s is not None and now - self.opened >= limit_s:
            self.why = "timed_out"
        if now >= self.late:
            self.why = "late"
        if now >= self.next_look:
            self.cpu.read()
            if self.opened is not None and asleep() - self.asleep > 1.0:
                self.why = "suspended"
            self.why = self.why or self.bounds.passed()
            now = time.monotonic()  # what follows is about files; a walk through processes has its own pace
            for path, before in self.sizes.items():
                if folder_size(path) - before > self.spec["disk_limit"]:
                    self.why = "disk"
                elif free_space(path) < FREE_DISK:
                    self.why = "full"
            # A folder of a hundred thousand files is looked at less often.
            self.next_look = time.monotonic() + max(TICK_S, 50 * (time.monotonic() - now))

    def reap(self) -> bool:
        """Collect every process that has ended; False when no child, own or adopted, is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.child:
                self.status, self.ended = status, time.monotonic()

    def wait(self, timeout: float | None) -> None:
        """Wait for a line from the daemon, for output or for a child's end, and deal with the first two."""
        lifeline = [] if self.why else [0]  # once it is ending nothing can change that
        talking = [self.channel.fileno()] if self.channel and not self.why else []
        # What a run says beyond one request waits in the channel until that is answered.
        hearing = talking if len(self.said) < 8 * MOST_ROWS else []
        sending = talking if self.asked or self.answer else []
        ready, taking, _ = select.select([*lifeline, self.wake, *hearing, *self.pipes], sending, [], timeout)
        if self.wake in ready and signal.SIGTERM in os.read(self.wake, 64):
            self.why = self.why or "stopped"
        if 0 in ready:
            data = os.read(0, 4096)
            self.pending += data
            if not data:
                self.why = "stopped"
        *lines, self.pending = self.pending.split(b"\n")
        if b"stop" in lines:
            self.why = "stopped"
        self.wants_go = self.wants_go or (b"go" in lines and self.opened is None)
        for fd in self.pipes.intersection(ready):
            self.pump(fd)
        if taking:
            self.send_answer()
            if not self.asked and not self.answer and not self.understand():
                self.hang_up()
        if self.channel and self.channel.fileno() in ready and not self.why:
            self.hear()

    def serve(self) -> None:
        """Start, listen and watch until the child has ended or there is a reason to end it."""
        if self.spec["gate"]:
            self.start()
        while self.status is None and not self.why:
            timeout = 0.01 if self.wants_go else None
            if self.child and not self.wants_go:
                until = [self.next_look, self.late]
                if self.opened is not None and self.spec["limit_s"] is not None:
                    until.append(self.opened + self.spec["limit_s"])
                timeout = max(0.0, min(until) - time.monotonic())
            self.wait(0.0 if b"\n" in self.pending else timeout)
            if self.wants_go and not self.why:
                self.open_gate()
            if self.child:
                self.reap()
                if self.status is None and not self.why:
                    self.look()

    def finish(self) -> None:
        """Kill what is left of the tree, collect the rest of its output, give the lease back, report, clean up."""
        self.ended = self.ended or time.monotonic()
        ended = self.ended
        if self.channel and not self.why:
            self.hear()  # it may have ended with its last word
        self.cpu.read()
        if self.status and not self.why and self.bounds.folders:  # it failed before the next look
            self.why = self.bounds.passed()
        if self.why == "timed_out":
            self.signal_tree(signal.SIGTERM)
            while self.reap() and time.monotonic() < ended + GRACE_S:
                self.wait(0.02)
        left = self.reap() or (bool(self.child) and not LINUX)
        until = time.monotonic() + GIVE_UP_S
        while left and time.monotonic() < until:
            self.bounds.kill()
            self.signal_tree(signal.SIGKILL)
            if left := self.reap():
                self.wait(0.02)
        for fd in list(self.pipes):
            os.set_blocking(fd, False)
            try:
                while self.pump(fd):
                    pass
            except BlockingIOError:
                pass
        if self.lock >= 0:
            os.close(self.lock)
        total = self.cpu.read()
        max_rss = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        tell(
            event="ended",
            exit_code=None if self.status is None else os.waitstatus_to_exitcode(self.status),
            why=self.why,
            opened=self.opened is not None,
            seconds=0.0 if self.opened is None else ended - self.opened,
            rows=self.served,
            clock_s=None if "clock" not in self.marks else ended - self.marks["clock"][0],
            setup_cpu_s=self.marks["clock"][1] if "clock" in self.marks else total,
            cpu_s=total,
            max_rss_mb=max_rss / 1024 if LINUX else max_rss / 1024**2,
            oom_killed=self.why == bounds.MEMORY or oom_kills() > self.oom_kills,
            unkillable=left,
            reply=self.reply.decode(errors="replace"),
        )
        for path in self.spec["scratch"]:
            clearing.clear(path)
        self.bounds.remove()

    def signal_tree(self, number: int) -> None:
        """Signal every descendant wherever it went, its group first.

        The kernel signals a whole group at once, so that a process cannot outrun us by forking.
        """
        rows, family = processes(), {os.getpid()}
        while more := {pid for pid, parent, _ in rows if parent in family} - family:
            family |= more
        family.discard(os.getpid())
        groups = {group for pid, _, group in rows if pid in family or group == self.child}
        for group in groups - {os.getpgid(0)}:
            send(os.killpg, group, number)
        for pid in family:
            send(os.kill, pid, number)


class Meter:
    """The CPU seconds of our tree, never less than what was read before.

    The kernel's sum counts a process when its parent collects it. A parent may ignore SIGCHLD, then its children vanish
    uncounted: what each process had used when it was last seen is remembered. A cgroup's own counter misses nothing.
    """

    def __init__(self, cgroups: list[str]) -> None:
        self.cgroups = cgroups
        self.seen: dict[tuple[int, int], float] = {}  # (pid, start): CPU seconds
        self.most = 0.0

    def read(self) -> float:
        rows = usage() if LINUX else []
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        collected = children.ru_utime + children.ru_stime
        family = {os.getpid()}
        while more := {row[0] for row in rows if row[1] in family} - family:
            family |= more
        family.discard(os.getpid())
        living = [row for row in rows if row[0] in family]
        self.seen.update({(pid, start): own for pid, _, start, own, _ in living})
        sums = collected + sum(own + waited for *_, own, waited in living), sum(self.seen.values())
        self.most = max(self.most, *sums, *map(cgroup_cpu, self.cgroups))
        return self.most


def usage() -> list[tuple[int, int, int, float, float]]:
    """Return (pid, parent, start, CPU seconds, CPU seconds of children it has collected) of every process."""
    rows = []
    tick = os.sysconf("SC_CLK_TCK")
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        user, system, child_user, child_system = map(int, fields[11:15])
        rows.append(
            (int(name), int(fields[1]), int(fields[19]), (user + system) / tick, (child_user + child_system) / tick)
        )
    return rows


def cgroup_cpu(folder: str) -> float:
    """Return the CPU seconds that a cgroup has counted, of version 2 or 1; 0 where there is none."""
    for name, first, scale in (("cpu.stat", b"usage_usec ", 1e6), ("cpuacct.usage", b"", 1e9)):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError, ValueError, StopIteration), open(path, "rb") as file:
            return next(int(line[len(first) :]) / scale for line in file if line.startswith(first))
    return 0.0


def become_mortal(supervisor: int) -> None:
    """In the child: die when the supervisor dies, and be the first that the kernel takes when memory runs out."""
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(127)
        try:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write("1000")
        except OSError:
            pass


def send(call: Callable[[int, int], None], target: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has just ended
        call(target, number)


def processes() -> list[tuple[int, int, int]]:
    """Return (pid, parent, group) of every process."""
    rows = []
    if not LINUX:
        with os.popen("ps -axo pid=,ppid=,pgid=") as table:
            return [(int(pid), int(parent), int(group)) for pid, parent, group in map(str.split, table)]
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        rows.append((int(name), int(fields[1]), int(fields[2])))
    return rows


def asleep() -> float:
    """Return the seconds that the machine has spent suspended since it started."""
    if LINUX:
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    return time.clock_gettime(time.CLOCK_MONOTONIC) - time.monotonic()  # macOS: the first counts sleep


def oom_kills() -> int:
    """Return how many processes the kernel has killed for memory since it started (0 where it does not tell)."""
    try:
        with open("/proc/vmstat", "rb") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(b"oom_kill ")), 0)
    except OSError:
        return 0


def folder_size(path: str) -> int:
    """Return the bytes on disk of everything below a folder; links are not followed.

    A folder that its run has closed is opened again, and one too deep to be looked at counts as too much.
    """
    total, folders = 0, [path]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return 1 << 60
            if error.errno == errno.EACCES:
                clearing.unlock(folder)  # and look the next time
    return total


def free_space(path: str) -> int:
    """Return the bytes that may still be written on a folder's file system."""
    try:
        stat = os.statvfs(path)
    except OSError:
        return FREE_DISK  # a run without a sandbox has removed it
    return stat.f_bavail * stat.f_frsize


def tell(**event: Any) -> None:
    try:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    except OSError:
        pass  # the daemon is gone; the end of standard input says so too


def main() -> None:
    wake, wake_in = os.pipe()
    os.set_blocking(wake_in, False)
    signal.set_wakeup_fd(wake_in)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    text = b""
    while b"\n" not in text:
        if not (data := os.read(0, 1 << 16)):
            return
        text += data
    line, _, rest = text.partition(b"\n")
    supervisor = Supervisor(json.loads(line), wake, rest)
    supervisor.serve()
    supervisor.finish()


if __name__ == "__main__":
    main()
    os._exit(0)
