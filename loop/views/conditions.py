"""Under which conditions a campaign's scores hold: counts, noise, budget, device, sandbox. Pure."""

from __future__ import annotations

from loop.record.ledger import Ledger
from loop.record.types import Purpose, ScoreSource, Verdict
from loop.record.values import counted
from loop.text.numbers import number, plain, uncertainty

SEALED = "sealed: computed from the checkpoint, in a process that runs none of the canvas's code"
SELF_REPORTED = "self-reported: the number that the script printed about itself; nothing checked it"
RULES = {
    "": "of a single run's noise: a patch against the incumbent's scores, by the spread of the baselines",
    "pairs": "of pairs: patch and incumbent on one seed, by the noise of such differences, learnt from all pairs",
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
            f"{made[Purpose.PRICE]} for ablations",
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
