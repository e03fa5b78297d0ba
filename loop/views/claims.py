"""What a campaign may claim, in words: what was verified, what was selected, what its keeps still bring. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from loop.record.ledger import Ledger
from loop.record.noise import Interval
from loop.record.verification_facts import Verified
from loop.text.numbers import number, plain, signed, signed_number, uncertainty
from loop.views.gains import awaits, found, gain_of, interval_of, is_gain, last_verified
from loop.views.standing import tip_text

NONE_VERIFIED = "no verified gain"  # it was looked for and not found
NOT_VERIFIED = "not verified yet; 'autoresearch verify' measures the gain"
SCORES_LOST = "no gain to verify: the scores of what was kept are lost with the journal"
NOTHING_KEPT = "no gain to verify: nothing better than the baseline has been kept"


@dataclass(frozen=True)
class Claim:
    """What `status --json` and the editors show of the claim; numbers only where a gain was verified."""

    headline: str
    selected: str
    awaits_verification: bool
    verified: float | None
    verified_half: float | None
    verified_experiment: int | None


def claim(ledger: Ledger) -> Claim:
    """Return what a campaign claims."""
    last = last_verified(ledger)
    gain = last[1] if last is not None and is_gain(ledger, last[1]) else None
    return Claim(
        headline=_headline(ledger, last),
        selected=selected(ledger),
        awaits_verification=awaits(ledger),
        verified=gain.mean if gain else None,
        verified_half=gain.half if gain else None,
        verified_experiment=last[0].experiment if last else None,
    )


def headline(ledger: Ledger) -> str:
    """Return `verified: −0.0121 ± 0.0018 (95 %, 3 fresh seeds, rows that chose nothing)`, or why none is made.

    `no verified gain` is for what was verified and found to be none.
    """
    return _headline(ledger, last_verified(ledger))


def _headline(ledger: Ledger, last: tuple[Verified, Interval] | None) -> str:
    best = ledger.best
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


def audit(ledger: Ledger) -> str:
    """Return what the audit of an older journal found: one pair, which has no interval; "" without one."""
    if not ledger.audits:
        return ""
    last = ledger.audits[-1]
    return (
        f"#{last.experiment} on a seed and rows that chose nothing: {number(last.baseline)} → {number(last.best)}, "
        f"{signed_number(last.best - last.baseline)}; one pair has no interval, 'autoresearch verify' measures three"
    )


def prices(ledger: Ledger) -> list[str]:
    """Return a sentence for each keep that an ablation took out: what the incumbent loses without it."""
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
        measured = interval_of(ledger, [tip - bare for tip, bare in zip(last.scores, price.scores, strict=True)])
        half = "" if measured.half is None else f" ± {uncertainty(measured.half) if measured.half else '0'}"
        pays = "" if is_gain(ledger, measured) else ", no gain that can be distinguished from zero"
        said.append(f"{lead}: brings #{last.tip} {signed_number(measured.mean)}{half}{pays}{kept}")
    return said
