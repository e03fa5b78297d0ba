"""What a tree prints: into the log, into the report's reply, and live to the daemon."""

from __future__ import annotations

import os

from loop.record.clearing import clear
from loop.runs.supervisor.wire import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from loop.runs.supervisor.wire import Specification

REPLY_LIMIT = 1 << 20  # bytes


class Output:
    """The pipes that a tree prints into, and where that goes. `full`: the log could not be written."""

    def __init__(self, spec: Specification) -> None:
        self.pipes: set[int] = set()
        self.reply = bytearray()
        self.full = False
        self._echo, self._wants_reply = spec["echo"], spec["reply"]
        self._reply_pipe = -1
        clear(spec["log"])
        self._log = os.open(spec["log"], os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        self._limit = max(spec["log_limit"], 1 << 20)
        self._size = self._dropped = 0

    def open(self) -> tuple[int, int]:
        """Return the child's standard output and standard error; they may be one."""
        log, log_in = os.pipe()
        self._reply_pipe, reply_in = os.pipe() if self._wants_reply else (-1, log_in)
        self.pipes = {log, self._reply_pipe} - {-1}
        return reply_in, log_in

    def pump(self, fd: int) -> bool:
        """Move what was printed into the log or the reply; False at the end of it."""
        data = os.read(fd, 1 << 16)
        if not data:
            os.close(fd)
            self.pipes.discard(fd)
        elif fd == self._reply_pipe:
            self.reply += data[: REPLY_LIMIT - len(self.reply)]
        else:
            if self._echo:
                tell("text", {"text": data.decode(errors="replace")})
            self._append(data)
        return bool(data)

    def drain(self) -> None:
        """Move all that is left in the pipes of a tree that has ended."""
        for fd in list(self.pipes):
            os.set_blocking(fd, False)
            try:
                while self.pump(fd):
                    pass
            except BlockingIOError:
                pass

    def _append(self, data: bytes) -> None:
        """Append to the log. A full log keeps its first half and its last quarter, and says how much lies between."""
        head = self._limit // 2
        if self._size + len(data) > self._limit:
            start = max(head, self._size - self._limit // 4)
            kept = os.pread(self._log, self._limit, start)
            self._dropped += start - head
            data = b"\n[... %d bytes of output dropped ...]\n%b%b" % (self._dropped, kept, data)
            os.ftruncate(self._log, head)
            self._size = head
        try:
            self._size += os.pwrite(self._log, data, self._size)
        except OSError:
            self.full = True
