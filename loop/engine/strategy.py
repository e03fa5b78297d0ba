"""The human's strategy: program.md as it is now, with what the start asked for, and the limits that it sets."""

from __future__ import annotations

import time

from loop.engine.campaign import Campaign
from loop.engine.plan import limit_reached
from loop.record.types import ProgramError
from loop.settings.program import Program, override, parse, program_hash


class Strategy:
    """The last program.md that could be used. Raises what is wrong with it where none could be yet."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.program, self.hash = self._parsed()
        self._unread = ""  # why program.md is not used as it is now

    def read(self) -> None:
        """Read program.md anew, so that an edit steers the very next proposal; a broken one changes nothing."""
        unread = ""
        try:
            self.program, self.hash = self._parsed()
        except (OSError, UnicodeDecodeError, ProgramError) as error:
            unread = str(error)
        if unread == self._unread:
            return
        self._unread = unread
        used = f"program.md is not used as it is now: {unread}" if unread else "program.md is used again"
        self.campaign.say(used)

    def limit_reached(self) -> str:
        """Return the sentence of the limit of `stop:` that is reached now, "" where none is."""
        return limit_reached(self.campaign.ledger, self.program.stop, time.monotonic())

    def _parsed(self) -> tuple[Program, str]:
        text = (self.campaign.folder / "program.md").read_text(encoding="utf-8")
        return override(parse(text), self.campaign.ledger.asked), program_hash(text)
