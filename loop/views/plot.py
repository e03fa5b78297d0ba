"""The chart as progress.png. matplotlib is imported when it is drawn; what is drawn is data, never a formula."""

from __future__ import annotations

import io
from typing import Any

from loop.text.numbers import plain
from loop.views.chart import HEIGHTS
from loop.views.findings import MAKER, Findings
from loop.views.shapes import BOTTOM, FONT, HEIGHT, LEFT, RIGHT, WIDTH, Chart, Mark

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
SHAPES = {"crash": "x", "invalid": "+", "baseline": "D", "best": "_", "verified": "|", "price": "v", "adopted": "s"}
DOT = "o"  # of any other kind
GREY, LIGHT, INK = "#57606a", "#8c959f", "#24292f"


def plot(findings: Findings) -> bytes:
    """Return progress.png, 2240 x 1120 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.set_axis_off()
    chart = findings.chart
    _frame(axes, chart)
    _lines(axes, chart)
    for mark in chart.marks:
        _mark(axes, mark, chart.radius)
    _words(axes, chart)
    _write(axes, LEFT, 34, f"{plain(findings.campaign, 40)}   {findings.claim.headline}", 17, weight="bold")
    _write(axes, LEFT, 56, plain(f"{findings.claim.selected} · {findings.counts}", 155), 12.5, GREY)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=200, metadata={"Software": MAKER})
    return content.getvalue()


def _frame(axes: Any, chart: Chart) -> None:
    """Draw the grid, the axis, their texts and the baseline."""
    for y, text in chart.y_ticks:
        axes.plot((LEFT, RIGHT), (y, y), color="#eaeef2", lw=0.8, zorder=0)
        _write(axes, LEFT - 8, y + 4, text, 12, GREY, ha="right")
    for x, text in chart.x_ticks:
        _write(axes, x, BOTTOM + 22, text, 12, GREY, ha="center")
    axes.plot((LEFT, RIGHT), (BOTTOM, BOTTOM), color=LIGHT, lw=0.8, zorder=1)
    _write(axes, (LEFT + RIGHT) / 2, BOTTOM + 42, HEIGHTS, 12, GREY, ha="center")
    if chart.baseline is not None:
        axes.plot((LEFT, RIGHT), (chart.baseline,) * 2, color=LIGHT, lw=1, ls=(0, (4, 4)), zorder=1)


def _lines(axes: Any, chart: Chart) -> None:
    """Draw the best kept so far with the noise around it, and what was verified."""
    from matplotlib.patches import Rectangle

    for box in chart.band:
        size = (box.right - box.left, box.bottom - box.top)
        axes.add_patch(Rectangle((box.left, box.top), *size, color=COLOURS["keep"], alpha=0.13, lw=0, zorder=1))
    if chart.line:
        axes.plot(*zip(*chart.line, strict=True), color=COLOURS["keep"], lw=1.6, zorder=2)
    if chart.verified:
        x, y, low, high = chart.verified
        axes.plot((x, x), (low, high), color=COLOURS["verified"], lw=2, zorder=4)
        axes.plot(x, y, "_", color=COLOURS["verified"], ms=9, mew=2, zorder=4)


def _mark(axes: Any, mark: Mark, radius: float) -> None:
    shape = ("^" if mark.y < HEIGHT / 2 else "v") if mark.beyond else SHAPES.get(mark.kind, DOT)
    edge = {} if mark.kind in ("crash", "invalid") else {"mec": "white", "mew": 0.6}
    kept = mark.kind == "keep"
    points = 2 * radius * 0.72 * (1.25 if kept else 1)
    axes.plot(mark.x, mark.y, shape, color=COLOURS[mark.kind], ms=points, zorder=4 if kept else 3, **edge)


def _words(axes: Any, chart: Chart) -> None:
    """Write the labels of marks, and the legend."""
    for label in chart.labels:
        if label.lead:
            axes.plot((label.lead[0],) * 2, label.lead[1:], color=LIGHT, lw=0.6, zorder=1)
        _write(axes, label.x, label.y, label.text, FONT, ha="right" if label.anchor == "end" else "left")
    for x, kind, word in chart.legend:
        size = 9 if kind == "best" else 6
        axes.plot(x, 73, SHAPES.get(kind, DOT), color=COLOURS[kind], ms=size, mew=1.6)
        _write(axes, x + 11, 77, word, 12, GREY)


def _write(axes: Any, x: float, y: float, text: str, size: float, colour: str = INK, **more: Any) -> None:
    """Write words as they are: matplotlib would take what stands between two dollar signs for a formula."""
    axes.text(x, y, text, fontsize=size * 0.72, color=colour, parse_math=False, zorder=5, **more)
