"""What the live view shows of a campaign, as rich renderables. Pure; rich is imported when something is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loop.record.campaign_facts import CampaignCreated
from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import Mark, Reason, State
from loop.record.values import counted
from loop.text.numbers import number, plain, signed_number, uncertainty
from loop.views.claims import headline
from loop.views.experiments import score_text, trouble, verdict_text
from loop.views.standing import best_text, pace_text, spent_text
from loop.views.state import MARKS, SILENT, isolation, silence_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from loop.runs.progress import Progress

ROWS = 12
WIDE = 90  # columns that leave room for the uncertainty of each score
MARKED = {Mark.BASELINE: "✓", Mark.KEEP: "✓", Mark.PRICE: "▽", Mark.ADOPTED: "□", Mark.INVALID: "⊘", Mark.LOST: "?"}
COLOURS = {
    Reason.BETTER: "green",
    Reason.SIMPLER: "green",
    Reason.WITHIN_NOISE: "yellow",
    Reason.WORSE: "red",
    Reason.FAILED: "magenta",
    Reason.HUMAN: "cyan",
    Reason.TAMPERED: "bold red",
    Reason.LOST: "dim",
}


def verdict_line(experiment: Experiment) -> str:
    """Return one plain line: number, verdict, score and hypothesis."""
    score = score_text(experiment) or trouble(experiment)
    parts = (f"#{experiment.number}", verdict_text(experiment), plain(score, 60), plain(experiment.hypothesis, 100))
    return "  ".join(part for part in parts if part)


def render(
    ledger: Ledger, progress: Progress | None, width: int, rows: int = ROWS, silent_s: float = 0.0
) -> RenderableType:
    """Return the whole picture, at most `width` columns wide, with the last `rows` verdicts.

    `silent_s` is for how long the daemon has shown no life.
    """
    from rich.console import Group

    parts: list[RenderableType] = [_title(ledger), _now(ledger, progress, width), _numbers(ledger)]
    if ledger.keeps or ledger.verifications:
        parts.append(_text(headline(ledger), "bold"))
    if ledger.experiments:
        parts.append(_table(ledger, width, rows))
    if silent_s:
        parts.append(_text(f"{SILENT} {silence_text(silent_s)}", "red"))
    elif ledger.message:
        parts.append(_text(plain(ledger.message, 300), "yellow" if ledger.state is State.PAUSED else "dim"))
    return Group(*parts)


def _text(words: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(words, style)


def _title(ledger: Ledger) -> Text:
    created = ledger.created
    style = {State.RUNNING: "green", State.PREPARING: "cyan", State.PAUSED: "yellow"}.get(ledger.state, "bold")
    line = _text("").append(f"{MARKS[ledger.state]} {ledger.state}", style).append(f"  {ledger.campaign}", "bold")
    if created is not None:
        device = f" on {created.device}" if created.device else ""
        line.append(f"  {created.canvas}, {created.budget} each{device}, {created.source} score", "dim")
        line.append(_isolated(created), "dim")
    return line


def _isolated(created: CampaignCreated) -> str:
    match isolation(created):
        case "bubblewrap", missing:
            return f", isolated without {missing}" if missing else ""
        case "sandbox-exec", _:
            return ", partly isolated"
        case "", _:
            return ", isolation unknown"
        case _:
            return ", not isolated"


def _now(ledger: Ledger, progress: Progress | None, width: int) -> Text:
    """Return what trains: a bar for the share of its budget, step, loss and time left."""
    if ledger.running is None or ledger.state in (State.STOPPED, State.FINISHED):
        return _text("nothing trains" if ledger.state is not State.PREPARING else "getting ready", "dim")
    experiment, run = ledger.running
    line = _text("").append("baseline" if experiment.number == 0 else f"#{experiment.number}", "bold")
    line.append(f" {run.purpose}, seed {run.seed}  ")
    if progress is None:
        return line.append("starting", "dim")
    cells = max(10, min(30, width // 4))
    full = round(progress.share * cells)
    line.append("━" * full, "green").append("━" * (cells - full), "bright_black").append(
        f" {progress.share * 100:.0f} %"
    )
    line.append(f"  step {progress.step}")
    line.append("" if progress.loss is None else f"  loss {progress.loss:.3f}")
    line.append("" if progress.remaining_s is None else f"  {progress.remaining_s:.0f} s left", "dim")
    return line


def _numbers(ledger: Ledger) -> Text:
    """Return best ± noise and its distance to the baseline, counts, pace and what was spent."""
    best, parts, pair = ledger.best, [best_text(ledger)], ledger.noise.pair
    if best is not None and best.score is not None and pair is not None:
        parts.append(f"noise of a pair ± {uncertainty(pair)}" if pair else "ignores its seed")
        if best.number and ledger.baseline is not None:
            parts.append(f"baseline {number(ledger.baseline)} ({signed_number(ledger.brought(best) or 0.0)})")
    adopted = f", {ledger.adopted} adopted" if ledger.adopted else ""
    parts.append(f"{counted(ledger.judged, 'experiment')}, {ledger.keeps} kept{adopted}")
    parts += [pace_text(ledger), spent_text(ledger)]
    return _text(" · ".join(part for part in parts if part))


def _table(ledger: Ledger, width: int, rows: int) -> Table:
    """Return the last verdicts, the newest at the bottom, and below them what waits."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, width=width, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("#", justify="right", no_wrap=True, min_width=3)
    table.add_column("verdict", no_wrap=True, min_width=14)
    table.add_column("score", no_wrap=True, min_width=6)
    table.add_column("what was tried", ratio=1, no_wrap=True, overflow="ellipsis")
    running = ledger.running[0].number if ledger.running is not None else None
    for experiment in [*ledger.verdicts[-rows:], *(e for e in ledger.waiting if e.number != running)]:
        kind = ledger.mark(experiment)
        style = COLOURS[experiment.reason] if experiment.reason else "dim"
        style = "magenta" if kind in (Mark.PRICE, Mark.ADOPTED) else "dim" if kind is Mark.INVALID else style
        mark = f"{MARKED.get(kind, ' ')} "
        why = trouble(experiment)
        tried = plain(f"{experiment.hypothesis.rstrip('.')}: {why}" if why else experiment.hypothesis)
        score = score_text(experiment, spread=width >= WIDE)
        verdict = _text(mark + verdict_text(experiment, short=True), style)
        table.add_row(str(experiment.number), verdict, _text(score, style), _text(tried))
    return table
