"""What a campaign does now, in words: running, interrupted, silent, and what follows from it. Pure."""

from __future__ import annotations

from loop.record.campaign_facts import CampaignCreated
from loop.record.ledger import Ledger
from loop.record.types import Purpose, State
from loop.text.numbers import plain

MARKS = {State.PREPARING: "◌", State.RUNNING: "●", State.PAUSED: "‖", State.STOPPED: "■", State.FINISHED: "✓"}
LOST = "✗"  # the mark of one whose daemon is gone
SILENT = "◌"  # the mark of a daemon that does not answer


def state_text(ledger: Ledger, alive: bool | None = None, silent_s: float = 0.0) -> str:
    """Return the state in a word or two: `interrupted` where its daemon is gone without one, `not begun` before it."""
    if alive is False and not ledger.begun:
        return "not begun"
    if is_silent(ledger, alive, silent_s):
        return f"no answer for {_span(silent_s)}"
    return "interrupted" if is_lost(ledger, alive) else str(ledger.state)


def message_text(ledger: Ledger, alive: bool | None = None, silent_s: float = 0.0) -> str:
    """Return the sentence below the line: how it continues where nothing runs it, else its last message."""
    if is_silent(ledger, alive, silent_s):
        return silence_text(silent_s)
    if alive is False and not ledger.begun:
        return "not begun; 'autoresearch start' begins it"
    if is_lost(ledger, alive):
        return "interrupted; 'autoresearch start' continues"
    trouble = f"a proposal failed: {ledger.trouble}" if ledger.state is State.RUNNING and ledger.trouble else ""
    return plain("; ".join(part for part in (ledger.message or doing(ledger), trouble) if part))


def doing(ledger: Ledger) -> str:
    """Return what a running campaign does now, from its runs: a recorded sentence may be hours old."""
    if ledger.state is not State.RUNNING or not ledger.experiments:
        return ""
    if ledger.running is None:
        return "waiting for a proposal" if ledger.incumbent is not None and not ledger.waiting else ""
    experiment, run = ledger.running
    name = f"#{experiment.number}" if experiment.number else "the baseline"
    match run.purpose:
        case Purpose.CONFIRM:
            return f"measuring {name} on another seed: its gain is not clear yet"
        case Purpose.COMPARE:
            return f"measuring {name}, the incumbent, on seed {run.seed}, where a patch is compared with it"
        case Purpose.AUDIT:
            return f"verifying: {name} on fresh seed {run.seed}"
        case Purpose.PRICE:
            return f"ablation: the incumbent without {name}, on seed {run.seed}"
        case _:
            return f"measuring {name}"


def silence_text(silent_s: float) -> str:
    """Return the sentence about a daemon that does not answer."""
    what = "it is suspended, or waits for the disk or for the process that has locked the journal"
    return f"the daemon has not answered for {_span(silent_s)}: {what}; your requests are handled when it continues"


def sandbox_text(ledger: Ledger) -> str:
    """Return how a campaign's runs are confined where that is less than everything, with what is missing; else ""."""
    if ledger.created is None:
        return ""
    kind, missing = isolation(ledger.created)
    match kind:
        case "":
            return "sandbox: unknown"
        case "bubblewrap":
            return f"sandbox: {plain(kind)}, without {plain(missing)}" if missing else ""
        case "sandbox-exec":
            return f"sandbox: {plain(kind)}, which is weaker than bubblewrap: without {plain(missing)}"
        case _:
            return "sandbox: none; a run can do what you can"


def isolation(created: CampaignCreated) -> tuple[str, str]:
    """Return what confines a campaign's runs, "" where that is not known, and which of its promises do not hold."""
    kind, _, missing = created.sandbox.partition(", without ")
    return kind, missing


def is_lost(ledger: Ledger, alive: bool | None) -> bool:
    """Return whether the campaign's daemon is gone without a word."""
    return alive is False and ledger.begun and ledger.state not in (State.STOPPED, State.FINISHED)


def is_silent(ledger: Ledger, alive: bool | None, silent_s: float) -> bool:
    """Return whether the campaign's daemon is there and does not answer."""
    return bool(alive and silent_s) and ledger.state not in (State.STOPPED, State.FINISHED)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"
