"""A stand-in for macOS's `sandbox-exec`: reads the profile by the tests' reader, and runs the command under it.

What a Python does in its own process is held against the profile by an audit hook: files, links, sockets, signals and
programs. Another program, and what a Python starts, is only checked when it starts. Nothing here has run on a Mac.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.loop.trust.sbpl import Malformed, Profile

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
BAD_PROFILE, NOT_STARTED = 65, 71  # sysexits.h: EX_DATAERR, EX_OSERR


def parse(argv: Sequence[str]) -> tuple[Profile, list[str]]:
    """Return the profile and the command of a command line, without the program's own name."""
    words, parameters, text = list(argv), dict[str, str](), ""
    while words and words[0] in ("-D", "-p"):
        option, value, *words = words
        if option == "-p":
            text = value
        else:
            name, _, parameters[name] = value.partition("=")
    return Profile(text, parameters), words


def main() -> None:
    try:
        profile, command = parse(sys.argv[1:])
    except Malformed as error:
        print(f"sandbox-exec: {error}", file=sys.stderr)
        sys.exit(BAD_PROFILE)
    program = shutil.which(command[0])
    if program is None or not profile.allows("process-exec", os.path.realpath(program)):
        why = os.strerror(errno.ENOENT if program is None else errno.EPERM)
        print(f"sandbox-exec: execvp() of '{command[0]}' failed: {why}", file=sys.stderr)
        sys.exit(NOT_STARTED)
    if not Path(program).name.startswith("python"):
        os.execv(program, command)
    run_python(profile, command[1:])


def run_python(profile: Profile, words: list[str]) -> None:
    """Run what the arguments of a Python say, in this process and under the profile."""
    while words[0] in ("-I", "-S", "-P", "-B"):
        words = words[1:]
    name, sys.argv = words[0], words
    if name == "-c":
        name, code, sys.argv = "<string>", words[1], ["-c", *words[2:]]
    module = types.ModuleType("__main__")
    module.__file__ = os.path.abspath(name)
    sys.modules["__main__"] = module
    sys.path[0] = os.path.dirname(module.__file__)
    sys.addaudithook(Guard(profile))
    if name != "<string>":
        code = Path(name).read_text(encoding="utf-8")
    exec(compile(code, name, "exec"), module.__dict__)


class Guard:
    """An audit hook that refuses what a profile does not allow."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.events: dict[str, Callable[..., None]] = {
            "open": self.open,
            "os.listdir": lambda path: self.path("file-read-data", path),
            "os.scandir": lambda path: self.path("file-read-data", path),
            "os.mkdir": lambda path, *_: self.path("file-write-create", path),
            "os.remove": self.remove,
            "os.rmdir": self.remove,
            "os.rename": self.rename,
            "os.link": lambda old, new, *_: self.path("file-link", old),
            "os.symlink": lambda old, new, *_: self.path("file-write-create", new),
            "os.truncate": lambda path, *_: self.path("file-write-data", path),
            "os.chmod": lambda path, *_: self.path("file-write-mode", path),
            "os.utime": lambda path, *_: self.path("file-write-times", path),
            "os.kill": lambda pid, *_: self.ask("signal", "same-sandbox" if pid in (0, os.getpid()) else "others"),
            "socket.connect": lambda sock, address: self.network("network-outbound", sock, address),
            "socket.bind": lambda sock, address: self.network("network-bind", sock, address),
            "subprocess.Popen": lambda program, *_: self.path("process-exec", shutil.which(program)),
            "os.posix_spawn": lambda program, *_: self.path("process-exec", program),
            "os.exec": lambda program, *_: self.path("process-exec", program),
        }

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in self.events:
            self.events[event](*arguments)

    def ask(self, operation: str, subject: str) -> None:
        if not self.profile.allows(operation, subject):
            raise PermissionError(errno.EPERM, f"{os.strerror(errno.EPERM)} ({operation})", subject)

    def path(self, operation: str, path: Any) -> None:
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}").removesuffix(" (deleted)")
            if path.startswith("/memfd:"):  # of Linux alone
                return
        self.ask(operation, os.path.realpath(os.fsdecode(path or ".")))

    def open(self, path: Any, mode: str | None, flags: int) -> None:
        if isinstance(path, int):
            return
        if flags & WRITING:
            self.path("file-write-data" if os.path.exists(path) else "file-write-create", path)
        if not flags & os.O_WRONLY:
            self.path("file-read-data", path)

    def remove(self, path: Any, *_: Any) -> None:
        folder, name = os.path.split(os.path.abspath(os.fsdecode(path)))
        self.ask("file-write-unlink", os.path.join(os.path.realpath(folder), name))  # of a link itself

    def rename(self, old: Any, new: Any, *_: Any) -> None:
        self.remove(old)
        self.path("file-write-create", new)

    def network(self, operation: str, sock: socket.socket, address: Any) -> None:
        self.ask(operation, os.path.realpath(address) if sock.family == socket.AF_UNIX else f"{address}")


if __name__ == "__main__":
    main()
