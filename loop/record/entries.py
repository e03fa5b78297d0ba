"""An entry of the journal, and every kind that there is: an intent asks for something, a fact says what happened.

An intent is appended by the command or the language server and answered once; a fact is appended by the daemon alone.
Entries are never updated or deleted. None holds a key, a prompt or an absolute path.
"""

from __future__ import annotations

from dataclasses import dataclass

from loop.record.campaign_facts import CampaignFact
from loop.record.experiment_facts import ExperimentFact
from loop.record.intents import Intent
from loop.record.verification_facts import VerificationFact

Fact = CampaignFact | ExperimentFact | VerificationFact
Body = Intent | Fact


@dataclass(frozen=True)
class Entry:
    """One line of the journal: its place in the order, the campaign, seconds since 1970 and what happened.

    `tick` is the system's monotonic clock, by which durations are counted: the other one may be set, or jump.
    """

    seq: int
    campaign: str
    at: float
    body: Body
    tick: float = 0.0
