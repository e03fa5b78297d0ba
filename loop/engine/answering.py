"""What outsiders ask of a campaign, and its answers: start, pause, resume, stop, note, verify.

Each is answered once. What changes the backlog is in humans.py.
"""

from __future__ import annotations

from loop.engine.campaign import Campaign
from loop.engine.humans import Humans
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
from loop.record.types import Cause

LATE = "the daemon had ended before it read this; a start came after it"


class Answering:
    """Acts on requests from the first moment on; on those that need an open campaign once it is `open`."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        campaign.handle(
            {
                PauseRequested: self._pause,
                ResumeRequested: self._resume,
                StopRequested: self._stop,
                NoteAdded: self._note,
            }
        )

    def open(self, humans: Humans) -> None:
        """Act on everything from now on, first on what waited for this."""
        self.campaign.handle(
            {
                StartRequested: self._start_again,
                ProposeRequested: humans.propose,
                WithdrawRequested: humans.withdraw,
                VerifyRequested: self._verify,
            }
        )

    def _pause(self, _: PauseRequested, intent: int) -> None:
        if not self._is_late(intent):
            self.campaign.pause("paused; 'autoresearch resume' continues", Cause.ASKED)
            self.campaign.answer(intent, True, "pausing after this experiment")

    def _resume(self, _: ResumeRequested, intent: int) -> None:
        if not self._is_late(intent):
            self.campaign.resume()
            self.campaign.answer(intent, True, "resumed")

    def _stop(self, request: StopRequested, intent: int) -> None:
        if self._is_late(intent):
            return
        self.campaign.stopping = True
        self.campaign.answer(intent, True, "stopping now" if request.now else "stopping after this experiment")
        if request.now:
            self.campaign.interrupted.set()

    def _is_late(self, intent: int) -> bool:
        """Refuse what met no living daemon before the start that began this one; return whether that is so."""
        late = intent < self.campaign.asked_to_begin
        if late:
            self.campaign.answer(intent, False, LATE)
        return late

    def _note(self, _: NoteAdded, intent: int) -> None:
        self.campaign.answer(intent, True, "recorded")

    def _verify(self, _: VerifyRequested, intent: int) -> None:
        when = "once it is resumed" if self.campaign.paused else "at the next run's boundary"
        self.campaign.answer(intent, True, f"verifies {when}; the headline is in status and report")

    def _start_again(self, request: StartRequested, intent: int) -> None:
        self.campaign.resume()
        answer_start(self.campaign, request, intent, "already running")


def answer_start(campaign: Campaign, request: StartRequested, intent: int, message: str) -> None:
    """Answer a start; one of another folder chose the same new name at the same moment."""
    ours = request.folder in (None, campaign.repo.prefix)
    taken = f"campaign {campaign.name} runs in another folder of this repository; stop it first"
    campaign.answer(intent, ours, message if ours else taken)
