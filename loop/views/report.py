"""Ledger → what leaves the project: rows, results.tsv, progress.png, report.html. Exports, never read back.

What they say comes from models and scripts, and is data: on one line in tables, escaped in HTML, where a content
security policy would stop it a second time. matplotlib and jinja2 are imported when something is drawn.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import AutoResearchError, Refused, ScoreSource, Verdict
from loop.text.numbers import plain, precise, signed_number, visible
from loop.views.chart import BOTTOM, FONT, HEIGHT, HEIGHTS, LEFT, RIGHT, TOP, WIDTH, Chart, draw
from loop.views.claims import counts, facts, headline, prices, selected, summary, verification
from loop.views.experiments import score_text, trouble, verdict_text

__all__ = ["exports", "plot", "results_rows", "summary", "tsv", "write_html", "write_tsv"]

COLOURS = {
    "keep": "#1a7f37",
    "best": "#1a7f37",
    "verified": "#0550ae",
    "noise": "#bf8700",
    "worse": "#8c959f",
    "price": "#8250df",
    "adopted": "#8250df",
    "crash": "#cf222e",
    "invalid": "#8c959f",
    "baseline": "#24292f",
}
LONGEST_DIFF = 3000  # lines of one patch
MAKER = "AutoResearch, in your editor"  # in the files that cannot show whose they are
HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription"


def results_rows(ledger: Ledger) -> list[dict[str, Any]]:
    """Return every experiment as an object that JSON can hold, by number; None for what is not known."""
    return [_row(experiment) for _, experiment in sorted(ledger.experiments.items())]


def _row(e: Experiment) -> dict[str, Any]:
    at = e.judged_at if e.judged_at is not None else e.proposed_at
    return {
        "experiment": e.number,
        "commit": e.commit,
        "score": _finite(e.score),
        "uncertainty": _finite(e.uncertainty),
        "delta": _finite(e.delta),
        "verdict": None if e.verdict is None else str(e.verdict),
        "reason": None if e.reason is None else str(e.reason),
        "outcome": None if e.outcome is None else str(e.outcome),
        "source": None if e.source is None else str(e.source),
        "author": str(e.author),
        "proposer": plain(e.proposer),
        "hypothesis": plain(e.hypothesis),
        "explanation": plain(e.explanation),
        "runs": len(e.runs),
        "lines_added": e.lines_added,
        "lines_removed": e.lines_removed,
        "peak_memory_mb": _finite(e.peak_memory_mb),
        "train_seconds": e.train_seconds,
        "total_seconds": e.total_seconds,
        "dollars": _finite(e.cost.dollars),
        "tokens": e.cost.tokens_in + e.cost.tokens_out,
        "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds"),
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def exports(folder: Path, campaign: str, commits: Collection[str]) -> tuple[Path, Path, Path]:
    """Return where results.tsv, progress.png and report.html may be written: a file of the user's own is left alone.

    `commits` are those of every campaign here. Whoever comes from the original tool has a results.tsv and a
    progress.png of earlier nights: ours are then called results-<campaign>.tsv and progress-<campaign>.png; so is a
    report.html of somebody else's left alone.
    """
    table, picture, page = folder / "results.tsv", folder / "progress.png", folder / "report.html"
    if table.exists() and not _is_ours(table, commits):
        table = folder / f"results-{campaign}.tsv"
    if picture.exists() and MAKER.encode() not in picture.read_bytes()[:4096]:
        picture = folder / f"progress-{campaign}.png"
    if page.exists() and MAKER.encode() not in page.read_bytes()[:4096]:
        page = folder / f"report-{campaign}.html"
    return table, picture, page


def _is_ours(table: Path, commits: Collection[str]) -> bool:
    """Return whether every row of a results.tsv is of a campaign of ours; an empty table is nobody's loss."""
    lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
    known = {commit[:7] for commit in commits}
    return not lines or (lines[0] == HEADER and all(line.partition("\t")[0] in known for line in lines[1:]))


def tsv(ledger: Ledger) -> str:
    """Return results.tsv with the five columns and the habits of the original project: a crash has 0.000000 and 0.0."""
    lines = [HEADER]
    for _, e in sorted(ledger.experiments.items()):
        if e.verdict is None or not e.runs:
            continue
        score = _finite(e.score)
        crashed = score is None or e.verdict is Verdict.CRASH
        status = "crash" if crashed else "keep" if e.verdict is Verdict.KEEP else "discard"
        memory = 0.0 if crashed else (_finite(e.peak_memory_mb) or 0.0) / 1024
        shown = precise(0.0 if crashed or score is None else score)
        lines.append(f"{e.commit[:7]}\t{shown}\t{memory:.1f}\t{status}\t{plain(e.hypothesis)}")
    return "\n".join(lines) + "\n"


def write_tsv(ledger: Ledger, path: Path) -> None:
    """Write results.tsv."""
    _replace(path, tsv(ledger).encode("utf-8", "replace"))


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: who reads it meanwhile sees the old one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_bytes(content)
        os.replace(fresh, path)
    except OSError as error:
        step = "a report needs room there and the right to write"
        raise Refused(f"{path.name}: cannot be written ({error.strerror}); {step}") from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def plot(ledger: Ledger, path: Path) -> None:
    """Write progress.png, 2240 x 1120 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.set_axis_off()
    _paint(axes, draw(ledger))
    campaign = plain(ledger.campaign, 40)
    _write(axes, LEFT, 34, f"{campaign}   {headline(ledger)}", 17, weight="bold")
    _write(axes, LEFT, 56, plain(f"{selected(ledger)} · {counts(ledger)}", 155), 12.5, "#57606a")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=200, metadata={"Software": MAKER})
    _replace(path, content.getvalue())


def _paint(axes: Any, picture: Chart) -> None:
    from matplotlib.patches import Rectangle

    for y, text in picture.y_ticks:
        axes.plot((LEFT, RIGHT), (y, y), color="#eaeef2", lw=0.8, zorder=0)
        _write(axes, LEFT - 8, y + 4, text, 12, "#57606a", ha="right")
    for x, text in picture.x_ticks:
        _write(axes, x, BOTTOM + 22, text, 12, "#57606a", ha="center")
    axes.plot((LEFT, RIGHT), (BOTTOM, BOTTOM), color="#8c959f", lw=0.8, zorder=1)
    _write(axes, (LEFT + RIGHT) / 2, BOTTOM + 42, HEIGHTS, 12, "#57606a", ha="center")
    for box in picture.band:
        size = (box.right - box.left, box.bottom - box.top)
        axes.add_patch(Rectangle((box.left, box.top), *size, color=COLOURS["keep"], alpha=0.13, lw=0, zorder=1))
    if picture.baseline is not None:
        axes.plot((LEFT, RIGHT), (picture.baseline,) * 2, color="#8c959f", lw=1, ls=(0, (4, 4)), zorder=1)
    if picture.line:
        axes.plot(*zip(*picture.line, strict=True), color=COLOURS["keep"], lw=1.6, zorder=2)
    if picture.verified:
        x, y, low, high = picture.verified
        axes.plot((x, x), (low, high), color=COLOURS["verified"], lw=2, zorder=4)
        axes.plot(x, y, "_", color=COLOURS["verified"], ms=9, mew=2, zorder=4)
    for mark in picture.marks:
        shape = ("^" if mark.y < HEIGHT / 2 else "v") if mark.beyond else _shape(mark.kind)
        edge = {} if mark.kind in ("crash", "invalid") else {"mec": "white", "mew": 0.6}
        points = 2 * picture.radius * 0.72 * (1.25 if mark.kind == "keep" else 1)
        axes.plot(
            mark.x, mark.y, shape, color=COLOURS[mark.kind], ms=points, zorder=4 if mark.kind == "keep" else 3, **edge
        )
    for label in picture.labels:
        if label.lead:
            axes.plot((label.lead[0],) * 2, label.lead[1:], color="#8c959f", lw=0.6, zorder=1)
        _write(axes, label.x, label.y, label.text, FONT, ha="right" if label.anchor == "end" else "left")
    for x, kind, word in picture.legend:
        axes.plot(x, 73, _shape(kind), color=COLOURS[kind], ms=9 if kind == "best" else 6, mew=1.6)
        _write(axes, x + 11, 77, word, 12, "#57606a")


def _shape(kind: str) -> str:
    return {
        "crash": "x",
        "invalid": "+",
        "baseline": "D",
        "best": "_",
        "verified": "|",
        "price": "v",
        "adopted": "s",
    }.get(kind, "o")


def _write(axes: Any, x: float, y: float, text: str, size: float, colour: str = "#24292f", **more: Any) -> None:
    """Write words as they are: matplotlib would take what stands between two dollar signs for a formula."""
    axes.text(x, y, text, fontsize=size * 0.72, color=colour, parse_math=False, zorder=5, **more)


def write_html(ledger: Ledger, path: Path, diff: Callable[[Experiment], str]) -> None:
    """Write report.html, whole in one file: nothing in it is loaded from elsewhere. `diff` gives a patch's text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["digest"] = lambda text: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    experiments = [e for _, e in sorted(ledger.experiments.items())]
    picture = draw(ledger)
    page = environment.get_template("report.html.jinja").render(
        maker=MAKER,
        campaign=plain(ledger.campaign, 60),
        headline=headline(ledger),
        counts=counts(ledger),
        conditions=facts(ledger),
        selected=selected(ledger),
        verification=verification(ledger),
        prices=prices(ledger),
        chart=picture,
        heights=HEIGHTS,
        frame=(LEFT, TOP, RIGHT, BOTTOM, WIDTH, HEIGHT),
        rows=[_cells(e, picture) for e in experiments],
        kept=[(e, _patch(diff, e)) for e in experiments if e.verdict is Verdict.KEEP and e.number > 0],
        self_reported=ledger.created is not None and ledger.created.source is ScoreSource.SELF_REPORTED,
        plain=plain,
        score_text=score_text,
    )
    _replace(path, page.encode("utf-8", "replace"))


def _cells(e: Experiment, picture: Chart) -> dict[str, Any]:
    """Return the row of one experiment: (what is shown, what it is sorted by) for each column."""
    seconds = e.train_seconds
    kind = next((mark.kind for mark in picture.marks if mark.number == e.number), "")
    return {
        "number": e.number,
        "kind": kind,
        "why": plain(e.explanation),
        "trouble": plain(trouble(e), 300),
        "cells": (
            (f"#{e.number}", e.number),
            (score_text(e).partition(" (")[0], _finite(e.score)),
            ("" if e.delta is None else signed_number(e.delta), _finite(e.delta)),
            (verdict_text(e), verdict_text(e)),
            (plain(e.hypothesis), plain(e.hypothesis)),
            (plain(e.proposer, 40), plain(e.proposer, 40)),
            (str(len(e.runs) or ""), len(e.runs)),
            (f"{seconds:,.0f} s" if seconds else "", seconds),
            ("" if e.peak_memory_mb is None else f"{e.peak_memory_mb / 1024:.1f} GB", e.peak_memory_mb),
        ),
    }


def _patch(diff: Callable[[Experiment], str], e: Experiment) -> list[tuple[str, str]]:
    """Return a patch as (kind, line), without git's header: add, remove, place or same."""
    try:
        lines = diff(e).split("\n")
    except AutoResearchError as error:
        return [("place", f"this patch cannot be shown: {plain(str(error))}")]
    begin = next((i for i, line in enumerate(lines) if line.startswith("@@")), 0)
    body = [line.rstrip("\r") for line in lines[begin:]]
    body = body[:-1] if body and not body[-1] else body
    kinds = {"+": "add", "-": "remove", "@": "place"}
    shown = [(kinds.get(line[:1], "same"), visible(line)) for line in body[:LONGEST_DIFF]]
    left = len(body) - len(shown)
    return [*shown, ("place", f"{left} more lines: autoresearch diff {e.number}")] if left else shown
