"""A night with a scripted model: its campaign, the engine in this process or a daemon of its own, and what it costs."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from loop.engine.engine import Engine
from loop.proposers import make
from loop.record.campaign_facts import Answered
from loop.record.entries import Body, Entry
from loop.record.home import find_home
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import State
from tests.fake_llm import FakeLLM, prompt_of, reply
from tests.stub import entries, make_campaign

CAMPAIGN = "night"
MODEL = "openai/gpt-4o"
PRICE_IN, PRICE_OUT = 2.5e-6, 1e-5  # dollars a token, litellm's own table
DEADLINE_S = 90.0
KNOBS = 24

# Each knob has its best at its own number; the seed adds a little noise. It prints its score and ends at once.
CANVAS = "".join(f"KNOB_{n} = {n + 8}\n" for n in range(KNOBS)) + (
    "import os\n"
    "loss = 10.0 + sum(abs(v - int(k[5:])) for k, v in list(globals().items()) if k.startswith('KNOB_')) / 100\n"
    'loss += 0.0001 * int(os.environ.get("AUTORESEARCH_SEED", "0"))\n'
    'print(f"val_bpb: {loss:.6f}")\n'
)


def front(server: FakeLLM | None, prose: str = "# Goal\n\nLower it.", **keys: str) -> str:
    """Return a program.md whose model is the scripted server."""
    given = {"model": MODEL, "budget": "2s", "repeats": "2", "verify": "0", "stop": "{experiments: 2}", **keys}
    given |= {"api_base": server.url} if server else {}
    return "---\n" + "".join(f"{name}: {value}\n" for name, value in given.items()) + f"---\n{prose}\n"


def campaign(folder: Path, program: str, canvas: str = CANVAS) -> Path:
    return make_campaign(folder, program, canvas)


class Night:
    """One engine in this process, and what a test does while it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(find_home(folder).journal)

    @property
    def ledger(self) -> Ledger:
        return Ledger(CAMPAIGN).feed(self.journal.read(campaign=CAMPAIGN))

    async def ask(self, intent: Body) -> str:
        """Append an intent and return its answer."""
        seq = self.journal.append(CAMPAIGN, intent)[0].seq
        found: list[str] = []

        def answered(_: Ledger) -> bool:
            found[:] = [e.body.message for e in self.journal.read(seq) if isinstance(e.body, Answered)]
            return bool(found)

        await self.until(answered)
        return found[0]

    async def until(self, done: Callable[[Ledger], bool]) -> Ledger:
        """Return the ledger once `done` holds of it; fails with what there is at the deadline."""
        end = time.monotonic() + DEADLINE_S
        while not done(ledger := self.ledger):
            assert ledger.state not in (State.FINISHED, State.STOPPED), f"ended: {ledger.message}"
            assert time.monotonic() < end, f"{ledger.state} {ledger.message!r}"
            await asyncio.sleep(0.02)
        return ledger


async def run(
    folder: Path, meanwhile: Callable[[Night], Awaitable[None]] | None = None, limit_s: float = 2 * DEADLINE_S
) -> Ledger:
    """Run a campaign in this process to its end and return its ledger; `meanwhile` is the human."""
    night = Night(folder)
    async with asyncio.timeout(limit_s):
        human = asyncio.create_task(meanwhile(night)) if meanwhile else None  # type: ignore[arg-type]
        engine = asyncio.create_task(Engine(folder, CAMPAIGN, make).run())
        try:
            if human is not None:
                await human
        except BaseException:
            engine.cancel()
            raise
        await engine
    return night.ledger


def paused(ledger: Ledger) -> bool:
    return ledger.state is State.PAUSED


def bodies(folder: Path, kind: type[Any]) -> list[Any]:
    """Return the journal's entries of a kind."""
    return [e.body for e in entries(folder) if isinstance(e.body, kind)]


def entries_of(folder: Path) -> list[Entry]:
    return entries(folder)


def price(server: FakeLLM) -> float:
    """Return what the server's own count costs."""
    return (server.tokens_in - server.cached) * PRICE_IN + server.cached * PRICE_IN / 2 + server.tokens_out * PRICE_OUT


def canvas_in(body: dict[str, Any]) -> dict[str, str]:
    """Return the knobs of the canvas that a request shows."""
    found = re.findall(r"^(KNOB_\d+) = (.+)$", prompt_of(body), re.M)
    return dict(reversed(found))  # the canvas comes first, earlier replies of the dialogue after it


class Researcher:
    """Answers every request with a patch of its own: a knob of the canvas shown, turned by a seeded step."""

    def __init__(self, seed: int = 0, better: bool = True) -> None:
        self.dice, self.better, self.asked = random.Random(seed), better, 4

    def __call__(self, body: dict[str, Any]) -> str:
        knobs = canvas_in(body)
        self.asked += 1
        name = f"KNOB_{self.asked % KNOBS}"
        step = -self.dice.randint(1, 3) if self.better else 10 + self.asked
        new = int(knobs[name]) + step
        return turn(name, knobs[name], str(new))


def turn(name: str, old: str, new: str) -> str:
    """Return a reply that turns one knob."""
    return reply(f"Turn {name} from {old} to {new}, since it is too high", f"{name} = {old}", f"{name} = {new}")
