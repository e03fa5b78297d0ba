"""The campaign's branch: where the user stands on it, it stays, that is said, and it follows again once it is free."""

from __future__ import annotations

from pathlib import Path

from loop.engine.branch import Branch
from loop.views.status import status_dict
from tests.campaigns import git
from tests.loop.engine.desk import BASE, Desk


def test_a_branch_that_is_checked_out_is_said_and_follows_again_once_it_is_free(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    made, campaign, branch = desk.made, desk.campaign, Branch(desk.campaign)
    name = campaign.repo.branch(campaign.name)
    campaign.repo.move_ref(name, made.baseline, None)
    git(made.top, "checkout", "-q", f"autoresearch/{made.name}")
    for score, text in ((0.9, BASE.replace("0.1", "0.2")), (0.8, BASE.replace("0.1", "0.3"))):
        made.keep(text, "a larger rate", score)
        campaign.sync()
        branch.follow()
    assert campaign.repo.ref(name) == made.baseline
    message = status_dict(made.ledger, None, True)["message"]
    assert "is checked out and stays where it is" in message and "git switch -c mine" in message
    entries = len(made.journal.read())
    branch.follow_again()
    assert len(made.journal.read()) == entries, "it is said once"
    git(made.top, "switch", "-q", "-c", "mine")
    branch.follow_again()
    assert campaign.repo.ref(name) == campaign.ledger.experiments[2].commit
    assert status_dict(made.ledger, None, True)["message"].endswith("follows again")


def test_a_branch_with_commits_of_its_user_stays_where_it_is(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    name = desk.campaign.repo.branch(desk.campaign.name)
    git(desk.made.top, "commit", "-q", "--allow-empty", "-m", "mine")
    mine = git(desk.made.top, "rev-parse", "HEAD").strip()
    desk.campaign.repo.move_ref(name, mine, None)
    desk.keep(BASE.replace("0.1", "0.2"))
    Branch(desk.campaign).follow()
    assert desk.campaign.repo.ref(name) == mine


def test_a_branch_behind_its_verdict_is_healed_from_the_journal(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    name = desk.campaign.repo.branch(desk.campaign.name)
    desk.campaign.repo.move_ref(name, desk.made.baseline, None)
    number = desk.keep(BASE.replace("0.1", "0.2"))  # as a daemon that was killed before it moved the branch left it
    Branch(desk.campaign).follow()
    assert desk.campaign.repo.ref(name) == desk.campaign.ledger.experiments[number].commit
