"""Runs the steps of the GPU check one after the other: within the deadline, and on after a step that fails.

A step runs commands in a `Shell`, which writes their output to the step's log and kills them when its time is up.
Knows no step, no goal and no GPU.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from bench.gpu.report import Figures, Result, Status

LEAST_S = 10.0  # a step is not begun with less time left
GRACE_S = 5.0  # from asking a command to end to killing it

Clock = Callable[[], float]
Shared = TypeVar("Shared")


class StepFailed(Exception):
    """A step cannot go on; the message is one sentence, `figures` are what it measured up to here."""

    def __init__(self, detail: str, figures: Figures | None = None) -> None:
        super().__init__(detail)
        self.figures = figures or {}


class OutOfTime(Exception):
    """The time of a step is over; `figures` are what it measured up to here."""

    def __init__(self, figures: Figures | None = None) -> None:
        super().__init__("out of time")
        self.figures = figures or {}


@dataclass(frozen=True)
class Shell:
    """Runs commands for one step."""

    log: Path
    until: float  # by the clock
    environment: Mapping[str, str]
    folder: Path
    clock: Clock = time.monotonic

    def run(self, *command: str, folder: Path | None = None, **variables: str) -> str:
        """Return what a command printed, both streams together; raises StepFailed or OutOfTime."""
        began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, cwd=folder or self.folder, env={**self.environment, **variables}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            code = process.wait(max(0.0, self.until - self.clock()))
        except subprocess.TimeoutExpired:
            raise OutOfTime from None
        finally:
            end(process)
        with self.log.open("rb") as log:
            log.seek(began)
            printed = log.read().decode(errors="replace")
        if code:
            lines = [line for line in printed.splitlines() if line.strip()]
            raise StepFailed(f"{Path(command[0]).name} ended with code {code}: {lines[-1][:300] if lines else ''}")
        return printed


def end(process: subprocess.Popen[bytes]) -> None:
    """End a command and what it left in its session: ask first, then kill; harmless when it has ended."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)


@dataclass(frozen=True)
class Step(Generic[Shared]):
    """One thing to find out."""

    name: str
    limit_s: float  # seconds at most, fewer where the deadline is nearer
    tells: tuple[int, ...]  # numbers of the doubts in docs/gpu.md that it settles
    act: Callable[[Shared, Shell], Figures]
    needs: tuple[str, ...] = ()  # modules


def perform(
    steps: Iterable[Step[Shared]],
    shared: Shared,
    shell: Callable[[str, float], Shell],  # the step's name, until when
    deadline: float,  # by the clock
    missing: frozenset[str] = frozenset(),  # modules that are needed and not there
    clock: Clock = time.monotonic,
) -> Iterator[Result]:
    """Yield the result of every step, in order, whatever happened to those before it."""
    for step in steps:
        began = clock()
        lacking = ", ".join(sorted(missing.intersection(step.needs)))
        status, detail, figures = Status.FAILED, f"this Python lacks {lacking}; see --vendor in docs/gpu.md", Figures()
        if deadline - began < LEAST_S:
            status, detail = Status.SKIPPED, "no time was left"
        elif not lacking:
            status, detail, figures = attempt(step, shared, shell(step.name, min(began + step.limit_s, deadline)))
        yield Result(step.name, status, round(clock() - began, 1), step.tells, figures, detail)


def attempt(step: Step[Shared], shared: Shared, shell: Shell) -> tuple[Status, str, Figures]:
    """Return how a step ended, why where it did not pass, and what it measured."""
    try:
        return Status.PASSED, "", step.act(shared, shell)
    except StepFailed as failed:
        return Status.FAILED, str(failed), failed.figures
    except OutOfTime as over:
        return Status.TIMED_OUT, "not done in time", over.figures
    except Exception as error:  # the steps after it must run, whatever this one met
        return Status.FAILED, f"{type(error).__name__}: {error}", {}
