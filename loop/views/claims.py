"""What a campaign may claim, in words: what was verified, what was selected, the conditions of its scores. Pure.

Whatever was selected flatters: the best of many tries is lucky as well as good. Only runs that chose nothing verify.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.noise import Interval, interval
from loop.record.types import Purpose, ScoreSource, Verdict
from loop.record.values import counted
from loop.record.verification_facts import Verified
from loop.text.numbers import number, plain, signed, signed_number, uncertainty
from loop.views.standing import tip_text

SEALED = "sealed: computed from the checkpoint, in a process that runs none of the canvas's code"
SELF_REPORTED = "self-reported: the number that the script printed about itself; nothing checked it"
NONE_VERIFIED = "no verified gain"  # it was looked for and not found
NOT_VERIFIED = "not verified yet; 'autoresearch verify' measures the gain"
SCORES_LOST = "no gain to verify: the scores of what was kept are lost with the journal"
NOTHING_KEPT = "no gain to verify: nothing better than the baseline has been kept"
RULES = {
    "": "of a single run's noise: a patch against the incumbent's scores, by the spread of the baselines",
    "pairs": "of pairs: patch and incumbent on one seed, by the noise of such differences, learnt from all pairs",
}


@dataclass(frozen=True)
class Gain:
    """What the best kept experiment brought over the baseline; `spread` is of the difference, selection left out."""

    best: Experiment
    value: float
    spread: float | None


def gain_of(ledger: Ledger) -> Gain | None:
    """Return the campaign's selected gain; None before something better than the baseline was kept."""
    best = ledger.best
    value = None if best is None else ledger.brought(best)
    if best is None or best.number == 0 or value is None:
        return None
    pairs = len(best.scores.keys() & ledger.experiments[0].scores.keys())
    sigma = ledger.noise.pair
    return Gain(best, value, None if sigma is None or not pairs else sigma / math.sqrt(pairs))


def found(ledger: Ledger, verified: Verified) -> Interval | None:
    """Return what a verification measured, as a difference of scores; None where no pair was complete."""
    pairs = [ours - theirs for ours, theirs in zip(verified.scores, verified.baseline, strict=True)]
    return _interval(ledger, pairs) if pairs else None


def _interval(ledger: Ledger, differences: list[float]) -> Interval:
    """Return the interval of differences.

    The baselines' spread, which is not of pairs, widens nothing; nor does rounding, where it is in the differences.
    """
    known = ledger.noise.pair or 0.0 if ledger.learnt else 0.0
    return interval(differences, ledger.noise.unit if ledger.exact else 0.0, known)


def last_verified(ledger: Ledger) -> tuple[Verified, Interval] | None:
    """Return the verification that speaks for the campaign: the last of its best, else the last that found a gain."""
    done = [(v, i) for v in ledger.verifications if (i := found(ledger, v)) is not None]
    ours = [pair for pair in done if ledger.best is not None and pair[0].experiment == ledger.best.number]
    gains = [pair for pair in done if is_gain(ledger, pair[1])]
    return next(iter([*ours[-1:], *gains[-1:], *done[-1:]]), None)


def is_gain(ledger: Ledger, measured: Interval) -> bool:
    """Return whether an interval lies wholly on the better side of zero."""
    return measured.clear and ledger.gain(measured.mean, 0.0) < 0


def claims_gain(ledger: Ledger) -> bool:
    """Return whether the headline claims a gain."""
    last = last_verified(ledger)
    return last is not None and is_gain(ledger, last[1])


def awaits(ledger: Ledger) -> bool:
    """Return whether the campaign's best is something that no verification has looked at."""
    best = ledger.best
    looked = {v.experiment for v in ledger.verifications if v.scores or v.trouble}
    return best is not None and best.number > 0 and best.number not in looked


def headline(ledger: Ledger) -> str:
    """Return `verified: −0.0121 ± 0.0018 (95 %, 3 fresh seeds, rows that chose nothing)`, or why none is made.

    `no verified gain` is for what was verified and found to be none.
    """
    last, best = last_verified(ledger), ledger.best
    if last is None or not is_gain(ledger, last[1]):
        if best is None or best.number == 0:
            return SCORES_LOST if ledger.scores_lost else NOTHING_KEPT
        return NOT_VERIFIED if awaits(ledger) else NONE_VERIFIED
    of = "" if best is None or last[0].experiment == best.number else f" of #{last[0].experiment}"
    return f"verified{of}: {_measured(ledger, *last)}"


def _measured(ledger: Ledger, verified: Verified, measured: Interval) -> str:
    """Return `−0.0121 ± 0.0018 (95 %, 3 fresh seeds, rows that chose nothing)`."""
    rows = "rows that chose nothing" if verified.rows == "audit" else "self-reported"
    if measured.half is None:
        return f"{signed_number(measured.mean)} (1 pair, which has no interval, {rows})"
    how = f"95 %, {measured.pairs} fresh seeds"
    if ledger.exact:
        how = f"the script ignores its seed, {measured.pairs} runs each"
    half = uncertainty(measured.half) if measured.half else "0"
    return f"{signed_number(measured.mean)} ± {half} ({how}, {rows})"


def selected(ledger: Ledger) -> str:
    """Return the number that the campaign chose by, named so: it stands below the headline."""
    name = ledger.created.metric.name if ledger.created else "val_bpb"
    gain, baseline = gain_of(ledger), ledger.baseline
    if baseline is None:
        return f"{name}: the baseline's score is lost" if ledger.scores_lost else f"{name}: no baseline yet"
    if gain is None or gain.best.score is None:
        return f"{name} {number(baseline)}, the baseline: nothing better yet"
    spread = f" ± {uncertainty(gain.spread)}" if gain.spread else ""
    share = f", {signed(100 * gain.value / abs(baseline), '.1f')} %" if baseline else ""
    tip = tip_text(ledger)
    return (
        f"selected: #{gain.best.number} {name} {number(gain.best.score)}, {signed_number(gain.value)}{spread} "
        f"against the baseline on the seeds and rows that chose it{share}{f'; {tip}' if tip else ''}"
    )


def verification(ledger: Ledger) -> str:
    """Return what the latest verification found in a sentence, a gain or none, with what is missing; "" without one."""
    if not ledger.verifications:
        return audit(ledger)
    last = ledger.verifications[-1]
    measured = found(ledger, last)
    lost = f"; {plain(last.trouble, 300)}" if last.trouble else ""
    if measured is None:
        return f"no pair was complete{lost}" if last.experiment else plain(last.trouble)
    pairs = ", ".join(f"{number(a)} → {number(b)}" for a, b in zip(last.baseline, last.scores, strict=True))
    return f"#{last.experiment} against the baseline: {_measured(ledger, last, measured)}; {pairs}{lost}"


def prices(ledger: Ledger) -> list[str]:
    """Return a sentence for each priced keep: what the incumbent loses without it."""
    if not ledger.prices:
        return []
    last = ledger.prices[-1]
    said = []
    for price in last.prices:
        keep = ledger.experiments[price.experiment]
        lead = f"#{keep.number} {plain(keep.hypothesis, 60)}"
        kept = "" if keep.delta is None else f" ({signed_number(keep.delta)} when it was kept)"
        if not price.scores:
            said.append(f"{lead}: {plain(price.trouble, 200) or 'not measured'}{kept}")
            continue
        measured = _interval(ledger, [tip - bare for tip, bare in zip(last.scores, price.scores, strict=True)])
        half = "" if measured.half is None else f" ± {uncertainty(measured.half) if measured.half else '0'}"
        pays = "" if is_gain(ledger, measured) else ", no gain that can be told from none"
        said.append(f"{lead}: brings #{last.tip} {signed_number(measured.mean)}{half}{pays}{kept}")
    return said


def claim(ledger: Ledger) -> dict[str, Any]:
    """Return what `status --json` and the editors show of the claim."""
    last = last_verified(ledger)
    return {
        "headline": headline(ledger),
        "selected": selected(ledger),
        "awaits_verification": awaits(ledger),
        "verified": last[1].mean if last and is_gain(ledger, last[1]) else None,
        "verified_half": last[1].half if last and is_gain(ledger, last[1]) else None,
        "verified_experiment": last[0].experiment if last else None,
    }


def counts(ledger: Ledger) -> str:
    """Return `10 experiments, 4 kept, 1 adopted, 1 crashed`."""
    crashed = sum(e.verdict is Verdict.CRASH for e in ledger.experiments.values())
    others = [f"{count} {word}" for count, word in ((ledger.adopted, "adopted"), (crashed, "crashed")) if count]
    return ", ".join([counted(ledger.judged, "experiment"), f"{ledger.keeps} kept", *others])


def conditions(ledger: Ledger) -> str:
    """Return `1 TFLOP each · Intel Xeon · sealed score · noise of a pair 0.0021`."""
    created = ledger.created
    parts = [] if created is None else [f"{created.budget} each", plain(created.device, 50), f"{created.source} score"]
    return " · ".join(part for part in [*parts, noise_text(ledger)] if part)


def noise_text(ledger: Ledger) -> str:
    """Return what is known of the noise, and from what."""
    noise = ledger.noise
    if noise.exact:
        return "the script ignores its seed"
    if noise.pair is None:
        return ""
    baselines = sum(r.purpose is Purpose.BASELINE and r.score is not None for r in ledger.experiments[0].runs)
    known = f"learnt from {ledger.pairs} second pairs" if ledger.learnt else f"guessed from {baselines} baselines"
    return f"noise of a pair {uncertainty(noise.pair)}, {known}"


def audit(ledger: Ledger) -> str:
    """Return what the audit of an older journal found: one pair, which has no interval; "" without one."""
    if not ledger.audits:
        return ""
    last = ledger.audits[-1]
    return (
        f"#{last.experiment} on a seed and rows that chose nothing: {number(last.baseline)} → {number(last.best)}, "
        f"{signed_number(last.best - last.baseline)}; one pair has no interval, 'autoresearch verify' measures three"
    )


def summary(ledger: Ledger) -> str:
    """Return the campaign in a few lines for a terminal."""
    checked = verification(ledger)
    lines = [headline(ledger), selected(ledger), counts(ledger), conditions(ledger)]
    lines += [f"verification: {checked}"] if checked else []
    lines += [f"price: {price}" for price in prices(ledger)]
    return "\n".join(line for line in lines if line)


def facts(ledger: Ledger) -> list[tuple[str, str]]:
    """Return under which conditions the scores hold, as (term, value); what is unknown is left out."""
    created, baseline = ledger.created, ledger.experiments.get(0)
    runs = [run for e in ledger.experiments.values() for run in e.runs if run.score is not None]
    made = {purpose: sum(run.purpose is purpose for run in runs) for purpose in Purpose}
    facts = [
        (
            "Runs",
            f"{len(runs)} scored: {made[Purpose.BASELINE]} of the baseline, {made[Purpose.CONFIRM]} to confirm a gain, "
            f"{made[Purpose.COMPARE]} of incumbents on another seed, {made[Purpose.AUDIT]} to verify, "
            f"{made[Purpose.PRICE]} to price keeps",
        ),
        ("Noise", noise_text(ledger)),
    ]
    if ledger.noise_floor is not None and baseline is not None:
        values = ", ".join(
            number(r.score) for r in baseline.runs if r.purpose is Purpose.BASELINE and r.score is not None
        )
        facts.append(("Noise floor", f"{uncertainty(ledger.noise_floor)}, standard deviation of {values}"))
    if created is not None:
        sealed = created.source is ScoreSource.SEALED
        goal = "lower" if created.metric.minimize else "higher"
        rules = [RULES.get(created.rule, created.rule), *(f"from #{n} on {RULES.get(r, r)}" for n, r in ledger.rules)]
        facts += [
            ("Verdict", "; ".join(rules)),
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
