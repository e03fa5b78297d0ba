"""Any CLI agent (`command:`) in a throw-away folder: prompt on standard input, the canvas's change taken.

It runs with the user's own environment and network, since it brings its own key; it is no sandbox. Its whole process
tree ends with it. Every other file that it changed is discarded and said in the evidence.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shlex
import stat
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from loop.proposers import Abandoned, Brief, Proposal
from loop.proposers.agent import MOST_OUTPUT, Exit, execute
from loop.proposers.dialogue import Fault, objection
from loop.proposers.digest import said
from loop.proposers.prompt import Message, Mode, build, repair
from loop.proposers.replies import one_line, read
from loop.proposers.scrub import scrub
from loop.record.types import Author, Cost, Failure, ProposalFailed

Lay = Callable[[str, Path], None]  # fills an empty folder with the files of a commit
TRIES = 2
LARGEST_CANVAS = 4 << 20  # bytes
NO_KEY = re.compile(r"check your api key|not logged in|please (?:run /login|log in)", re.I)
NEEDS_A_PERSON = re.compile(r"log ?in|logged out|api.?key|unauthori[sz]ed|credit|quota|usage limit|billing", re.I)


@dataclass(frozen=True)
class Ending:
    """How one run of the agent ended, and what it left."""

    exit: Exit
    text: str | None  # the canvas; None where it is no longer a readable file
    others: tuple[str, ...]  # other files changed, made or deleted


class Command:
    """One CLI agent. `lay` puts the campaign's files into its folder; without it there is the canvas alone."""

    finite = False

    def __init__(self, command: str, lay: Lay | None = None) -> None:
        self.name = command
        self.lay = lay

    async def propose(self, brief: Brief) -> Proposal:
        return await self._run(brief, brief.text, build(brief, _count, Mode.FOLDER))

    async def repair(self, brief: Brief, broken: Proposal, failure: Failure) -> Proposal | None:
        return await self._run(brief, broken.text, repair(brief, broken, failure, _count, Mode.FOLDER))

    async def _run(self, brief: Brief, text: str, messages: list[Message]) -> Proposal:
        prompt = "\n\n".join(message.text for message in messages)
        start, complaint, cost, said_so = time.monotonic(), "", Cost(), list[str]()
        for attempt in range(TRIES):
            left_s = brief.program.deadline_s - (time.monotonic() - start)
            if attempt and (reached := brief.limit(cost)):
                raise ProposalFailed(reached, cost=cost)
            asked = f"{prompt}\n\n{complaint}" if complaint else prompt
            try:
                ending = await self._once(brief, text, asked, left_s)
            except asyncio.CancelledError:
                raise Abandoned(replace(cost, seconds=time.monotonic() - start)) from None
            except OSError as error:
                sentence = f"'{self.name}' cannot be started: {error.strerror or error}; check 'command:' in program.md"
                raise ProposalFailed(scrub(sentence), True, replace(cost, seconds=time.monotonic() - start)) from None
            said_so.append(_report(ending))
            cost = replace(cost + _cost(ending.exit.output), seconds=time.monotonic() - start)
            if ending.exit.code is None or ending.text is None or (ending.exit.code != 0 and ending.text == text):
                raise self._failed(brief, ending, cost)
            if ending.text == text:
                complaint = f"You changed nothing in {brief.canvas}. Edit that file now."
                continue
            found = objection(brief, ending.text)
            if found is not None and (found.fault is not Fault.NEAR or attempt == 0):
                complaint = found.text
                continue
            reply = read(_final(ending.exit.output))
            evidence = {"prompt.md": scrub(asked), "reply.md": scrub("\n\n".join(said_so))}
            hypothesis = scrub(_sentence(reply.hypothesis)) or f"change {brief.canvas} (the agent said nothing)"
            expected = scrub(reply.expected)
            return Proposal(ending.text, hypothesis, Author.COMMAND, self.name, expected, (), cost, evidence)
        sentence = f"'{self.name}' gave no usable change in {TRIES} runs; the last: {said(complaint, 160)}"
        if ending.text == text and (words := _refused(ending.exit.output)):
            raise ProposalFailed(scrub(f"'{self.name}' changed nothing and ended with: {words}"), True, cost)
        raise ProposalFailed(scrub(sentence), cost=cost)

    def _failed(self, brief: Brief, ending: Ending, cost: Cost) -> ProposalFailed:
        code, lines = ending.exit.code, _final(ending.exit.output).splitlines()
        if code is None:
            late = f"was still running after {brief.program.deadline_s:g} s"
            why = f"printed more than {MOST_OUTPUT >> 20} MB" if ending.exit.flooded else late
            return ProposalFailed(f"'{self.name}' {why}; ended", cost=cost)
        if ending.text is None:
            return ProposalFailed(f"'{self.name}' left no readable {brief.canvas}", cost=cost)
        last = one_line(scrub(next((x for x in reversed(lines) if x.strip()), "no output")), 160)
        pause = code in (126, 127) or bool(NEEDS_A_PERSON.search(last))
        return ProposalFailed(f"'{self.name}' ended with exit code {code}: {last}", pause, cost)

    async def _once(self, brief: Brief, text: str, prompt: str, limit_s: float) -> Ending:
        """Run the agent once in a folder of its own; nothing of it is left, whatever happens."""
        with tempfile.TemporaryDirectory(prefix="autoresearch-agent-", ignore_cleanup_errors=True) as scratch:
            folder = Path(scratch) / "campaign"
            folder.mkdir()
            if self.lay is not None:
                await asyncio.to_thread(self.lay, brief.commit, folder)
            canvas = folder / brief.canvas
            canvas.parent.mkdir(parents=True, exist_ok=True)
            canvas.write_bytes(text.encode())
            (Path(scratch) / "prompt").write_text(prompt, encoding="utf-8", errors="replace")
            before = await asyncio.to_thread(_fingerprints, folder)
            end = await execute(shlex.split(self.name), folder, Path(scratch) / "prompt", limit_s)
            after = await asyncio.to_thread(_fingerprints, folder)
            changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
            left = _text(folder, canvas)  # an agent has its user's keys: none may get into git with the canvas
            left = left if left in (None, text) else scrub(left, shapes=False, known=text)
            return Ending(end, left, tuple(sorted(changed - {brief.canvas})))


def _fingerprints(folder: Path) -> dict[str, str]:
    """Return every file below a folder with a hash of its content; links are not followed."""
    marks: dict[str, str] = {}
    for top, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in (".git", "__pycache__", "node_modules")]
        for path in (Path(top) / name for name in files):
            with contextlib.suppress(OSError):
                info = path.lstat()
                small = stat.S_ISREG(info.st_mode) and info.st_size <= LARGEST_CANVAS
                content = hashlib.sha256(path.read_bytes()).hexdigest() if small else f"{info.st_mtime_ns}"
                marks[path.relative_to(folder).as_posix()] = f"{info.st_mode} {info.st_size} {content}"
    return marks


def _text(folder: Path, canvas: Path) -> str | None:
    """Return the canvas if it still is a plain UTF-8 file inside the folder: a link could name any file."""
    try:
        if canvas.resolve(strict=True) != folder.resolve() / canvas.relative_to(folder):
            return None
        with os.fdopen(os.open(canvas, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            info = os.fstat(file.fileno())
            regular = stat.S_ISREG(info.st_mode) and info.st_size <= LARGEST_CANVAS
            return file.read().decode() if regular else None
    except (OSError, UnicodeDecodeError):
        return None


def _final(output: str) -> str:
    """Return an agent's last words: the `result` of an answer in JSON (as `claude` gives it), else what it printed."""
    result = _json(output).get("result")
    return result if isinstance(result, str) else output


def _refused(output: str) -> str:
    """Return why an agent that calls it success did nothing: aider ends with exit code 0 without a key. Else ""."""
    last = one_line(" ".join(_final(output).split()[-40:]), 160)
    return last if NO_KEY.search(last) else ""


def _json(output: str) -> dict[str, object]:
    with contextlib.suppress(ValueError, RecursionError):
        answer = json.loads(output)
        return answer if isinstance(answer, dict) else {}
    return {}


def _sentence(text: str) -> str:
    """Return the first sentence."""
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]


def _cost(output: str) -> Cost:
    """Return what a run cost in dollars; of an agent that does not say so it is unknown."""
    dollars = _json(output).get("total_cost_usd")
    return Cost(dollars=float(dollars) if isinstance(dollars, int | float) else None)


def _report(ending: Ending) -> str:
    others = "".join(f"\n- {one_line(name, 120)}" for name in ending.others[:50])
    discarded = f"\n\nDiscarded, since only the canvas may change:{others}" if others else ""
    return f"Exit code {ending.exit.code}.{discarded}\n\n{ending.exit.output[-20_000:]}"


def _count(text: str) -> int:
    return len(text) // 3 + 1
