"""A user, as far as an attack is concerned: a home, a repository with a campaign's slots, data, sockets, a process.

The attacks run in a child of the test's process that has become the user that is asked for, root or an ordinary one,
through what a real Runner wraps around its runs.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401  here, because an ordinary user may not read what comes later
import contextlib
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from loop.git.repo import Repo
from loop.record.types import Metric
from loop.record.values import parse_budget
from loop.runs.conditions import Conditions
from loop.runs.leash import Child, Ending, supervise
from loop.runs.progress import LOG
from loop.runs.runner import Runner
from loop.system.kernel import KEYCTL
from loop.trust import limits
from loop.trust.places import interpreter, kernel_rules
from loop.trust.probe import probe
from loop.trust.sandbox import environment
from tests.attacks.escapes import PRELUDE

TOP = Path(__file__).parents[2]
NOBODY = 54321  # an ordinary user that has nothing on this machine
CANARY = "CANARY of the user's"
PATIENCE_S = 400.0  # for all attempts of one user together: seconds alone, minutes among neighbours
ADD_KEY = {"x86_64": 248, "aarch64": 217}


@dataclass(frozen=True)
class World:
    """Where everything is that a run must not reach, and the Runner whose runs are confined."""

    base: Path
    runner: Runner
    slot: Path
    run_dir: Path
    python: str
    facts: dict[str, Any]

    def wrap(self, sealed: bool) -> tuple[str, ...]:
        runner = self.runner
        if not sealed:
            conditions = replace(runner.conditions, ruler=None)
            runner = Runner(runner.repo, runner.home, runner.campaign, conditions, runner.sandbox)
        return runner.confinement.training(self.slot, self.run_dir)

    def program(self, code: str) -> tuple[str, ...]:
        return (self.python, "-c", PRELUDE + code, json.dumps(self.facts))

    def attack(self, code: str, sealed: bool) -> str:
        """Run a program as a run is started; return what it has reached, what is harmed, and whether it ran at all."""

        async def run() -> Ending:
            child = Child(
                argv=(*self.wrap(sealed), *self.program(code)),
                folder=self.slot, environment=environment(self.run_dir, {}), log=self.run_dir / LOG,
                limit_s=PATIENCE_S, reply=True,
            )  # fmt: skip
            supervised = await supervise(child)
            supervised.send("go")
            return await supervised.ended()

        ending = asyncio.run(run())
        said = [line for line in ending.reply.splitlines() if line.startswith("ESCAPED")]
        if ending.exit_code != 0:
            log = (self.run_dir / LOG).read_text(errors="replace")[-400:]
            said.append(f"did not run: {ending.why} {ending.exit_code} {log}")
        return "; ".join(filter(None, (*said, self.harm())))

    def control(self, code: str, prefix: tuple[str, ...]) -> str:
        """Run a program in the open, or in namespaces where everything is allowed; return what it prints."""
        argv = [*prefix, *self.program(code)]
        return subprocess.run(argv, cwd=self.slot, capture_output=True, text=True, timeout=PATIENCE_S).stdout

    def harm(self) -> str:
        """Return what of the outside is no longer as it was."""
        found = []
        for name in ("home/.ssh/id", "repo/private.txt", "repo/.git/config", "data/train.bin", "data/sealed/rows"):
            if CANARY not in (self.base / name).read_text():
                found.append(name)
        for name in ("prepare.py", "train.py"):
            if "OVERWRITTEN" in (self.slot / name).read_text():
                found.append(f"slot/{name}")
        try:
            os.kill(self.facts["victim"], 0)
        except OSError:
            found.append("the victim")
        if Path("/proc/sys/kernel/hostname").read_text() != self.facts["hostname"]:
            found.append("the machine's name")
        return ", ".join(found)


def become(user: int) -> None:
    """Become an ordinary user for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def as_user(user: int | None, work: Callable[[], Any]) -> Any:
    """Return what `work` returns in a child of ours, which is another user unless that is None."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            if user is not None:
                become(user)
            for known in (probe, limits.places, limits.machine, interpreter, kernel_rules):
                known.cache_clear()  # of the other user
            said = json.dumps(work())
            code = 0
        except BaseException:
            said = traceback.format_exc()
        with os.fdopen(writing, "w") as file:
            file.write(said)
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = file.read()
    assert os.waitpid(child, 0)[1] == 0, said
    return json.loads(said)


@contextlib.contextmanager
def folder(user: int | None) -> Iterator[Path]:
    """Yield a folder of a user's that is in none of the places which the sandbox covers anyway, where there is one."""
    place = next(p for p in (TOP, Path("/var/tmp")) if user is None or _is_open(p))
    base = Path(tempfile.mkdtemp(prefix=".attacks-", dir=place))
    base.chmod(0o755)
    if user is not None:
        os.chown(base, user, user)
    try:
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _is_open(place: Path) -> bool:
    return all(p.stat().st_mode & 0o5 == 0o5 for p in (place, *place.parents))


def python_for_anyone() -> str:
    """Return a Python that this user may start; that of the tests may lie in another's home."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError):
            if subprocess.run([python, "-c", ""], capture_output=True).returncode == 0:
                return python
    raise AssertionError("no Python that an ordinary user can start; install one as /usr/bin/python3")


@contextlib.contextmanager
def world(base: Path) -> Iterator[World]:
    """Yield a world below `base`; call it as the user whose world it is."""
    python = sys.executable = python_for_anyone()  # of the supervisors too
    home, top, data = base / "home", base / "repo", base / "data"
    os.environ.update(HOME=str(home), ARCANARY=CANARY, GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
    for place in (home / ".ssh", top, data / "sealed", base / "elsewhere"):
        place.mkdir(parents=True)
    for place in (home / ".ssh/id", data / "train.bin", data / "sealed/rows", base / "elsewhere/thesis.txt"):
        place.write_text(CANARY)
    (data / "link").symlink_to(data / "sealed" / "rows")
    for name in ("train.py", "prepare.py", "program.md"):
        (top / name).write_text(f"# {name}\n")
    git = ("git", "-c", "user.name=U", "-c", "user.email=u@example.org")
    subprocess.run([*git, "init", "-q", "--template=", str(top)], check=True)
    for words in (["add", "-A"], ["commit", "-q", "-m", "first"], ["config", "user.name", CANARY]):
        subprocess.run([*git, *words], cwd=top, check=True)
    (top / "private.txt").write_text(CANARY)
    (top / ".git" / "hooks").mkdir()
    (top / ".git" / "hooks" / "post-commit").write_text(CANARY)
    repo = Repo(top)
    ruler: Any = SimpleNamespace(
        read_paths=(data,), sealed_paths=(data / "sealed",), text_paths=(), mounts=(), training_file=None
    )
    conditions = Conditions(python, "", "train.py", "python train.py", parse_budget("5s"), Metric(), ruler)
    runner = Runner(repo, repo.home, "night", conditions, probe())
    slot, other = repo.home.slots / "a", repo.home.slots / "b"
    run_dir, evidence = repo.home.run("night", 2, 1), repo.home.run("night", 1, 1)
    commit = repo.ref("HEAD")
    assert commit is not None
    for place in (slot, other):
        repo.lay(commit, place, "train.py")
    (other / "train.py").write_text(CANARY)
    for place in (run_dir, evidence):
        place.mkdir(parents=True)
    (evidence / "run.log").write_text(CANARY)
    repo.home.journal.write_text(CANARY)
    with outside(base) as facts:
        facts |= {
            "base": str(base), "home": str(home), "top": str(top), "data": str(data), "slot": str(slot),
            "sealed": str(data / "sealed"), "home_of_ours": str(repo.home.root), "other": str(other),
            "evidence": str(evidence), "run": str(run_dir), "elsewhere": str(base / "elsewhere"),
        }  # fmt: skip
        yield World(base, runner, slot, run_dir, python, facts)


@contextlib.contextmanager
def outside(base: Path) -> Iterator[dict[str, Any]]:
    """Yield what else is there to be reached: sockets, a process, a key, a file in /tmp."""
    marker = f"victim-{os.getpid()}"
    victim = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()", marker], stdin=subprocess.PIPE)
    shared = Path(tempfile.mkdtemp(prefix="shared-", dir="/tmp"))
    (shared / "note").write_text(CANARY)
    key = f"arcanary-{os.getpid()}"
    libc, machine = ctypes.CDLL(None), os.uname().machine
    if machine in ADD_KEY:
        libc.syscall(KEYCTL[machine], 1, 0)  # a session of our own: no key is left behind
        libc.syscall(ADD_KEY[machine], b"user", key.encode(), CANARY.encode(), len(CANARY), -3)
    paranoid = Path("/proc/sys/kernel/perf_event_paranoid")
    with contextlib.ExitStack() as stack:
        places = [base / "home" / "socket", shared / "socket"]
        for place in (f"\0{marker}", *places):
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            # A path of a socket is at most 107 bytes long.
            stack.enter_context(contextlib.chdir(place.parent)) if isinstance(place, Path) else None
            server.bind(place.name if isinstance(place, Path) else place)
            server.listen()
        port = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
        try:
            yield {
                "marker": marker, "victim": victim.pid, "key": key, "port": port, "abstract": marker,
                "uid": os.getuid(),
                "sockets": [str(place) for place in places],
                "hostname": Path("/proc/sys/kernel/hostname").read_text(),
                "paranoid": int(paranoid.read_text()) if paranoid.exists() else 0,
            }  # fmt: skip
        finally:
            victim.kill()
            victim.wait()
            shutil.rmtree(shared, ignore_errors=True)
