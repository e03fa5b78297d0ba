"""The two walks of ARCHITECTURE.md are what happens: a real campaign and the real server pass these functions in order.

Engine and server run in this process, and every call of a function of ours is noted; a run's own processes are not
looked into. A function that was renamed, or that is not passed in this order any more, fails the test.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from loop.engine.engine import Engine
from loop.proposers import make
from loop.record.experiment import Experiment
from loop.record.home import find_home
from loop.record.intents import StartRequested
from loop.record.journal import Journal
from loop.record.lock import holding
from loop.record.types import Verdict
from tests.server.desk import Desk
from tests.stub import CANVAS, PROGRAM, make_campaign

DEADLINE_S = 300.0  # every call of a function costs an entry here
LONG = PROGRAM.replace("{experiments: 6}", "{experiments: 300, plateau: none}")  # it must not end before the revert
TOP = Path(__file__).parents[1]
PAGE = (TOP / "ARCHITECTURE.md").read_text(encoding="utf-8")
STEP = re.compile(r"^\| .+ \| `((?:loop|server)/[\w/]+\.py): ([\w.]+)` \|$", re.M)


def walk(title: str) -> list[str]:
    """Return the functions that a walk of the page names, each as `path.py: qualified name`."""
    _, _, rest = PAGE.partition(f"\n### {title}\n")
    names = [f"{path}: {name}" for path, name in STEP.findall(rest.partition("\n#")[0])]
    assert len(names) > 10, f"ARCHITECTURE.md has no walk {title!r}"
    return names


def passed(calls: list[str], names: list[str]) -> list[str]:
    """Return the longest beginning of a walk that the calls pass in order."""
    rest = iter(calls)
    return [name for name in names if any(call == name for call in rest)]


@contextmanager
def noted() -> Iterator[list[str]]:
    """Note each call of a function of loop/ or server/ in this thread, and in those that it starts."""
    calls: list[str] = []
    known: dict[CodeType, str] = {}

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if code not in known:
            path = code.co_filename.removeprefix(f"{TOP}/")
            known[code] = f"{path}: {code.co_qualname}" if path.startswith(("loop/", "server/")) else ""
        if event == "call" and known[code]:
            calls.append(known[code])

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


async def until(look: Callable[[], Any], good: Callable[[Any], object] = bool) -> Any:
    """Return what `look` gives, or what it awaits, once that is good."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = look()
            found = await found if inspect.isawaitable(found) else found
            if good(found):
                return found
            await asyncio.sleep(0.05)


@asynccontextmanager
async def night(folder: Path) -> AsyncIterator[tuple[Desk, Callable[[], list[Experiment]]]]:
    """Run a campaign in this process; yield an editor with its canvas open, and what gives the judged experiments."""
    home = find_home(folder)
    with Journal(home.journal) as journal:
        journal.append("night", StartRequested())
    with holding(home.lock):
        home.lock.write_text("night", encoding="utf-8")
        engine = Engine(folder, "night", make)
        work = asyncio.create_task(engine.run())
        desk = Desk(folder, CANVAS, "utf-16")
        await desk.begin(folder)
        try:
            yield desk, lambda: [e for e in engine.campaign.ledger.experiments.values() if e.number and e.verdict]
        finally:
            engine.stop()
            await work
            await desk.end()


async def test_a_walk_that_is_not_taken_is_noticed() -> None:
    calls = ["loop/a.py: one", "loop/a.py: two", "loop/a.py: one"]
    assert passed(calls, ["loop/a.py: two", "loop/a.py: one"]) == ["loop/a.py: two", "loop/a.py: one"]
    assert passed(calls, ["loop/a.py: two", "loop/a.py: two"]) == ["loop/a.py: two"]


@pytest.mark.timeout(5 * DEADLINE_S)
async def test_the_walks_of_the_page_are_what_happens(tmp_path: Path) -> None:
    with noted() as calls:
        async with night(make_campaign(tmp_path / "night", LONG)) as (desk, judged):
            await until(lambda: any(e.verdict is Verdict.KEEP for e in judged()))
            await until(lambda: desk.run("pull"), lambda answer: answer.get("pulled"))  # once the server has read it
            lines = {"start": {"line": 0, "character": 0}, "end": {"line": 30, "character": 0}}
            where = {"textDocument": {"uri": desk.uri}, "range": lines}
            await until(lambda: desk.ask("textDocument/inlayHint", where))
            patch, begin = calls[:], len(calls)
            shown = await desk.ask("autoresearch/hunks", {"uri": desk.uri})
            answer = await desk.run("revertHunk", hunk=shown["hunks"][0]["id"], version=desk.version)
            assert answer["ok"] and answer["measured"], answer
            cost = await until(lambda: next((e.number for e in judged() if e.removes == answer["experiment"]), None))
            which = {"uri": desk.uri, "experiment": cost}
            await until(lambda: desk.ask("autoresearch/experiment", which), lambda found: found.get("delta_text"))
            hunk = calls[begin:]
    assert passed(patch, walk("A patch, from proposal to inlay hint")) == walk("A patch, from proposal to inlay hint")
    assert passed(hunk, walk("A hunk, from Revert to its cost")) == walk("A hunk, from Revert to its cost")
