"""The process that outlives the editor: detach, take the lock, run the engine, heed signals.

Liveness is the lock on `daemon.lock`, which dies with its owner; there is no pid file. Only `loop.control` starts it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path

from loop.proposers.agent import claim
from loop.record.backup import keeping
from loop.record.campaign_facts import Answered
from loop.record.home import Home, find_home
from loop.record.intents import StartRequested, VerifyRequested
from loop.record.journal import Journal
from loop.record.lock import BEAT_S, beat, holding
from loop.record.types import Refused
from loop.setup.campaigns import read, runs_instead
from loop.system.kernel import hide_environment

LOG_BYTES = 2**20
PATIENCE_S = 1.0  # a process that calls `is_alive` holds the lock for an instant


def detach() -> None:
    """Leave the session of the process that started us, through a child whose parent has exited.

    VS Code kills the process tree of a language server that lingers: a child in a session of its own dies with it, a
    grandchild whose parent has exited does not (measured).
    """
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def serve(folder: Path, campaign: str) -> int:
    """Run the campaign to its end; return 0, or 1 where another daemon is alive."""
    hide_environment()
    home = find_home(folder)
    home.root.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(home.log, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    logging.basicConfig(
        level=logging.INFO, handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    with holding(home.lock, PATIENCE_S) as free:
        if not free:
            logging.info("another daemon is alive")
            with Journal(home.journal) as journal:
                if other := runs_instead(home, journal, campaign):  # starts of one campaign are answered by its daemon
                    _decline(journal, campaign, other)
            return 1
        try:
            beat(home)
            home.lock.write_text(campaign, encoding="utf-8")
            claim(home.root)
            asyncio.run(_run(folder, campaign))
        except Refused as refusal:  # no git, or one that will not work here
            logging.error("the daemon ends: %s", refusal)
            with Journal(home.journal) as journal:
                _decline(journal, campaign, str(refusal))
            return 1
        except Exception:
            logging.exception("the daemon ends")
            return 1
        finally:
            home.lock.write_text("")  # while it is still ours: the next one's name is waited for, not taken for this
    return 0


def _decline(journal: Journal, campaign: str, why: str) -> None:
    """Answer the starts that wait."""
    waiting = read(journal, campaign).unanswered.values()
    starts = (entry.seq for entry in waiting if isinstance(entry.body, StartRequested | VerifyRequested))
    journal.append(campaign, *(Answered(seq, False, why) for seq in starts))


async def _run(folder: Path, campaign: str) -> None:
    from loop.engine.engine import Engine
    from loop.git.repo import Repo
    from loop.proposers import make

    repo = Repo(folder)

    one_at_a_time = threading.Lock()

    def lay(commit: str, place: Path) -> None:
        """Copy a commit's files out of a slot of ours, for an agent that works in a folder of its own."""
        slot = repo.home.slots / "agent"
        with one_at_a_time:
            repo.lay(commit, slot)
            shutil.copytree(slot / repo.prefix, place, symlinks=True, dirs_exist_ok=True)

    engine = Engine(folder, campaign, lambda program: make(program, lay))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, engine.stop)
    # A terminal is not ours to die with. systemd sends it right after the TERM of a logout, which must be recorded.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)
    loop = asyncio.get_running_loop()

    def gone() -> None:
        loop.call_soon_threadsafe(engine.stop)

    beating = asyncio.create_task(_beat(repo.home))
    try:
        with keeping(repo.home, gone):
            await engine.run()
    finally:
        beating.cancel()


async def _beat(home: Home) -> None:
    while True:
        with contextlib.suppress(OSError):  # a full disk ends no night
            beat(home)
        await asyncio.sleep(BEAT_S)


def main(arguments: list[str] | None = None) -> int:
    """Entry point of `python -P -m loop.engine.daemon`."""
    parser = argparse.ArgumentParser(prog="loop.engine.daemon")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--campaign", required=True)
    parser.add_argument("--attached", action="store_true", help="stay a child of the process that started it (tests)")
    options = parser.parse_args(arguments)
    if not options.attached:
        detach()
    os.chdir("/")
    return serve(options.folder, options.campaign)


if __name__ == "__main__":
    sys.exit(main())
