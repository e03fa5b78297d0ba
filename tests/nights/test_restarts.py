"""What was spent survives a stop and a `kill -9`, to the token."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from loop.record.home import find_home
from loop.record.intents import StartRequested, StopRequested
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import State
from tests.fake_llm import Answer, FakeLLM, count, prompt_of
from tests.nights.night import CAMPAIGN, CANVAS, DEADLINE_S, Night, Researcher, campaign, front, paused, price, run
from tests.stub import daemon

Process = subprocess.Popen[bytes]


def reach(folder: Path, process: Process, done: Callable[[Ledger], bool]) -> Ledger:
    """Return the ledger once `done` holds of it, while the daemon lives or has just ended."""
    end = time.monotonic() + DEADLINE_S
    with Journal(find_home(folder).journal) as journal:
        while True:
            over = process.poll() is not None
            ledger = Ledger(CAMPAIGN).feed(journal.read(campaign=CAMPAIGN))
            if done(ledger):
                return ledger
            assert not over and time.monotonic() < end, f"{ledger.state} {ledger.message}"
            time.sleep(0.02)


def finished(ledger: Ledger) -> bool:
    return ledger.state is State.FINISHED


def measured(ledger: Ledger, judged: int) -> bool:
    return ledger.judged == judged


def asked(_: Ledger, server: FakeLLM, calls: int) -> bool:
    return len(server.requests) == calls


def test_what_was_spent_survives_a_kill_and_a_stop(tmp_path: Path) -> None:
    good = Researcher()
    hang = Answer(hang=True)
    with FakeLLM(fallback=good) as server, Journal(find_home(campaign(tmp_path / "c", "")).journal) as journal:
        folder = tmp_path / "c"
        (folder / "program.md").write_text(front(server, stop="{experiments: 5}", queue="1"))
        seen: list[Ledger] = []
        for judged, ending in ((1, "kill"), (2, "stop"), (5, "limit")):
            server.script = [] if ending == "limit" else [patch(good, server), hang]
            calls = len(server.requests) + 2
            journal.append(CAMPAIGN, StartRequested())
            with daemon(folder, CAMPAIGN) as process:
                if ending == "limit":
                    seen.append(reach(folder, process, finished))
                else:
                    seen.append(reach(folder, process, partial(measured, judged=judged)))
                    reach(folder, process, partial(asked, server=server, calls=calls))
                    if ending == "kill":
                        process.send_signal(signal.SIGKILL)
                    else:
                        journal.append(CAMPAIGN, StopRequested())
                process.wait(60)
            assert (seen[-1].spent.tokens_in, seen[-1].spent.tokens_out) == (server.tokens_in, server.tokens_out)
            assert seen[-1].spent.dollars == pytest.approx(price(server))
    first, second, last = (ledger.spent.tokens_in for ledger in seen)
    assert 0 < first < second < last and seen[-1].judged == 5


async def test_what_a_stop_cuts_off_is_paid_for(tmp_path: Path) -> None:
    async def human(night: Night) -> None:
        await night.until(lambda ledger: len(server.requests) == 2)
        await night.until(lambda ledger: ledger.incumbent is not None)
        night.journal.append(CAMPAIGN, StopRequested(now=True))

    script = ["Only thoughts, and no edit.", Answer("and now I think for a long while", hang_after=True)]
    with FakeLLM(script) as server:
        ledger = await run(campaign(tmp_path / "c", front(server)), human)
    assert ledger.state is State.STOPPED
    assert ledger.spent.tokens_in >= prompt_tokens(server) and (ledger.spent.dollars or 0) > 0


def prompt_tokens(server: FakeLLM) -> int:
    """Return the prompt of the first call, in the server's own count."""
    return count(prompt_of(server.requests[0]))


def test_a_pause_for_a_key_survives_a_restart_with_a_new_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeLLM([Answer(status=401)], Researcher()) as server:
        folder = campaign(tmp_path / "c", front(server, stop="{experiments: 2}"))
        with Journal(find_home(folder).journal) as journal:
            journal.append(CAMPAIGN, StartRequested())
            with daemon(folder, CAMPAIGN) as process:
                reach(folder, process, paused)
                journal.append(CAMPAIGN, StopRequested())
                process.wait(60)
            monkeypatch.setenv("AUTORESEARCH_API_KEY", "a-better-key")
            journal.append(CAMPAIGN, StartRequested())
            with daemon(folder, CAMPAIGN) as process:
                ledger = reach(folder, process, finished)
        assert ledger.judged == 2 and server.keys[-1] == "Bearer a-better-key"


def patch(good: Researcher, server: FakeLLM) -> str:
    """Return a patch that fits the incumbent: the canvas of the last prompt, or the first one."""
    last = server.requests[-1] if server.requests else {"messages": [{"content": CANVAS}]}
    return good(last)
