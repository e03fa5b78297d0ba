"""The campaign's branch: where the user stands on it, it stays, that is said, and it follows again once it is free."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from loop.engine.engine import Engine
from loop.engine.measuring import Measuring
from loop.record.entries import Body
from loop.views.status import status_dict
from tests.campaigns import Campaign, git, make_repository

BASE = "LR = 0.1\n"


class Desk(SimpleNamespace):
    """As much of an engine as a verdict needs."""

    made: Campaign

    def __init__(self, made: Campaign) -> None:
        super().__init__(made=made, repo=made.repo, campaign=made.name)

    @property
    def ledger(self) -> Any:
        return self.made.ledger

    def record(self, *bodies: Body) -> None:
        self.made.record(*bodies)


def test_a_branch_that_is_checked_out_is_said_and_follows_again_once_it_is_free(tmp_path: Path) -> None:
    campaign = Campaign(make_repository(tmp_path / "r", BASE.encode()))
    branch = campaign.repo.branch(campaign.name)
    measuring = Measuring(cast(Engine, Desk(campaign)))
    campaign.repo.move_ref(branch, campaign.baseline, None)
    git(campaign.top, "checkout", "-q", f"autoresearch/{campaign.name}")
    for score, text in ((0.9, BASE.replace("0.1", "0.2")), (0.8, BASE.replace("0.1", "0.3"))):
        number = campaign.keep(text, "a larger rate", score)
        measuring._heed_verdict(campaign.ledger.experiments[number])
    assert campaign.repo.ref(branch) == campaign.baseline
    message = status_dict(campaign.ledger, None, True)["message"]
    assert "is checked out and stays where it is" in message and "git switch -c mine" in message
    entries = len(campaign.journal.read())
    measuring.follow()
    assert len(campaign.journal.read()) == entries, "it is said once"
    git(campaign.top, "switch", "-q", "-c", "mine")
    measuring.follow()
    assert campaign.repo.ref(branch) == campaign.ledger.experiments[2].commit
    assert status_dict(campaign.ledger, None, True)["message"].endswith("follows again")
