"""The defences, and how each is switched off: anchored edits of prepare.py, and switches of the engine.

A test of an attack shows first that it wins without its defence, so that it cannot pass by being broken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from loop.record.types import Failure
from loop.runs.confinement import Confinement
from loop.runs.run import RunResult
from loop.runs.runner import Runner
from loop.runs.staged import Staged
from loop.trust.sandbox import PROCESS_GROUP, Sandbox
from tests.attacks.patching import change, ruler

Edits = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Defence:
    """One defence: what its absence changes in prepare.py, and in the engine."""

    edits: Edits = ()
    switch: Callable[[pytest.MonkeyPatch], None] = lambda patch: None


def no_preflight(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("loop.trust.preflight.check", lambda *given, **named: [])


def no_rehearsal(patch: pytest.MonkeyPatch) -> None:
    async def nothing(self: Runner, commit: str) -> None:
        return None

    patch.setattr(Runner, "rehearse", nothing)


def any_literal(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("loop.trust.preflight.smuggled", lambda text, baseline: None)
    patch.setattr("loop.engine.inspection.smuggled", lambda text, baseline: None)


def any_work(patch: pytest.MonkeyPatch) -> None:
    for place in ("outcome", "staged"):
        patch.setattr(f"loop.runs.{place}.beyond", lambda allowed, work: "")
    patch.setattr("loop.runs.ruler.Ruler.rows_for", lambda self, budget: None)
    patch.setattr("loop.record.work.Allowance.clock_s", None)


def no_sandbox(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("loop.engine.opening.probe", lambda: Sandbox(PROCESS_GROUP, reason="switched off by a test"))


def printed_scores(patch: pytest.MonkeyPatch) -> None:
    """Believe a number that a run or the scorer's log says, as a script that measures itself is believed."""
    sealed = Staged.score

    async def score(self: Staged, result: RunResult) -> float | Failure:
        answer = await sealed(self, result)
        logs = [*self.run_dir.glob("*.log"), *self.run_dir.parent.glob("*/*.log"), self.run_dir / "summary.json"]
        said = "".join(log.read_text(errors="replace") for log in logs if log.is_file())
        return min([float(x) for x in re.findall(r'val_bpb"?:\s*(0\.1\d*)', said)], default=answer)

    patch.setattr(Staged, "score", score)


def no_covers(patch: pytest.MonkeyPatch) -> None:
    def wrap(self: Confinement, *where: Any) -> tuple[str, ...]:
        slot, run_dir = where[-2:]  # the scorer's sandbox is told its ruler first
        ruler, folder = self.conditions.ruler, slot / self.conditions.folder
        return self.sandbox.wrap(
            slot=slot,
            run_dir=run_dir,
            top=self.top,
            python=self.conditions.python,
            readable=ruler.read_paths if ruler else (),
            protect=[folder / "prepare.py", folder / self.conditions.canvas],
        )

    patch.setattr(Confinement, "training", wrap)
    patch.setattr(Confinement, "scoring", wrap)


DEFENCES: dict[str, Defence] = {
    "preflight": Defence(switch=no_preflight),
    "rehearsal": Defence(switch=no_rehearsal),
    "sealed": Defence(switch=printed_scores),
    "literals": Defence(switch=any_literal),
    "audit": Defence((("    if float(apart.max()) <= exam.tolerance:\n", "    if True:\n"),)),
    "channel": Defence(switch=no_sandbox),
    "covers": Defence(switch=no_covers),
    "work check": Defence(
        (
            ("        if Budget.latest is not None:\n", "        if False:\n"),
            # The supervisor takes one start of the clock from a run.
            ("            _loop.start_clock()\n", "            if not _loop.mark:\n                _loop.start_clock()\n"),
            ("if _loop.channel is not None:\n    _seal()\n", ""),
            ("        if self._asked and self.limit.kind == \"flop\" and self.handed_out", "        if False and self.handed_out"),
            ("        self.flop += max(self._step_flop * grown, handed * token_flop())\n", "        self.flop += self._step_flop * grown\n"),
            ('        if self._counts and not self._outside:\n', "        if False:\n"),
            ("        if self.share < ENOUGH and", "        return\n        if self.share < ENOUGH and"),
        ),
        any_work,
    ),
    "final submit": Defence(
        (("    _loop.end()\n", "    import atexit\n\n    atexit.register(_loop.end)\n"),)
    ),
}  # fmt: skip


# Not a defence's absence but imports saved: for attacks whose weights are what they are, audited or not.
UNAUDITED: Edits = (
    ("        models, auditors = start(_side_by_side(profile())), start(_side_by_side(profile()))\n", "        models, auditors = start(), []\n"),
    ("    difference = _audit(exam, nats, batch, auditors, start)\n", "    difference = 0.0\n"),
)  # fmt: skip


def ruler_without(names: Iterable[str], sides: int = 1, audited: bool = True) -> str:
    """Return the small ruler with some defences switched off."""
    text = change(ruler(sides), *(() if audited else UNAUDITED))
    for name in names:
        text = change(text, *DEFENCES[name].edits)
    return text


def switch_off(names: Iterable[str], patch: pytest.MonkeyPatch) -> None:
    for name in names:
        DEFENCES[name].switch(patch)
