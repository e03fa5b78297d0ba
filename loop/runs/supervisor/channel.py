"""What is said with a run on its channel: its budget's clock, its rows and its submission.

We say `go`. The run says `clock` when its budget starts, which is answered with `go` and the size and time of the file
of rows; `rows N` and N row numbers of four bytes, which is answered with the rows; and `submit`. With that it is over
at once: what it writes later changes nothing. A run that says anything else is heard no more.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

from loop.runs.supervisor.wire import Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.runs.supervisor.meter import Meter
    from loop.runs.supervisor.wire import Specification

WORD_LIMIT = 64  # bytes of a line that a run says to us
MOST_ROWS = 1 << 16  # of one request
HELD = 8 * MOST_ROWS  # bytes said beyond one request; more waits in the channel until that is answered
AHEAD = 1 << 18  # bytes of an answer that we hold ready; the rest is read when it is taken
SLACK_ROWS, SLACK = 256, 4  # what a last step may go beyond the rows that a budget buys: so many, or a quarter of them


class Channel:
    """Our end. `why` the run is over: submitted or greedy. `clock`: wall and CPU seconds when its budget started."""

    def __init__(self, spec: Specification, cpu: Meter) -> None:
        self.why: Why | None = None
        self.clock: tuple[float, float] | None = None
        self.served = 0  # rows, in all
        self._file, self._row_bytes, self._most = spec["data"], spec["row_bytes"], spec["most_rows"]
        self._cpu = cpu
        self._opened = False
        self._said = b""
        self._data = -1  # the open file of the rows
        self._rows = 0  # in it
        self._asked: list[int] = []  # rows that are not read yet, the first one last
        self._answer = b""  # what is not sent yet
        self._socket: socket.socket | None
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        self.theirs = theirs.detach()  # the run's end

    @property
    def hears(self) -> set[int]:
        """Our end, where it is to be read."""
        return {self._socket.fileno()} if self._socket and len(self._said) < HELD else set()

    @property
    def speaks(self) -> set[int]:
        """Our end, where there is something to send."""
        return {self._socket.fileno()} if self._socket and (self._asked or self._answer) else set()

    def open(self) -> None:
        """Say `go`; whether the run has closed its end is told by how it ends."""
        self._opened = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(b"go\n")

    def hear(self) -> None:
        """Take in what the run says."""
        if self._socket is None:
            return
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._said += data
        if not data or not self._understand():
            self._hang_up()  # it is at its end, or says what no run of ours does

    def send(self) -> None:
        """Send on, and hear the next request once this one is answered."""
        self._send_answer()
        if not self._asked and not self._answer and not self._understand():
            self._hang_up()

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _understand(self) -> bool:
        """Deal with each complete message; False for what is none. A request waits while another one is answered."""
        while not self.why and b"\n" in self._said[:WORD_LIMIT]:
            word, _, rest = self._said.partition(b"\n")
            name, _, count = word.decode(errors="replace").partition(" ")
            if name == "rows" and self._data >= 0 and count.isdecimal() and 0 < int(count) <= MOST_ROWS:
                size = 4 * int(count)
                if len(rest) < size or self._asked or self._answer:
                    return True
                self._said = rest[size:]
                if not self._serve(list(memoryview(rest[:size]).cast("I"))):
                    return False
            elif name == "clock" and not count and self.clock is None:
                self._said = rest
                self._start_clock()
            elif name == "submit" and not count and self.clock is not None and self._opened:
                self._said = rest
                self.why = Why.SUBMITTED
            else:
                return False
        return len(self._said) < WORD_LIMIT or b"\n" in self._said[:WORD_LIMIT] or self.why is not None

    def _start_clock(self) -> None:
        self.clock = time.monotonic(), self._cpu.read()
        what = "go"
        if self._file and self._opened:
            with contextlib.suppress(OSError):  # the run is told so when it asks for a row
                self._data = os.open(self._file, os.O_RDONLY)
                found = os.fstat(self._data)
                self._rows = found.st_size // self._row_bytes
                what = f"go {found.st_size} {found.st_mtime_ns}"
        self._answer += what.encode() + b"\n"
        self._send_answer()

    def _serve(self, numbers: list[int]) -> bool:
        """Begin to answer a request; False for rows that there are not. Too many end the run."""
        after = self.served + len(numbers)
        if self._most is not None and after > self._most + max(SLACK_ROWS, self._most // SLACK):
            self.why = Why.GREEDY
            return True
        if max(numbers) >= self._rows:
            return False
        self.served = after
        self._asked = numbers[::-1]
        self._send_answer()
        return True

    def _send_answer(self) -> None:
        """Send what the channel takes now of the answer, and read rows as they are taken."""
        size = self._row_bytes
        try:
            while self._socket is not None and (self._asked or self._answer):
                while self._asked and len(self._answer) < AHEAD:
                    part = [self._asked.pop() for _ in range(min(len(self._asked), max(1, AHEAD // size)))]
                    self._answer += b"".join(os.pread(self._data, size, number * size) for number in part)
                self._answer = self._answer[self._socket.send(self._answer) :]
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up()
