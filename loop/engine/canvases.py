"""The canvas at any commit of a campaign, and the commits of its attempts. Knows git, nothing of runs or verdicts."""

from __future__ import annotations

import time

from loop.engine.campaign import Campaign
from loop.proposers import Proposal
from loop.record.types import RepoError
from loop.runs.conditions import Conditions
from loop.text.numbers import plain

TEXTS = 32  # canvases kept at hand


class Canvases:
    """The texts of one campaign's canvas."""

    def __init__(self, campaign: Campaign, conditions: Conditions) -> None:
        self.campaign = campaign
        self.name = conditions.canvas  # as program.md names it
        self.path = conditions.canvas_in_top
        self._texts: dict[str, str] = {}  # commit → canvas; a commit never changes

    def text(self, commit: str) -> str:
        """Return the canvas at a commit."""
        if commit not in self._texts:
            self._remember(commit, self.campaign.repo.text_at(commit, self.path))
        return self._texts[commit]

    def commit(self, number: int, parent: str, proposal: Proposal) -> str:
        """Commit a proposal's text on top of `parent`, keep it by the experiment's private ref, return the commit."""
        campaign, repo = self.campaign, self.campaign.repo
        message = (
            f"{plain(proposal.hypothesis)}\n\n"
            f"Campaign: {campaign.name}\nExperiment: {number}\nProposed-by: {plain(proposal.proposer)}\n"
        )
        commit = repo.commit_text(parent, self.path, proposal.text, message, time.time())
        ref = repo.attempt_ref(campaign.name, number)
        try:
            repo.move_ref(ref, commit, None)
        except RepoError:  # a merge, a repair, or what a crash left
            repo.move_ref(ref, commit, repo.ref(ref))
        self._remember(commit, proposal.text)
        return commit

    def _remember(self, commit: str, text: str) -> None:
        self._texts[commit] = text
        if len(self._texts) > TEXTS:
            del self._texts[next(iter(self._texts))]
