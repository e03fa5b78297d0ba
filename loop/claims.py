"""What a campaign may claim, in words: its gain with its uncertainty, its audit, the conditions of its scores. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from loop.experiment import Experiment
from loop.ledger import Ledger
from loop.status import number, plain, signed, signed_number, uncertainty
from loop.types import Purpose, ScoreSource, Verdict
from loop.values import counted

SEALED = "sealed: computed from the checkpoint, in a process that runs none of the canvas's code"
SELF_REPORTED = "self-reported: the number that the script printed about itself; nothing checked it"


@dataclass(frozen=True)
class Gain:
    """What the best kept experiment brought over the baseline; `spread` is of the difference, selection left out."""

    best: Experiment
    value: float
    spread: float | None


def gain_of(ledger: Ledger) -> Gain | None:
    """Return the campaign's gain; None before something better than the baseline was kept."""
    best, baseline = ledger.best, ledger.experiments.get(0)
    if best is None or best.number == 0 or baseline is None or baseline.score is None or best.score is None:
        return None
    sigma = ledger.noise_floor
    runs = (max(1, len(best.scores)), max(1, len(baseline.scores)))
    spread = None if sigma is None else sigma * math.sqrt(1 / runs[0] + 1 / runs[1])
    return Gain(best, best.score - baseline.score, spread)


def headline(ledger: Ledger) -> str:
    """Return `val_bpb 2.0402 → 1.8473: −0.1929 ± 0.0140 (−9.5 %)`."""
    name = ledger.created.metric.name if ledger.created else "val_bpb"
    gain, baseline = gain_of(ledger), ledger.baseline
    if baseline is None:
        return f"{name}: no baseline yet"
    if gain is None or gain.best.score is None:
        return f"{name} {number(baseline)}, the baseline: nothing better yet"
    spread = f" ± {uncertainty(gain.spread)}" if gain.spread else ""
    share = f" ({signed(100 * gain.value / abs(baseline), '.1f')} %)" if baseline else ""
    return f"{name} {number(baseline)} → {number(gain.best.score)}: {signed_number(gain.value)}{spread}{share}"


def counts(ledger: Ledger) -> str:
    """Return `10 experiments, 4 kept, 1 adopted, 1 crashed`."""
    crashed = sum(e.verdict is Verdict.CRASH for e in ledger.experiments.values())
    others = [f"{count} {word}" for count, word in ((ledger.adopted, "adopted"), (crashed, "crashed")) if count]
    return ", ".join([counted(ledger.judged, "experiment"), f"{ledger.keeps} kept", *others])


def conditions(ledger: Ledger) -> str:
    """Return `1 TFLOP each · Intel Xeon · sealed score · noise floor 0.0121 from 3 baselines`."""
    created, baseline = ledger.created, ledger.experiments.get(0)
    parts = [] if created is None else [f"{created.budget} each", plain(created.device, 50), f"{created.source} score"]
    if ledger.noise_floor is not None and baseline is not None:
        runs = len(baseline.scores)
        parts.append(f"noise floor {uncertainty(ledger.noise_floor)} from {runs} baselines")
    return " · ".join(part for part in parts if part)


def audit(ledger: Ledger) -> str:
    """Return what the latest audit found, beside the campaign's own claim; "" without one."""
    if not ledger.audits:
        return ""
    last = ledger.audits[-1]
    value, experiment = last.best - last.baseline, ledger.experiments.get(last.experiment)
    baseline = ledger.baseline
    claim = ""
    if experiment is not None and experiment.score is not None and baseline is not None:
        claim = f"; the campaign itself says {signed_number(experiment.score - baseline)}"
    return (
        f"#{last.experiment} on a seed and rows that chose nothing: {number(last.baseline)} → {number(last.best)}, "
        f"{signed_number(value)}{claim}"
    )


def summary(ledger: Ledger) -> str:
    """Return the campaign in a few lines for a terminal."""
    gain = gain_of(ledger)
    lines = [headline(ledger)]
    if gain is not None and ledger.noise_floor:
        lines.append(f"{abs(gain.value) / ledger.noise_floor:.1f} times the noise floor, by #{gain.best.number} "
                     f"{plain(gain.best.hypothesis, 80)}")  # fmt: skip
    lines += [counts(ledger), conditions(ledger)]
    lines += [f"audit: {audit(ledger)}"] if ledger.audits else []
    return "\n".join(line for line in lines if line)


def facts(ledger: Ledger) -> list[tuple[str, str]]:
    """Return under which conditions the scores hold, as (term, value); what is unknown is left out."""
    created, baseline = ledger.created, ledger.experiments.get(0)
    runs = [run for e in ledger.experiments.values() for run in e.runs if run.score is not None]
    confirming = sum(run.purpose is Purpose.CONFIRM for run in runs)
    scores = list(baseline.scores.values()) if baseline else []
    facts = [("Runs", f"{len(runs)} scored: {len(scores)} of the baseline, {confirming} to confirm a gain")]
    if ledger.noise_floor is not None:
        values = ", ".join(number(score) for score in scores)
        facts.append(("Noise floor", f"{uncertainty(ledger.noise_floor)}, standard deviation of {values}"))
    if created is not None:
        sealed = created.source is ScoreSource.SEALED
        goal = "lower" if created.metric.minimize else "higher"
        facts += [
            ("Score", SEALED if sealed else SELF_REPORTED),
            ("Metric", f"{created.metric.name}, {goal} is better"),
            ("Budget", f"{created.budget} each, {created.run}"),
            ("Device", created.device),
            ("Sandbox", created.sandbox),
            ("Comparison key", created.comparison_key),
        ]
    if ledger.spent.tokens_in + ledger.spent.tokens_out:
        price = "price unknown" if ledger.spent.dollars is None else f"${ledger.spent.dollars:.2f}"
        facts.append(("Spent", f"{ledger.spent.tokens_in + ledger.spent.tokens_out:,} tokens, {price}"))
    return [(term, plain(value)) for term, value in facts if value]
