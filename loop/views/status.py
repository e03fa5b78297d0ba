"""Ledger and progress of the present run → what is shown of a campaign: one line, one JSON object, words for numbers.

Pure: no files, no clock, no colours. Shared by `status`, the live view and the editors, so that all say the same.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import Cost, Purpose, Reason, ScoreSource, State, Verdict
from loop.text.numbers import number, plain, signed, signed_number, uncertainty

if TYPE_CHECKING:
    from loop.runs.progress import Progress

MARKS = {State.PREPARING: "◌", State.RUNNING: "●", State.PAUSED: "‖", State.STOPPED: "■", State.FINISHED: "✓"}
SILENT = "◌"  # the mark of a daemon that does not answer
LATELY = 20  # verdicts that the pace is taken from
PAUSE = 5  # an interval this many times the median was a pause and not an experiment

REASONS = {
    Reason.BETTER: "better",
    Reason.SIMPLER: "simpler",
    Reason.WITHIN_NOISE: "within noise",
    Reason.WORSE: "worse",
    Reason.FAILED: "failed",
    Reason.HUMAN: "by hand",
    Reason.TAMPERED: "tampered",
    Reason.LOST: "why is lost",
}


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
    return f"{'✗' if lost else SILENT if silent else MARKS[ledger.state]} " + " · ".join(part for part in parts if part)


def is_lost(ledger: Ledger, alive: bool | None) -> bool:
    """Return whether the campaign's daemon is gone without a word."""
    return alive is False and ledger.begun and ledger.state not in (State.STOPPED, State.FINISHED)


def is_silent(ledger: Ledger, alive: bool | None, silent_s: float) -> bool:
    """Return whether the campaign's daemon is there and does not answer."""
    return bool(alive and silent_s) and ledger.state not in (State.STOPPED, State.FINISHED)


def state_text(ledger: Ledger, alive: bool | None = None, silent_s: float = 0.0) -> str:
    """Return the state in a word or two: `interrupted` where its daemon is gone without one, `not begun` before it."""
    if alive is False and not ledger.begun:
        return "not begun"
    if is_silent(ledger, alive, silent_s):
        return f"no answer for {_span(silent_s)}"
    return "interrupted" if is_lost(ledger, alive) else str(ledger.state)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"


def silence_text(silent_s: float) -> str:
    """Return the sentence about a daemon that does not answer."""
    what = "it is suspended, or waits for the disk or for whoever has locked the journal"
    return f"the daemon has not answered for {_span(silent_s)}: {what}; what you ask for is taken up when it goes on"


def message_text(ledger: Ledger, alive: bool | None = None, silent_s: float = 0.0) -> str:
    """Return the sentence below the line: how it goes on where nothing runs it, else its last message."""
    if is_silent(ledger, alive, silent_s):
        return silence_text(silent_s)
    if alive is False and not ledger.begun:
        return "not begun; 'autoresearch start' begins it"
    if is_lost(ledger, alive):
        return "interrupted; 'autoresearch start' goes on"
    trouble = (
        f"a proposal came to nothing: {ledger.trouble}" if ledger.state is State.RUNNING and ledger.trouble else ""
    )
    return plain("; ".join(part for part in (ledger.message or doing(ledger), trouble) if part))


def doing(ledger: Ledger) -> str:
    """Return what a running campaign does now, from its runs: a recorded sentence may be hours old."""
    if ledger.state is not State.RUNNING or not ledger.experiments:
        return ""
    if ledger.running is None:
        return "waiting for a proposal" if ledger.incumbent is not None and not ledger.waiting else ""
    experiment, run = ledger.running
    name = f"#{experiment.number}" if experiment.number else "the baseline"
    match run.purpose:
        case Purpose.CONFIRM:
            return f"measuring {name} on another seed: its gain is not clear yet"
        case Purpose.COMPARE:
            return f"measuring {name}, the incumbent, on seed {run.seed}, where a patch is compared with it"
        case Purpose.AUDIT:
            return f"verifying: {name} on fresh seed {run.seed}"
        case Purpose.PRICE:
            return f"pricing {name}: the incumbent without it, on seed {run.seed}"
        case _:
            return f"measuring {name}"


def sandbox_text(ledger: Ledger) -> str:
    """Return how a campaign's runs are confined where that is less than everything, with what is missing; else ""."""
    tier = ledger.created.sandbox if ledger.created else "bubblewrap"
    if tier == "bubblewrap":
        return ""
    return f"sandbox: {plain(tier)}" if tier.startswith("bubblewrap") else "sandbox: none; a run can do what you can"


def status_dict(
    ledger: Ledger, progress: Progress | None, alive: bool | None = None, silent_s: float = 0.0
) -> dict[str, Any]:
    """Return the JSON object of `status --json`; `experiments` counts the judged ones.

    `incumbent`, `best_experiment`, `experiment` and `last`, the highest there is, are numbers of experiments.
    """
    created, current, best = ledger.created, current_experiment(ledger), ledger.best
    running = ledger.running if ledger.state in (State.PREPARING, State.RUNNING) else None
    return {
        "campaign": ledger.campaign,
        "state": state_text(ledger, alive),
        "alive": alive,
        "silent_s": silent_s if is_silent(ledger, alive, silent_s) else 0.0,
        "message": message_text(ledger, alive, silent_s),
        "experiment": current.number if current else None,
        "experiments": ledger.judged,
        "last": max(ledger.experiments, default=None),
        "keeps": ledger.keeps,
        "adopted": ledger.adopted,
        "waiting": sum(not e.unknown for e in ledger.waiting),
        "since_keep": ledger.since_keep,
        "metric": created.metric.name if created else "val_bpb",
        "goal": "minimize" if ledger.minimize else "maximize",
        "baseline": ledger.baseline,
        "noise_floor": ledger.noise_floor,
        "noise": ledger.noise.pair,
        "best": best.score if best else None,
        "best_experiment": best.number if best else None,
        "incumbent": ledger.incumbent,
        "incumbent_commit": ledger.incumbent_experiment.commit if ledger.incumbent_experiment else None,
        "purpose": str(running[1].purpose) if running else None,
        "hypothesis": running[0].hypothesis if running else None,
        "step": progress.step if progress else None,
        "share": progress.share if progress else None,
        "loss": progress.loss if progress else None,
        "remaining_s": progress.remaining_s if progress else None,
        "tokens_per_s": progress.tokens_per_s if progress else None,
        "per_hour": per_hour(ledger),
        "hours": ledger.busy_s / 3600,
        "dollars": ledger.spent.dollars,
        "tokens": ledger.spent.tokens_in + ledger.spent.tokens_out,
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


def per_hour(ledger: Ledger) -> float | None:
    """Return experiments per hour from the intervals between the last verdicts, pauses left out; None below two."""
    times = sorted(e.judged_at for e in ledger.experiments.values() if e.judged_at is not None and e.runs)[
        -LATELY - 1 :
    ]
    intervals = sorted(later - earlier for earlier, later in pairwise(times) if later > earlier)
    if not intervals:
        return None
    median = intervals[(len(intervals) - 1) // 2]
    working = [interval for interval in intervals if interval <= PAUSE * median]
    return 3600 * len(working) / sum(working)


def best_text(ledger: Ledger) -> str:
    """Return `best 0.9697 (−2.8 %)`: the best ever kept and its selected gain; "" before the baseline.

    Where the branch holds another, both are named: `best #6 2.3073 (−3.4 %), the branch holds #8 2.3873`.
    """
    best, baseline = ledger.best, ledger.baseline
    if best is None or best.score is None:
        return ""
    claimed = ledger.created is not None and ledger.created.source is ScoreSource.SELF_REPORTED
    source = " self-reported" if claimed else ""
    if best.number == 0 or not baseline:
        return f"baseline {number(best.score)}{source}" if best.number == 0 else f"best {number(best.score)}{source}"
    gain, tip = ledger.brought(best) or 0.0, tip_text(ledger)
    which = f"#{best.number} " if tip else ""
    share = signed(100 * gain / abs(baseline), ".1f")
    return f"best {which}{number(best.score)}{source} ({share} %){f', {tip}' if tip else ''}"


def tip_text(ledger: Ledger) -> str:
    """Return `the branch holds #8 2.3873` where that is not the best; "" where it is."""
    tip = ledger.left_behind
    if tip is None:
        return ""
    held = f"#{tip.number}" if tip.number else "the baseline"
    return f"the branch holds {held}" + (f" {number(tip.score)}" if tip.score is not None else "")


def pace_text(ledger: Ledger) -> str:
    """Return `11.7/h`, "" where it is unknown."""
    pace = per_hour(ledger)
    if pace is None:
        return ""
    return f"{pace:.1f}/h" if pace < 100 else f"{pace:.0f}/h"


def spent_text(ledger: Ledger) -> str:
    """Return `$3.20`, `$?` for an unknown price, "" where nothing was asked of a paid model."""
    spent = ledger.spent
    if spent.dollars is None:
        return "$?"
    return f"${spent.dollars:.2f}" if spent.dollars > 0 else ""


def cost_text(cost: Cost) -> str:
    """Return `$0.03, 11,240 tokens` of one proposal, `price unknown` for what has none, "" for a free one."""
    tokens = cost.tokens_in + cost.tokens_out
    digits = 4 if cost.dollars and cost.dollars < 0.1 else 2
    price = "price unknown" if cost.dollars is None else f"${cost.dollars:.{digits}f}"
    return ", ".join([*([price] if tokens or cost.dollars != 0 else []), *([f"{tokens:,} tokens"] if tokens else [])])


def score_text(experiment: Experiment, spread: bool = True) -> str:
    """Return `0.9932 ± 0.0003 (−0.0047)`; what is unknown is left out, "" without a score."""
    if experiment.score is None:
        return ""
    known = f" ± {uncertainty(experiment.uncertainty)}" if spread and experiment.uncertainty else ""
    delta = "" if experiment.delta is None else f" ({signed_number(experiment.delta)})"
    return f"{number(experiment.score)}{known}{delta}"


def verdict_text(experiment: Experiment, short: bool = False) -> str:
    """Return `keep, better`, or the short `better`; "waiting" before the verdict, `restored, …` after it was lost."""
    if experiment.verdict is None:
        known = "was kept" if experiment.was_kept else "verdict unknown"
        return ("" if short else "restored, ") + known if experiment.unknown else "waiting"
    if experiment.number == 0:
        return "baseline"
    if experiment.reason in (None, Reason.FAILED):
        return str(experiment.verdict)
    reason = REASONS[experiment.reason]
    if experiment.removes is not None and experiment.verdict is Verdict.KEEP:
        reason = f"price of #{experiment.removes}"
    return reason if short else f"{experiment.verdict}, {reason}"


def trouble(experiment: Experiment) -> str:
    """Return why an experiment has no score, "" where it has one or waits for it."""
    if experiment.score is not None or experiment.verdict is None:
        return ""
    return experiment.failure.told if experiment.failure else experiment.explanation
