"""Ledger and progress of the present run → the status: one line, and one object for scripts and editors.

Pure: no files, no clock, no colours. Shared by `status`, the live view and the editors, so that all say the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import State
from loop.views.standing import best_text, pace_text, per_hour, spent_text
from loop.views.state import LOST, MARKS, SILENT, is_lost, is_silent, message_text, state_text

if TYPE_CHECKING:
    from loop.runs.progress import Progress


def status_line(ledger: Ledger, progress: Progress | None, alive: bool | None = None, silent_s: float = 0.0) -> str:
    """Return `● #47 · 62 % · loss 3.21 · best 0.9697 (−2.8 %) · 11.7/h · $3.20`; what is unknown is left out.

    `alive` is whether a daemon runs it, where that is known; a campaign that should run and does not is interrupted.
    `silent_s` is for how long that daemon has shown no life.
    """
    current = current_experiment(ledger)
    lost, silent = is_lost(ledger, alive), is_silent(ledger, alive, silent_s)
    active = ledger.state in (State.PREPARING, State.RUNNING) and not lost and not silent
    parts = [] if active and ledger.state is State.RUNNING else [state_text(ledger, alive, silent_s)]
    if current is not None:
        parts.append("baseline" if current.number == 0 else f"#{current.number}")
    if active and progress is not None:
        parts.append(f"{progress.share * 100:.0f} %")
        parts += [] if progress.loss is None else [f"loss {progress.loss:.2f}"]
    parts += [best_text(ledger), pace_text(ledger), spent_text(ledger)]
    mark = LOST if lost else SILENT if silent else MARKS[ledger.state]
    return f"{mark} " + " · ".join(part for part in parts if part)


def status_dict(
    ledger: Ledger, progress: Progress | None, alive: bool | None = None, silent_s: float = 0.0
) -> dict[str, Any]:
    """Return the JSON object of `status --json`; `experiments` counts the judged ones.

    `incumbent`, `best_experiment`, `experiment` and `last`, the highest there is, are numbers of experiments.
    """
    return {
        "campaign": ledger.campaign,
        "state": state_text(ledger, alive),
        "alive": alive,
        "silent_s": silent_s if is_silent(ledger, alive, silent_s) else 0.0,
        "message": message_text(ledger, alive, silent_s),
        **_counts(ledger),
        **_scores(ledger),
        **_run(ledger, progress),
        "per_hour": per_hour(ledger),
        "hours": ledger.busy_s / 3600,
        "dollars": ledger.spent.dollars,
        "tokens": ledger.spent.tokens_in + ledger.spent.tokens_out,
        **_conditions(ledger),
    }


def _counts(ledger: Ledger) -> dict[str, Any]:
    current = current_experiment(ledger)
    return {
        "experiment": current.number if current else None,
        "experiments": ledger.judged,
        "last": max(ledger.experiments, default=None),
        "keeps": ledger.keeps,
        "adopted": ledger.adopted,
        "waiting": sum(not e.unknown for e in ledger.waiting),
        "since_keep": ledger.since_keep,
    }


def _scores(ledger: Ledger) -> dict[str, Any]:
    best, incumbent = ledger.best, ledger.incumbent_experiment
    return {
        "metric": ledger.created.metric.name if ledger.created else "val_bpb",
        "goal": "minimize" if ledger.minimize else "maximize",
        "baseline": ledger.baseline,
        "noise_floor": ledger.noise_floor,
        "noise": ledger.noise.pair,
        "best": best.score if best else None,
        "best_experiment": best.number if best else None,
        "incumbent": ledger.incumbent,
        "incumbent_commit": incumbent.commit if incumbent else None,
    }


def _run(ledger: Ledger, progress: Progress | None) -> dict[str, Any]:
    running = ledger.running if ledger.state in (State.PREPARING, State.RUNNING) else None
    return {
        "purpose": str(running[1].purpose) if running else None,
        "hypothesis": running[0].hypothesis if running else None,
        "step": progress.step if progress else None,
        "share": progress.share if progress else None,
        "loss": progress.loss if progress else None,
        "remaining_s": progress.remaining_s if progress else None,
        "tokens_per_s": progress.tokens_per_s if progress else None,
    }


def _conditions(ledger: Ledger) -> dict[str, Any]:
    created = ledger.created
    return {
        "source": str(created.source) if created else None,
        "device": created.device if created else None,
        "budget": created.budget if created else None,
        "canvas": created.canvas if created else None,
        "sandbox": created.sandbox if created else None,
        "comparison_key": created.comparison_key if created else None,
    }


def current_experiment(ledger: Ledger) -> Experiment | None:
    """Return the experiment that trains, else the one judged last."""
    if ledger.running is not None:
        return ledger.running[0]
    return ledger.last_judged
