"""Hovers: who wrote a line and what it brought, every value a knob was given, what a front matter key means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from lsprotocol import types as t

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import Verdict
from loop.record.values import counted
from loop.text.lineage import Step
from loop.text.numbers import NAMED, number, plain
from loop.views.claims import headline, selected
from loop.views.experiments import cost_text, score_text, verdict_text
from loop.views.standing import spent_text
from loop.views.state import message_text
from server.convert import Encoding, markdown
from server.documents import Document, Role
from server.features.citations import cited_lines
from server.features.completion import key_at
from server.features.lenses import first_heading, rows
from server.features.words import best_words, claimed, held_words, label
from server.reading import Pending, Reading, read_canvas
from server.snapshot import Snapshot

KNOB = re.compile(r"\s*([A-Z][A-Z0-9_]*)\s*(?::[^=]+)?=[^=]")
BARS = "▁▂▃▄▅▆▇█"
ROWS = 12  # values of a knob that a hover lists; the sparkline shows all


def hover(snapshot: Snapshot, document: Document, encoding: Encoding, params: t.HoverParams) -> t.Hover | None:
    """Return what is known of the place under the cursor."""
    line = params.position.line
    if line > len(document.lines):
        return None
    match snapshot.role(document):
        case Role.PROGRAM:
            text = _program(snapshot, document, line)
        case Role.CANVAS:
            text = _canvas(snapshot, document, line)
        case Role.RESULTS:
            found = dict(rows(snapshot, document)).get(line)
            text = details(snapshot, found) if found else ""
        case _:
            text = ""
    return t.Hover(markdown(text)) if text else None


def details(snapshot: Snapshot, experiment: Experiment, diff: str = "") -> str:
    """Return an experiment as Markdown: hypothesis, score, verdict, author, time, cost, diff."""
    source = f", {experiment.source}" if experiment.source and experiment.score is not None else ""
    metric = snapshot.ledger.created.metric.name if snapshot.ledger and snapshot.ledger.created else "score"
    parts = [f"**#{experiment.number}** {literal(experiment.hypothesis)}"]
    score = f"{metric} **{score_text(experiment)}**{source}: " if experiment.score is not None else ""
    parts.append(f"{score}{verdict_text(experiment)}")
    if experiment.explanation:
        parts.append(literal(experiment.explanation))
    if experiment.failure is not None and experiment.failure.message != experiment.explanation:
        parts.append(f"crashed: {literal(experiment.failure.told)}")
    when = datetime.fromtimestamp(experiment.judged_at or experiment.proposed_at).strftime("%Y-%m-%d %H:%M")
    facts = (when, f"by {literal(experiment.proposer)}", f"{experiment.train_seconds:.0f} s training")
    parts.append(" · ".join(filter(None, (*facts, cost_text(experiment.cost)))))
    if experiment.cites:
        parts.append("because of: " + "; ".join(literal(c) for c in experiment.cites))
    return "\n\n".join(parts) + (f"\n\n```diff\n{diff}```" if diff else "")


def literal(text: str) -> str:
    """Return a model's words so that Markdown shows them and runs nothing: no links, no HTML."""
    return re.sub(r"([\\`*_{}\[\]<>|!~])", r"\\\1", plain(text, 400))


def _step_diff(steps: Sequence[Step], number: int) -> str:
    step = next((s for s in steps if s.experiment == number), None)
    if step is None:
        return ""
    lines = [f"- {line.rstrip()}" for line in step.removed] + [f"+ {line.rstrip()}" for line in step.added]
    shown = [line.replace("```", "` ` `") for line in lines[:30]]
    return "\n".join(shown + (["  …"] if len(lines) > 30 else [])) + "\n"


def _canvas(snapshot: Snapshot, document: Document, line: int) -> str:
    review = snapshot.review
    if review is None:
        return snapshot.trouble
    reading = read_canvas(review, document)
    parts = []
    knob = KNOB.match(document.line(line))
    if knob:
        parts.append(_knob(snapshot, knob[1]))
    pending = reading.at(line)
    if pending is not None:
        parts.append(_pending(snapshot, pending))
    author = reading.authors[line] if line < len(reading.authors) else None
    known = snapshot.known(pending.experiments if pending else (author,) if author else ())
    parts.append(_earlier(known[:-NAMED]))
    parts.extend(details(snapshot, e, _step_diff(review.kept.line.steps, e.number)) for e in known[-NAMED:])
    if line == 0:
        parts.append(_top(snapshot, reading))
    return "\n\n---\n\n".join(part for part in parts if part)


def _pending(snapshot: Snapshot, pending: Pending) -> str:
    known = snapshot.known(pending.experiments)
    what = f"{len(pending.hunk.old)} → {counted(len(pending.hunk.new), 'line')}"
    whole = ""
    if len(known) > 1:
        whole = (
            f"\n\n{len(known)} experiments wrote it. It is reviewed as a whole: a revert measures what it all is worth."
        )
    waits = f"**Waits for review** ({label(known, spread=True)}, {what})"
    return f"{waits}: accept or revert it with a code action here.{whole}"


def _earlier(known: list[Experiment]) -> str:
    """Return the experiments that are not told in full, one a row."""
    rows = [f"#{e.number} {score_text(e) + claimed(e)}: {literal(e.hypothesis)}" for e in known[-ROWS:]]
    return "\n\n".join(([f"… {len(known) - ROWS} earlier"] if len(known) > ROWS else []) + rows)


def _top(snapshot: Snapshot, reading: Reading) -> str:
    review = f"waiting for review: {counted(len(reading.pending), 'hunk')}"
    return f"AutoResearch: {best_words(snapshot)} · {held_words(snapshot, reading)} · {review}\n\n{snapshot.line}"


def _claim(ledger: Ledger) -> list[str]:
    """Return what is verified and, below it, what was selected."""
    if not ledger.keeps and not ledger.verifications:
        return []
    return [f"**{literal(headline(ledger))}**", literal(selected(ledger))]


def _knob(snapshot: Snapshot, name: str) -> str:
    """Return every value that a knob was given, the best first, and how the scores went."""
    if snapshot.ledger is None:
        return ""
    tried = [e for e in map(snapshot.experiment, snapshot.tried.get(name, ())) if e and name in e.knobs]
    if not tried:
        return ""
    scored = [e for e in tried if e.score is not None]
    sign = 1.0 if snapshot.ledger.minimize else -1.0
    ranked = sorted(scored, key=lambda e: sign * (e.score or 0.0)) + [e for e in tried if e.score is None]
    table = ["| value | score | verdict | |", "|---|---|---|---|"]
    for experiment in ranked[:ROWS]:
        value = literal(experiment.knobs[name][1])
        score = score_text(experiment) + claimed(experiment) if experiment.score is not None else "no score"
        table.append(f"| {value} | {score} | {verdict_text(experiment, short=True)} | #{experiment.number} |")
    if len(ranked) > ROWS:
        table.append(f"| … {len(ranked) - ROWS} more | | | |")
    best = next((e for e in ranked if e.verdict is Verdict.KEEP), None)
    lead = f"**{name}**: {counted(len(tried), 'value')} tried"
    if best is not None and best.score is not None:
        lead += f", best {literal(best.knobs[name][1])} ({number(best.score)}, #{best.number})"
    spark = sparkline([e.score or 0.0 for e in scored[-40:]])
    return f"{lead}\n\n{spark}\n\n" + "\n".join(table) if spark else f"{lead}\n\n" + "\n".join(table)


def sparkline(values: list[float]) -> str:
    """Return the values as bars, low to high; "" for fewer than two."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] for value in values)


def _program(snapshot: Snapshot, document: Document, line: int) -> str:
    key = key_at(document, line)
    if key is not None:
        return f"**{key.name}**: {key.doc}\n\nDefault: {key.default}. Example: `{key.example}`"
    numbers = cited_lines(snapshot, document).get(line, ())
    known = snapshot.known(numbers)
    parts = [
        f"#{e.number} {score_text(e) + claimed(e) if e.score is not None else verdict_text(e)}: {literal(e.hypothesis)}"
        for e in known[-20:]
    ]
    if line == first_heading(document) and snapshot.ledger is not None:
        spent, ledger = spent_text(snapshot.ledger), snapshot.ledger
        told = (
            snapshot.line,
            literal(message_text(ledger, snapshot.alive)),
            *_claim(ledger),
            spent and f"spent {spent}",
        )
        parts.insert(0, "\n\n".join(part for part in told if part))
    if line == first_heading(document) and snapshot.trouble:
        parts.insert(0, f"**{literal(snapshot.trouble)}**")
    return "\n\n".join(parts)
