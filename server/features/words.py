"""What a hunk, an experiment, the best and a canvas are called, on every client and in every place alike. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from loop.record.experiment import Experiment
from loop.record.types import ScoreSource
from loop.record.values import counted
from loop.text.numbers import NAMED, names, number, signed_number, uncertainty
from loop.views.claims import headline
from loop.views.experiments import verdict_text
from loop.views.standing import spent_text, tip_text
from server.reading import Reading
from server.snapshot import Snapshot

LABEL = 30  # characters of a hint; VS Code cuts all hints of a line at 43 together


def label(experiments: Sequence[Experiment], spread: bool = False) -> str:
    """Return `#17 −0.0043`, with `± 0.0003` where asked; `#12 #17 −0.0081` sums what those that wrote in turn brought.

    Without `spread` it fits a hint: then fewer are named, the newest always. A sum has no known uncertainty, and none
    is given where a summand is unknown.
    """
    deltas = [e.delta for e in experiments if e.delta is not None]
    gain = f" {signed_number(sum(deltas))}" if deltas and len(deltas) == len(experiments) else ""
    if spread and len(experiments) == 1 and gain and experiments[0].uncertainty:
        gain += f" {spread_words(experiments[0].uncertainty)}"
    numbers = [e.number for e in experiments]
    fitting = (names(numbers, limit) for limit in range(NAMED, 1, -1))
    return next((some for some in fitting if spread or len(some + gain) <= LABEL), names(numbers, 1)) + gain


def verdict_words(snapshot: Snapshot, experiment: Experiment) -> str:
    """Return `keep, better`; of what has no verdict whether it is running, waits, or has lost it."""
    return "running" if experiment.number == snapshot.running else verdict_text(experiment)


def score_words(experiment: Experiment) -> str:
    """Return `0.9932`, "" without a score."""
    return "" if experiment.score is None else number(experiment.score)


def delta_words(experiment: Experiment) -> str:
    """Return `−0.0047`, "" for what was compared with nothing."""
    return "" if experiment.delta is None else signed_number(experiment.delta)


def row(experiment: Experiment, *words: str) -> str:
    """Return an experiment as a row of a Markdown table: number, commit, these words of it, hypothesis."""
    why = " ".join(experiment.hypothesis.split()).replace("|", "\\|")
    return f"| {' | '.join((f'#{experiment.number}', experiment.commit[:7], *words, why))} |"


def memory_words(memory_mb: float | None) -> str:
    """Return `62 MB` or `9.3 GB`, "" for what is not known."""
    if memory_mb is None:
        return ""
    return f"{memory_mb:.0f} MB" if memory_mb < 100 else f"{memory_mb / 1024:.1f} GB"


def spread_words(deviation: float | None) -> str:
    """Return `± 0.0003`, "" for what is not known."""
    return f"± {uncertainty(deviation)}" if deviation else ""


def best_words(snapshot: Snapshot) -> str:
    """Return `best 0.9697 (#118)`, who says so where it is the script itself, and what the branch holds instead."""
    best = snapshot.best
    if best is None or best.score is None:
        return "no score yet"
    tip = tip_text(snapshot.ledger) if snapshot.ledger else ""
    return f"best {number(best.score)}{claimed(best)} (#{best.number})" + (f", {tip}" if tip else "")


def status_rows(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return what a status item tells of a campaign besides its line, as name and text; what is unknown is left out."""
    ledger, best, status = snapshot.ledger, snapshot.best, snapshot.status
    if ledger is None:
        return []
    running, left = status.get("hypothesis"), status.get("remaining_s")
    scored = f"{score_words(best)}{claimed(best)} (#{best.number})" if best and best.score is not None else ""
    rows = [
        ("now", f"#{status['experiment']} {running}" if running else ""),
        ("left", "" if left is None else f"{left:.0f} s of this run"),
        ("claim", headline(ledger) if ledger.keeps else ""),
        ("best", scored and f"{scored}, {ledger.keeps} kept of {ledger.judged}"),
        ("branch", tip_text(ledger)),
        ("score", f"{status['metric']}, {status['source']}" if status.get("source") else ""),
        ("noise", spread_words(status.get("noise"))),
        ("spent", spent_text(ledger)),
    ]
    return [(name, text) for name, text in rows if text]


def claimed(experiment: Experiment) -> str:
    """Return ` self-reported` behind a score that the script printed about itself, "" behind a sealed one."""
    return f" {experiment.source}" if experiment.source is ScoreSource.SELF_REPORTED else ""


def missing_words(snapshot: Snapshot, reading: Reading) -> str:
    """Return `20 kept patches`, or `3 kept patches and the adopted revert of #4`: what a pull would bring."""
    reverts = [e.removes for e in snapshot.known(reading.held.missing) if e.removes is not None]
    kept = reading.behind - len(reverts)
    parts = [counted(kept, "kept patch")] if kept or not reverts else []
    return " and ".join([*parts, f"the adopted revert of {names(reverts)}"] if reverts else parts)


def held_words(snapshot: Snapshot, reading: Reading) -> str:
    """Return `20 kept patches not in this file`, or that every one is, but for those that the human changed."""
    if reading.behind:
        return f"{missing_words(snapshot, reading)} not in this file"
    own = f" except {names(reading.held.changed)}, which you changed" if reading.held.changed else ""
    return f"every kept patch is in this file{own}"
