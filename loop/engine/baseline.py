"""What the baseline's runs came to: the noise that every verdict needs, or why the campaign cannot begin."""

from __future__ import annotations

import os
import re
from pathlib import Path

from loop.engine.campaign import Campaign
from loop.record.campaign_facts import NoiseMeasured, StateChanged
from loop.record.entries import Body
from loop.record.experiment_facts import Judged
from loop.record.noise import Noise, noise_floor
from loop.record.types import AutoResearchError, Reason, State, Verdict
from loop.runs.conditions import Conditions

NO_FILE = re.compile(r"No such file or directory: '([^'\n]+)'")


def conclude(campaign: Campaign, conditions: Conditions, judged: Judged) -> None:
    """Record the baseline's verdict with its noise; raises AutoResearchError where it does not run."""
    if judged.verdict is not Verdict.KEEP:
        lost = "the baseline does not run; propose it to a campaign whose baseline does"
        waiting = [e.number for e in campaign.ledger.waiting if e.number]
        campaign.record(judged, *(Judged(n, Verdict.INVALID, Reason.FAILED, explanation=lost) for n in waiting))
        why = judged.explanation + _missing_data(campaign, conditions, judged.explanation)
        raise AutoResearchError(f"the baseline does not run: {why}; fix it and restart")
    scores = tuple(campaign.ledger.experiments[0].scores.values())
    facts: list[Body] = [judged, StateChanged(State.RUNNING, _words(campaign.ledger.noise), passing=True)]
    if len(scores) > 1:
        facts.insert(0, NoiseMeasured(noise_floor(scores), scores))
    campaign.record(*facts)


def _words(noise: Noise) -> str:
    if not noise.exact:
        return "baseline measured"
    exceeded = f", and a gain must exceed its last digit, {noise.unit:g}" if noise.unit else ""
    return f"baseline measured: one score whatever the seed, so no run is repeated{exceeded}"


def _missing_data(campaign: Campaign, conditions: Conditions, explanation: str) -> str:
    """Return what helps a script that measures itself and misses a file which the user has."""
    missed, repo = NO_FILE.search(explanation), campaign.repo
    if missed is None or conditions.ruler is not None:
        return ""
    path = Path(os.path.normpath(repo.top / repo.prefix / missed[1]))
    named = conditions.own_data is not None and path.is_relative_to(conditions.own_data)
    if named or not repo.lacks(path):
        return ""
    what = "you have it, but a run has only what git holds"
    return f" ({what}; to mount it in the runs, write 'data: {missed[1]}' in program.md)"
