"""The campaign's branch follows the incumbent, unless its user stands on it or has put commits of their own there."""

from __future__ import annotations

import logging

from loop.engine.campaign import Campaign

log = logging.getLogger(__name__)


class Branch:
    """The branch autoresearch/<campaign>, whose tip is the incumbent."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self._held = False  # it is checked out, and does not hold the incumbent

    def follow(self) -> None:
        """Move the branch to the incumbent; healed from the journal where a crash came between a keep and this."""
        incumbent = self.campaign.ledger.incumbent_experiment
        if incumbent is None:
            return
        repo, commit = self.campaign.repo, incumbent.commit
        branch = repo.branch(self.campaign.name)
        at = repo.ref(branch)
        held = at != commit and repo.is_checked_out(branch)
        self._hold(held)
        if held:
            log.warning("%s is checked out and stays where it is", branch)
        elif at is not None and not self.campaign.ledger.wrote(at):
            log.warning("%s is at %s, which is not of the campaign, and stays there", branch, at)
        else:
            repo.move_ref(branch, commit, at)

    def follow_again(self) -> None:
        """Let a branch that was checked out follow once it is free."""
        if self._held:
            self.follow()

    def _hold(self, held: bool) -> None:
        """Say once that the branch stays where it is, and once that it follows again."""
        if held == self._held:
            return
        self._held, name = held, f"autoresearch/{self.campaign.name}"
        sentence = f"the branch {name} follows again"
        if held:
            sentence = (
                f"the branch {name} is checked out and stays where it is, what is kept is not on it; "
                "it follows again once you switch to a branch of your own: git switch -c mine"
            )
        self.campaign.say(sentence)
