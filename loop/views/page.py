"""The campaign as report.html, whole in one file: nothing in it is loaded from elsewhere.

What it says comes from models and scripts, and is data: escaped, where a content security policy would stop it a second
time. jinja2 is imported when a page is made.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import AutoResearchError, ScoreSource, Verdict
from loop.text.numbers import plain, signed_number, visible
from loop.views.chart import HEIGHTS
from loop.views.experiments import score_text, trouble, verdict_text
from loop.views.findings import MAKER, Findings
from loop.views.shapes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from loop.views.tables import finite

if TYPE_CHECKING:
    from jinja2 import Template

LONGEST_DIFF = 3000  # lines of one patch


def page(ledger: Ledger, findings: Findings, diff: Callable[[Experiment], str]) -> str:
    """Return report.html; `diff` gives a patch's text."""
    experiments = [e for _, e in sorted(ledger.experiments.items())]
    kinds = {mark.number: mark.kind for mark in findings.chart.marks}
    return _template().render(
        maker=MAKER,
        campaign=plain(findings.campaign, 60),
        headline=findings.claim.headline,
        counts=findings.counts,
        conditions=findings.facts,
        selected=findings.claim.selected,
        verification=findings.verification,
        prices=findings.prices,
        chart=findings.chart,
        heights=HEIGHTS,
        frame=(LEFT, TOP, RIGHT, BOTTOM, WIDTH, HEIGHT),
        rows=[_cells(e, kinds.get(e.number, "")) for e in experiments],
        kept=[(e, _patch(diff, e)) for e in experiments if e.verdict is Verdict.KEEP and e.number > 0],
        self_reported=ledger.created is not None and ledger.created.source is ScoreSource.SELF_REPORTED,
        plain=plain,
        score_text=score_text,
    )


def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["digest"] = lambda text: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return environment.get_template("report.html.jinja")


def _cells(e: Experiment, kind: str) -> dict[str, Any]:
    """Return the row of one experiment: (what is shown, what it is sorted by) for each column."""
    seconds = e.train_seconds
    return {
        "number": e.number,
        "kind": kind,
        "why": plain(e.explanation),
        "trouble": plain(trouble(e), 300),
        "cells": (
            (f"#{e.number}", e.number),
            (score_text(e).partition(" (")[0], finite(e.score)),
            ("" if e.delta is None else signed_number(e.delta), finite(e.delta)),
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
