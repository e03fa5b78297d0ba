"""What only POSIX systems have, and which files use it: a list that a new use has to be entered in, or put behind.

Most of it is where runs are owned (the supervisor), in loop/system and in prepare.py. Whoever ports to another system
finds here what stands in the way. What the systems do differently is asked in loop/system/host.py alone.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
MODULES = {"ctypes", "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
NAMES = {
    "os": {
        "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_PATH", "WNOHANG", "chown", "fchmod", "fork", "forkpty",
        "fwalk", "geteuid", "getpgid", "getpgrp", "getsid", "getuid", "killpg", "lchown", "memfd_create",
        "mkfifo", "nice", "openpty", "pidfd_open", "posix_fallocate", "posix_spawn", "pread", "pwrite",
        "sched_getaffinity", "sched_setaffinity", "setpgid", "setpriority", "setsid", "setuid", "statvfs",
        "sysconf", "tcsetpgrp", "umask", "uname", "wait", "wait4", "waitid",
    },
    "signal": {
        "SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGSTOP", "SIGUSR1", "SIGUSR2", "SIGXFSZ", "alarm",
        "pidfd_send_signal", "pthread_sigmask", "setitimer",
    },
    "time": {"CLOCK_BOOTTIME", "CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW", "clock_gettime"},
    "socket": {"AF_UNIX", "SCM_RIGHTS"},
    "select": {"epoll", "kqueue", "poll", "select"},
    "sys": {"platform"},
}  # fmt: skip
WORDS = {"dir_fd", "pass_fds", "preexec_fn", "src_dir_fd", "start_new_session"}  # of a call, by name
METHODS = {"add_reader", "add_signal_handler"}  # of an event loop; that of Windows has neither
PATHS = ("/proc/", "/dev/", "/sys/")  # of Linux; a text that begins so

# Each file and what it may use.
USERS = {
    "loop/engine/daemon.py": "add_signal_handler os.fork os.setsid signal.SIGHUP",
    "loop/proposers/agent.py": "add_reader os.killpg preexec_fn signal.SIGKILL start_new_session",
    "loop/proposers/command.py": "os.O_NOFOLLOW os.O_NONBLOCK",
    "loop/record/clearing.py": "/proc/ dir_fd os.O_DIRECTORY os.O_NOFOLLOW os.O_PATH src_dir_fd",
    "loop/record/lock.py": "fcntl",
    "loop/runs/compiled.py": "dir_fd os.O_NOFOLLOW os.O_NONBLOCK os.fwalk",
    "loop/runs/leash.py": "os.killpg signal.SIGKILL start_new_session",
    "loop/runs/outcome.py": "signal.SIGKILL signal.SIGXFSZ",
    "loop/runs/progress.py": "os.O_NOFOLLOW os.O_NONBLOCK",
    "loop/runs/supervisor/__main__.py": "signal.SIGCHLD signal.SIGHUP",
    "loop/runs/supervisor/channel.py": "os.pread",
    "loop/runs/supervisor/child.py": "os.fork os.setsid resource signal.SIGPIPE signal.SIGXFSZ",
    "loop/runs/supervisor/output.py": "os.O_NOFOLLOW os.pread os.pwrite",
    "loop/runs/supervisor/supervisor.py": "fcntl os.WNOHANG select.select signal.SIGKILL",
    "loop/runs/supervisor/tree.py": "os.getpgid os.killpg",
    "loop/runs/supervisor/watch.py": "os.statvfs",
    "loop/setup/machine.py": "/dev/",
    "loop/system/clock.py": "time.CLOCK_BOOTTIME time.CLOCK_MONOTONIC time.CLOCK_MONOTONIC_RAW time.clock_gettime",
    "loop/system/host.py": "/proc/ os.sched_getaffinity sys.platform",
    "loop/system/kernel.py": "/proc/ ctypes os.uname signal.SIGKILL",
    "loop/system/processes.py": "/proc/ os.posix_spawn os.sysconf os.wait4 resource",
    "loop/trust/bounds.py": "/proc/ os.sysconf signal.SIGKILL",
    "loop/trust/breakout.py": "/proc/ ctypes os.fork",
    "loop/trust/breakout_macos.py": "ctypes",
    "loop/trust/limits.py": "/proc/ /sys/ os.sysconf",
    "loop/trust/places.py": "/dev/ /proc/ os.geteuid",
    "loop/trust/probe.py": "/proc/",
    "loop/trust/promises.py": "pass_fds",
    "loop/trust/sandbox.py": "/dev/ os.geteuid",
    "prepare.py": (
        "/dev/ /proc/ ctypes fcntl os.fork os.killpg os.memfd_create os.pidfd_open os.sched_getaffinity os.wait "
        "pass_fds resource select.select signal.SIGKILL signal.pidfd_send_signal start_new_session sys.platform "
        "os.sysconf"
    ),
    "server/commands/showing.py": "os.fchmod",
}


def found(text: str) -> set[str]:
    """Return what of POSIX a module's text names, by import, attribute, argument or the beginning of a path."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module.partition(".")[0]} & MODULES
            names |= {f"{node.module}.{a.name}" for a in node.names if a.name in NAMES.get(node.module, ())}
        elif isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            names |= {f"{owner}.{node.attr}"} if node.attr in NAMES.get(owner, ()) else set()
            names |= {node.attr} & METHODS
        elif isinstance(node, ast.keyword):
            names |= {node.arg or ""} & WORDS
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            names |= {prefix for prefix in PATHS if node.value.startswith(prefix)}
    return names


USES = {
    path.relative_to(TOP).as_posix(): found(path.read_text(encoding="utf-8"))
    for path in (*(TOP / "loop").rglob("*.py"), *(TOP / "server").rglob("*.py"), *TOP.glob("*.py"))
}


def test_what_only_posix_has_is_used_where_the_list_says() -> None:
    new = {file: names - set(USERS.get(file, "").split()) for file, names in USES.items()}
    assert {file: sorted(names) for file, names in new.items() if names} == {}, "put it behind loop/system, or list it"


def test_every_folder_is_read_and_the_list_is_not_empty() -> None:
    assert len(USES) > 200 and {"loop", "server"} <= {file.partition("/")[0] for file in USES}
    assert len(USERS) > 20 and sorted(file for file in USERS if not USES.get(file)) == [], "the list follows the code"


def test_one_module_asks_which_system_this_is() -> None:
    """prepare.py is copied into campaigns, imports nothing of ours, and asks for itself."""
    assert {file for file, names in USES.items() if "sys.platform" in names} == {"loop/system/host.py", "prepare.py"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import fcntl", {"fcntl"}),
        ("def f():\n    import resource as r", {"resource"}),
        ("from pwd import getpwuid", {"pwd"}),
        ("from os import fork, path", {"os.fork"}),
        ("import os.path\nos.setsid()", {"os.setsid"}),
        ("subprocess.run([], pass_fds=(3,))", {"pass_fds"}),
        ("loop.add_reader(3, f)", {"add_reader"}),
        ("import sys\nif sys.platform == 'linux': pass", {"sys.platform"}),
        ("open(f'/proc/{pid}/stat')", {"/proc/"}),
        ("'a text about /proc/self and /dev/null'", set()),
        ("os.devnull, os.getpid(), signal.SIGTERM", set()),
    ],
)
def test_each_form_of_a_use_is_seen(text: str, names: set[str]) -> None:
    assert found(text) == names
