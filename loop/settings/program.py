"""program.md → Program: the settings of its front matter, every one checked, and the prose.

All keys have defaults, so plain prose is a program too. Every problem is found at once, with its line.
Pure: takes text, reads no file. Its keys are in keys.py, its YAML in front.py, their readers in values.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from loop.record.types import Author, Metric, Problem, ProgramError, Refused
from loop.record.values import NONE, Budget, BudgetKind, parse_budget
from loop.settings.devices import AUTO
from loop.settings.front import Front, Pair, Span, Texts
from loop.settings.keys import KEYS, Key, find_key, unknown

__all__ = [
    "KEYS", "Budget", "BudgetKind", "Heading", "Key", "Metric", "Pair", "Program", "Span", "Stop",
    "check", "find_key", "key_lines", "override", "pairs", "parse", "parse_budget", "program_hash",
]  # fmt: skip


@dataclass(frozen=True)
class Stop:
    """When a campaign ends by itself; None is no limit. The defaults cost at most what one night may cost."""

    experiments: int | None = 100
    hours: float | None = 10.0
    dollars: float | None = 20.0
    tokens: int | None = None
    plateau: int | None = 40  # experiments in a row without a keep


@dataclass(frozen=True)
class Heading:
    """A heading of the prose: its line in program.md (1-based), its depth (1 is `#`) and its text."""

    line: int
    level: int
    text: str


@dataclass(frozen=True)
class Program:
    """program.md, checked. `models` is empty only where a `command` proposes alone."""

    models: tuple[str, ...] = ("knobs",)
    command: str | None = None
    budget: str | None = None  # as prepare.py reads it; None is the default that fits the machine
    canvas: str = "train.py"  # relative to program.md's folder, with forward slashes
    run: str = "python train.py"
    metric: Metric = field(default_factory=Metric)
    stop: Stop = field(default_factory=Stop)
    devices: str = AUTO  # or device names joined by commas
    data: str = "auto"  # source for prepare.py
    queue: int = 2  # proposals prepared ahead of the run
    repeats: int = 3  # runs of the baseline
    verify: int = 3  # fresh pairs of best and baseline when the campaign ends; 0 for none
    prompt_tokens: int = 24_000
    deadline_s: float = 600.0  # of one proposal, all attempts together
    api_base: str | None = None
    prose: str = ""

    @property
    def searches(self) -> bool:
        """Whether the built-in search is one of the proposers."""
        return Author.KNOBS in self.models

    @property
    def readers(self) -> tuple[str, ...]:
        """The proposers that read prose and notes: all but the built-in search."""
        models = (name for name in self.models if name != Author.KNOBS)
        return (*models, self.command) if self.command else tuple(models)


def parse(text: str) -> Program:
    """Return the checked program; raises ProgramError with every problem in the order of the lines."""
    program, problems, _ = _read(text)
    if problems:
        raise ProgramError(problems)
    return program


def check(text: str) -> list[Problem]:
    """Return every problem of program.md in the order of the lines; none when `parse` accepts it."""
    return _read(text)[1]


def pairs(text: str) -> list[Pair]:
    """Return every key with its value and where they stand, the known and the unknown; empty where YAML is broken."""
    return _read(text)[2].pairs


def key_lines(text: str) -> dict[str, int]:
    """Return the line (1-based) of every known key by its full name; empty where the YAML is broken."""
    return {name: line for name, (line, _) in _read(text)[2].texts.items()}


def program_hash(text: str) -> str:
    """Return the short hash that experiments are recorded under; line ends do not change it."""
    return hashlib.sha256(_normalise(text).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def override(program: Program, overrides: Mapping[str, str]) -> Program:
    """Return the program with keys replaced, as on a command line: short names (`experiments`), text values.

    `model` replaces a command and the reverse, unless both are given. Raises Refused with what to show.
    """
    texts: Texts = {}
    for name, text in overrides.items():
        full = find_key(name)
        if full is None:
            raise Refused(f"--{name.replace('_', '-')}: {unknown(name.replace('-', '_'))[0]}")
        texts[full] = (0, text.strip())
    program, wrong = _apply(program, texts)
    if wrong:
        options = {name: name.rpartition(".")[2].replace("_", "-") for name in wrong}
        raise Refused("\n".join(f"--{options[name]}: {finding}" for name, finding in wrong.items()))
    return program


def _normalise(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _read(text: str) -> tuple[Program, list[Problem], Front]:
    lines = _normalise(text).split("\n")
    first, last = _front(lines)
    if last == len(lines):
        message = "the front matter that begins here is never closed; add a line '---' below its last key"
        return Program(), [Problem(first, None, message)], Front("", first)
    front = Front("\n".join(lines[first:last]), first).read()
    program, wrong = _apply(Program(), front.texts)
    problems = [Problem(front.texts[name][0], name, f"{name}: {finding}") for name, finding in wrong.items()]
    body = last + 1 if first else 0
    program = replace(program, prose="\n".join(lines[body:]).strip())
    return program, sorted(front.problems + problems, key=lambda p: p.line), front


def _front(lines: list[str]) -> tuple[int, int]:
    """Return the half-open range of the front matter's lines (0-based).

    It is (0, 0) where there is none, and reaches the end of the file where it is never closed.
    """
    opening = next((n for n, line in enumerate(lines) if line.strip()), 0)
    if lines[opening].rstrip() != "---":
        return 0, 0
    first = opening + 1
    return first, next((n for n in range(first, len(lines)) if lines[n].rstrip() == "---"), len(lines))


def headings_of(lines: list[str], start: int) -> tuple[Heading, ...]:
    """Return the `#` headings from line `start` (0-based) on, those in fenced code left out."""
    found = ((n, re.match(r" {0,3}(#{1,6})[ \t]+(.*)", line)) for n, line in unfenced(lines, start))
    return tuple(Heading(n + 1, len(mark[1]), mark[2].rstrip(" \t#")) for n, mark in found if mark)


def unfenced(lines: list[str], start: int) -> Iterator[tuple[int, str]]:
    """Yield the lines from `start` on that are not in fenced code, each with its number (both 0-based)."""
    fence = ""
    for number, line in enumerate(lines[start:], start):
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and not line.strip(" `~"):
            fence = ""
        elif not fence:
            yield number, line


def _apply(program: Program, texts: Texts) -> tuple[Program, dict[str, str]]:
    """Return the program with these values read, and what is wrong by key; an empty value leaves what was there."""
    wrong: dict[str, str] = {}
    given: set[str] = set()
    for name, (_, text) in texts.items():
        if not text or (text.lower() in NONE and not name.startswith("stop.")):
            continue
        try:
            program = _set(program, KEYS[name].field, KEYS[name].read(text))
            given.add(name)
        except ValueError as error:
            wrong[name] = str(error)
    if given & {"command", "model"} == {"command"}:
        program = replace(program, models=())
    if given & {"command", "model"} == {"model"}:
        program = replace(program, command=None)
    return program, wrong


def _set(program: Program, path: str, value: object) -> Program:
    head, _, tail = path.partition(".")
    if tail:
        value = replace(getattr(program, head), **{tail: value})
    return replace(program, **{head: value})  # type: ignore[arg-type]
