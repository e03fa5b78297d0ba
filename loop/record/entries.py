"""An entry of the journal, and every kind that there is: an intent asks for something, a fact says what happened.

An intent is appended by the command or the language server and answered once; a fact is appended by the daemon alone.
Entries are never updated or deleted. None holds a key, a prompt or an absolute path.
"""

from __future__ import annotations

from dataclasses import dataclass

from loop.record.campaign_facts import (
    Answered,
    CampaignCreated,
    Imported,
    NoiseMeasured,
    Resumed,
    Spent,
    StateChanged,
)
from loop.record.experiment_facts import (
    Doomed,
    Judged,
    Merged,
    Proposed,
    Repaired,
    RunEnded,
    RunStarted,
    Scored,
    VerdictLost,
    Withdrawn,
)
from loop.record.intents import (
    NoteAdded,
    PauseRequested,
    ProposeRequested,
    ResumeRequested,
    StartRequested,
    StopRequested,
    VerifyRequested,
    WithdrawRequested,
)
from loop.record.verification_facts import (
    Audited,
    Priced,
    Verified,
)

Intent = (
    StartRequested
    | PauseRequested
    | ResumeRequested
    | StopRequested
    | ProposeRequested
    | WithdrawRequested
    | NoteAdded
    | VerifyRequested
)
Fact = (
    Answered
    | Imported
    | Resumed
    | CampaignCreated
    | NoiseMeasured
    | Proposed
    | Merged
    | Repaired
    | Withdrawn
    | VerdictLost
    | Doomed
    | RunStarted
    | RunEnded
    | Scored
    | Judged
    | Verified
    | Priced
    | Audited
    | Spent
    | StateChanged
)
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
