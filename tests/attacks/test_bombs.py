"""A bomb ends its run with an outcome of its own; the machine, the daemon and the next run do not notice.

Every bomb is small, and so are the limits: where a defence is broken, a bomb ends by itself and takes nothing with it.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loop.record.types import FailureKind, Metric, Outcome
from loop.runs.progress import LOG
from loop.runs.run import RunSpec
from loop.runs.staged import Staged, tidy
from loop.runs.trainer import launch
from loop.trust import limits as bounds
from loop.trust.limits import Limits
from loop.trust.sandbox import environment
from tests.attacks.world import NOBODY, World, as_user, folder, world

pytestmark = pytest.mark.bubblewrap
SMALL = Limits(memory=96 << 20, processes=60, tmpfs=8 << 20)
OOM, MANY, FULL = FailureKind.OUT_OF_MEMORY, FailureKind.PROCESSES, FailureKind.DISK_FULL

# What a run does, how it must end, and a word of the sentence that says why. None: it ends well.
BOMBS: dict[str, tuple[str, FailureKind | None, str]] = {
    "memory": ("kept = []\nfor _ in range(256): kept.append(bytearray(b'x' * (1 << 20)))\ntime.sleep(5)", OOM, "101 MB"),
    "memory of many": ("for _ in range(8):\n if not os.fork():\n  kept = bytearray(b'x' * (32 << 20)); time.sleep(5); os._exit(0)\n"
                       "time.sleep(6)", OOM, "101 MB"),
    "fork": ("for _ in range(300):\n try:\n  if not os.fork(): time.sleep(5); os._exit(0)\n except OSError: pass\n"
             "time.sleep(6)", MANY, "60 processes"),
    "zombies": ("for _ in range(300):\n try:\n  if not os.fork(): os._exit(0)\n except OSError: pass\ntime.sleep(6)",
                MANY, "60 processes"),
    "orphans": ("me = os.getpid()\nfor _ in range(300):\n try:\n  if not os.fork():\n   os.setsid()\n"
                "   if not os.fork(): time.sleep(5)\n   os._exit(0)\n except OSError: os.getpid() == me or os._exit(0)\n"
                "time.sleep(6)", MANY, "60 processes"),
    "threads": ("import threading\nfor _ in range(300): threading.Thread(target=time.sleep, args=(5,), daemon=True).start()",
                MANY, ""),
    "a full /tmp": ("with open('/tmp/full', 'wb') as file:\n for _ in range(64): file.write(b'x' * (1 << 20))", FULL, "8 MiB"),
    "a full /dev/shm": ("with open('/dev/shm/full', 'wb') as file:\n for _ in range(64): file.write(b'x' * (1 << 20))", FULL, "8 MiB"),
    "a large file": ("with open('large', 'wb') as file:\n for _ in range(64): file.write(b'x' * (1 << 20))", FULL, ""),
    "many files": ("for n in range(3000): open(f'file-{n}', 'w').close()\nprint('val_bpb: 1.0')", None, ""),
    "many files in /tmp": ("for n in range(3000): open(f'/tmp/file-{n}', 'w').close()\nprint('val_bpb: 1.0')", None, ""),
    "a flood of output": ("for _ in range(16): print('x' * (1 << 20))\nprint('val_bpb: 1.0')", None, ""),
}  # fmt: skip


async def _run(here: World, code: str) -> list[Any]:
    runner = here.runner
    # A script that measures itself: it needs no ruler to end well, and is bounded the same.
    conditions = replace(runner.conditions, ruler=None)
    sandbox = replace(runner.sandbox, limits=SMALL)
    runner.conditions, runner.sandbox = conditions, sandbox
    (here.slot / "train.py").write_text(f"import os, sys, time\n{code}\n")
    spec = RunSpec(
        command="python train.py", python=here.python, folder=here.slot, run_dir=here.run_dir,
        environment=environment(here.run_dir, {}), limit_s=60.0, lock=runner.home.run_lock, canvas="train.py",
        wrap=runner.confinement.training(here.slot, here.run_dir), metric=Metric(), log_limit=1 << 20, disk_limit=16 << 20, limits=SMALL,
    )  # fmt: skip
    run = await launch(spec)
    staged = Staged(2, 1, "", 0, here.run_dir, here.slot, run, runner.release, None)
    run.open_gate()
    result = await run.wait()
    size = (here.run_dir / LOG).stat().st_size
    await staged.close()
    failure = result.failure
    return [result.outcome, failure and failure.kind, failure.message if failure else "", size, _left(here)]


def _left(here: World) -> list[str]:
    """Return what is still there of a run: processes of this user's, cgroups, and files beside its log."""
    groups = [str(p) for place in bounds.places() for p in place.glob(f"{bounds.NAME}{os.getpid()}-*")]
    return [*groups, *(name for name in os.listdir(here.run_dir) if name != LOG)]


@pytest.mark.parametrize("who", ["root", "an ordinary user"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_ends_its_own_run_only(bomb: str, who: str) -> None:
    code, kind, words = BOMBS[bomb]
    if who == "root" and os.getuid() != 0:
        pytest.skip("covered by test_escapes, which runs all of this as root")
    user = NOBODY if who != "root" and os.getuid() == 0 else None
    with folder(user) as base:

        def work() -> list[Any]:
            with world(base) as here:
                return asyncio.run(_run(here, code))

        outcome, found, message, size, left = as_user(user, work)
    assert (outcome, found) == (Outcome.CRASHED if kind else Outcome.FINISHED, kind), message
    assert words in message and left == [] and size <= 1 << 20


LEAVINGS = {
    "folders where files should be": "for n in ('checkpoint.pt', 'progress.json', 'run.log', 'summary.json', 'home', 'tmp'):\n"
    "    os.path.lexists(R + n) and not os.path.isdir(R + n) and os.unlink(R + n)\n    os.makedirs(R + n + '/in')",
    "pipes": "for n in ('checkpoint.pt', 'progress.json', 'run.log', 'summary.json'):\n"
    "    os.path.lexists(R + n) and os.unlink(R + n)\n    os.mkfifo(R + n)",
    "links": "for n in ('checkpoint.pt', 'progress.json', 'run.log', 'summary.json'):\n"
    "    os.path.lexists(R + n) and os.unlink(R + n)\n    os.symlink('/etc/passwd', R + n)",
    "closed folders": "os.makedirs('shut/in'); os.chmod('shut', 0); os.makedirs(R + 'shut'); os.chmod(R + 'shut', 0)\n"
    "os.chmod('.', 0); os.chmod(R, 0)",
    "depth": "here = os.getcwd()\nfor place in (here, R):\n    os.chdir(place)\n"
    "    for _ in range(60): os.mkdir('d' * 200); os.chdir('d' * 200)\nos.chdir(here)",
    "long names": "open('n' * 255, 'w').close(); open(R + 'n' * 255, 'w').close()",
    "thousands of files": "for n in range(3000): open(R + f'{n}', 'w').close()",
    "a program for anybody": "open(R + 'su', 'w').close(); os.chmod(R + 'su', 0o6777)",
    "a repository of its own": "os.makedirs('.git/objects'); open('.git/config', 'w').write('[core]\\n\\tbare = true\\n')",
}


async def _leave(here: World, code: str) -> list[Any]:
    runner, commit = here.runner, here.runner.repo.ref("HEAD")
    assert commit is not None
    runner.conditions = replace(runner.conditions, ruler=None)
    staged = await runner.stage(2, 1, commit, 0, None)
    (staged.slot / "train.py").write_text(
        f"import os\nR = {str(staged.run_dir)!r} + '/'\n{code}\nprint('val_bpb: 1.0')\n"
    )
    staged.begin()
    result = await staged.train()
    await staged.close()
    await staged.close()
    kept = {name: (staged.run_dir / name).lstat().st_mode & 0o7000 for name in os.listdir(staged.run_dir)}
    # Both slots in turn: one of them is the one that was left like that.
    for _ in range(2):
        again = await runner.stage(2, 1, commit, 0, None)
        names = sorted(os.listdir(again.slot))
        assert names == ["prepare.py", "program.md", "train.py"], names
        assert (again.slot / "train.py").read_text() == "# train.py\n"
        runner._free.insert(0, runner._free.pop())
        await again.close()
    return [result.outcome, len(kept), any(kept.values())]


@pytest.mark.parametrize("who", ["root", "an ordinary user"])
@pytest.mark.parametrize("what", LEAVINGS)
def test_whatever_a_run_leaves_the_next_one_has_a_clean_place(what: str, who: str) -> None:
    if who == "root" and os.getuid() != 0:
        pytest.skip("covered by test_escapes, which runs all of this as root")
    user = NOBODY if who != "root" and os.getuid() == 0 else None
    with folder(user) as base:

        def work() -> list[Any]:
            with world(base) as here:
                return asyncio.run(_leave(here, LEAVINGS[what]))

        outcome, kept, special = as_user(user, work)
    assert outcome in (Outcome.FINISHED, Outcome.CRASHED)
    assert kept <= 20 and not special


def test_closing_a_run_whose_folder_is_gone_raises_nothing(tmp_path: Path) -> None:
    tidy(tmp_path / "gone")
