"""Own one process tree: start it, open its gate, end it for a reason, leave nothing of it behind, report.

Knows no score. What is printed: output.py; what is said on a channel: channel.py; time, disk and memory: watch.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import time

from loop.record.clearing import clear
from loop.runs.supervisor.channel import Channel
from loop.runs.supervisor.child import spawn
from loop.runs.supervisor.meter import Meter
from loop.runs.supervisor.output import Output
from loop.runs.supervisor.tree import signal_tree
from loop.runs.supervisor.watch import Watch, passed
from loop.runs.supervisor.wire import Why, tell
from loop.system import host
from loop.system.kernel import oom_kills
from loop.system.processes import max_rss_mb
from loop.trust.bounds import Bounds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.runs.supervisor.wire import Report, Specification

GRACE_S = 0.5  # between TERM and KILL at the deadline
GIVE_UP_S = 10.0  # a process in uninterruptible sleep (a hung GPU driver) cannot be killed at all


class Supervisor:
    """The one child and its tree. `why` we end it; None while it lives, and where it ended by itself."""

    def __init__(self, spec: Specification, wake: int, pending: bytes) -> None:
        self.spec, self.wake, self.pending = spec, wake, pending
        self.child = 0
        self.status: int | None = None
        self.why: Why | None = None
        self.wants_go = False
        self.ended: float | None = None
        self.gate = self.lease = -1
        self.channel: Channel | None = None
        self.cpu = Meter(spec["cgroup"])
        self.bounds = Bounds(spec["cgroup"], spec["memory"], spec["processes"])
        self.output = Output(spec)
        self.watch = Watch(spec, self.bounds, self.cpu)
        self.oom_kills = oom_kills()

    def serve(self) -> None:
        """Start, listen and watch until the child has ended or there is a reason to end it."""
        if self.spec["gate"]:
            self.start()
        while self.status is None and not self.why:
            timeout = 0.01 if self.wants_go else None
            if self.child and not self.wants_go:
                timeout = max(0.0, self.watch.until - time.monotonic())
            self.wait(0.0 if b"\n" in self.pending else timeout)
            if self.wants_go and not self.why:
                self.open_gate()
            if self.child:
                self.reap()
                if self.status is None and not self.why:
                    self.why = self.watch.look()

    def finish(self) -> None:
        """Kill what is left of the tree, collect the rest of its output, give the lease back, report, clean up."""
        self.ended = self.ended or time.monotonic()
        if self.channel and not self.why:
            self.channel.hear()  # it may have ended with its last word
            self.why = self.channel.why
        self.cpu.read(orphans=True)
        if self.status and not self.why and self.bounds.folders:  # it failed before the next look
            self.why = passed(self.bounds)
        left = self.end_tree(self.ended)
        self.output.drain()
        if self.output.full:
            self.why = self.why or Why.FULL
        if self.lease >= 0:
            os.close(self.lease)
        tell("ended", self.report(self.ended, left))
        for path in self.spec["scratch"]:
            clear(path)
        self.bounds.remove()

    def start(self) -> None:
        """Start the child, and say so."""
        stdout, stderr = self.output.open()
        stdin = null = os.open(os.devnull, os.O_RDONLY)
        channel = -1
        if self.spec["gate"] == "channel":
            self.channel = Channel(self.spec, self.cpu)
            channel = self.channel.theirs
        elif self.spec["gate"]:
            stdin, self.gate = os.pipe()
        self.child = spawn(self.spec, self.bounds, stdin, stdout, stderr, channel)
        for fd in {null, stdin, stdout, stderr, channel} - {-1}:
            os.close(fd)
        tell("started", {"pid": self.child})

    def open_gate(self) -> None:
        """Take the lease and let the run begin; while a dead daemon's supervisor still holds it, do nothing yet."""
        if self.spec["lock"]:
            self.lease = take(self.spec["lock"])
            if self.lease < 0:
                return
        self.wants_go = False
        self.watch.opened = time.monotonic()
        if not self.child:
            self.start()
        elif self.channel:
            self.channel.open()
        else:
            with contextlib.suppress(OSError):  # it closed its end; how it ends will tell
                os.write(self.gate, b"go\n")
        tell("opened", {})

    def wait(self, timeout: float | None) -> None:
        """Wait for a line from the daemon, for output, for the run's word or for a child's end, and deal with it."""
        lifeline = [] if self.why else [0]  # once it is ending nothing can change that
        channel = None if self.why else self.channel
        hears, speaks = (channel.hears, channel.speaks) if channel else (set(), set())
        reading = [*lifeline, self.wake, *hears, *self.output.pipes]
        ready, taking, _ = select.select(reading, speaks, [], timeout)
        if self.wake in ready and signal.SIGTERM in os.read(self.wake, 64):
            self.why = self.why or Why.STOPPED
        self.hear_daemon(0 in ready)
        for fd in self.output.pipes.intersection(ready):
            self.output.pump(fd)
        if self.output.full:
            self.why = self.why or Why.FULL
        if channel and taking and not self.why:
            channel.send()
            self.why = channel.why
        if channel and hears.intersection(ready) and not self.why:
            channel.hear()
            self.why = channel.why
        if channel and channel.clock:
            self.watch.clock = channel.clock[0]

    def hear_daemon(self, ready: bool) -> None:
        """Take in what the daemon says; its silence for ever means that it is dead."""
        if ready:
            data = os.read(0, 4096)
            self.pending += data
            if not data:
                self.why = Why.STOPPED
        *lines, self.pending = self.pending.split(b"\n")
        if b"stop" in lines:
            self.why = Why.STOPPED
        self.wants_go = self.wants_go or (b"go" in lines and self.watch.opened is None)

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

    def end_tree(self, ended: float) -> bool:
        """Kill all that is left; True where something cannot be killed. A run that is timed out gets a moment first."""
        if self.why is Why.TIMED_OUT:
            signal_tree(self.child, signal.SIGTERM)
            while self.reap() and time.monotonic() < ended + GRACE_S:
                self.wait(0.02)
        left = self.reap() or (bool(self.child) and not host.LINUX)
        until = time.monotonic() + GIVE_UP_S
        while left and time.monotonic() < until:
            self.bounds.kill()
            found = signal_tree(self.child, signal.SIGKILL)
            # An orphan that is nobody's child of ours is looked for until none is found.
            if left := self.reap() or (found and not host.LINUX):
                self.wait(0.02)
        return left

    def report(self, ended: float, left: bool) -> Report:
        """Return what the daemon is told about a tree that has ended."""
        total = self.cpu.read()
        clock = self.channel.clock if self.channel else None
        opened = self.watch.opened
        return {
            "exit_code": None if self.status is None else os.waitstatus_to_exitcode(self.status),
            "why": self.why,
            "opened": opened is not None,
            "seconds": 0.0 if opened is None else ended - opened,
            "rows": self.channel.served if self.channel else 0,
            "clock_s": None if clock is None else ended - clock[0],
            "setup_cpu_s": total if clock is None else clock[1],
            "cpu_s": total,
            "max_rss_mb": max_rss_mb(),
            "oom_killed": self.why is Why.MEMORY or oom_kills() > self.oom_kills,
            "unkillable": left,
            "reply": self.output.reply.decode(errors="replace"),
        }


def take(lease: str) -> int:
    """Return a descriptor that holds the lease, -1 while somebody else does."""
    fd = os.open(lease, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return -1
    return fd
