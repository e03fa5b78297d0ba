"""A new campaign: what is on disk becomes its baseline, or the start is refused before anything is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loop.engine.campaign import Campaign
from loop.engine.create import create
from loop.engine.strategy import Strategy
from loop.engine.verdict import RULE
from loop.record.campaign_facts import Answered, CampaignCreated, StateChanged
from loop.record.experiment_facts import Proposed
from loop.record.intents import StartRequested
from loop.record.types import Refused, ScoreSource, State
from tests.campaigns import git, make_repository
from tests.loop.engine.desk import BASE

NAME = "nov23"
PROGRAM = "---\nbudget: 7s\nmetric: loss\n---\nLower the loss.\n"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "r", BASE.encode(), PROGRAM)


def started(folder: Path) -> Campaign:
    campaign = Campaign(folder, NAME)
    campaign.journal.append(NAME, StartRequested(folder=campaign.repo.prefix))
    campaign.sync()
    return campaign


async def test_a_campaign_begins_with_what_is_on_disk_and_what_program_md_says(top: Path) -> None:
    (top / "train.py").write_text(BASE + "# not committed\n")
    campaign = started(top)
    runner = await create(campaign, Strategy(campaign))
    bodies = [entry.body for entry in campaign.journal.read()]
    assert [type(body) for body in bodies] == [
        StartRequested, StateChanged, CampaignCreated, Proposed, StateChanged, Answered,
    ]  # fmt: skip
    created = campaign.ledger.created
    assert created is not None and campaign.ledger.state is State.RUNNING
    assert (created.budget, created.metric.name, created.rule) == ("7s", "loss", RULE)
    assert (created.source, created.comparison_key) == (ScoreSource.SELF_REPORTED, "")
    assert runner.conditions.canvas_in_top == "train.py" and str(runner.conditions.budget) == "7s"
    assert git(top, "show", f"{created.baseline}:train.py") == BASE + "# not committed\n"


async def test_branch_first_attempt_and_reviewed_base_are_the_baseline(top: Path) -> None:
    campaign = started(top)
    await create(campaign, Strategy(campaign))
    repo, baseline = campaign.repo, campaign.ledger.experiments[0].commit
    refs = repo.branch(NAME), repo.attempt_ref(NAME, 0), repo.accepted_ref(NAME)
    assert {repo.ref(ref) for ref in refs} == {baseline}


def check_out(top: Path) -> None:
    git(top, "checkout", "-q", "-b", f"autoresearch/{NAME}")


def branch_off(top: Path) -> None:
    git(top, "branch", f"autoresearch/{NAME}")


def ignore(top: Path) -> None:
    (top / ".gitignore").write_text("train.py\n")
    git(top, "rm", "-q", "--cached", "train.py")


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        pytest.param(check_out, "is checked out, and the campaign moves it", id="the branch is checked out"),
        pytest.param(branch_off, "exists and is yours; choose another name", id="the branch is the user's"),
        pytest.param(ignore, "train.py: git ignores it", id="git ignores the canvas"),
        pytest.param(lambda top: (top / "train.py").unlink(), "train.py: not found beside program.md", id="no canvas"),
    ],
)
async def test_a_start_is_refused_before_a_campaign_is_recorded(
    top: Path, prepare: Callable[[Path], object], why: str
) -> None:
    prepare(top)
    campaign = started(top)
    with pytest.raises(Refused, match=why):
        await create(campaign, Strategy(campaign))
    assert campaign.ledger.created is None and not campaign.ledger.experiments


async def test_what_a_killed_start_left_behind_is_begun_again(top: Path) -> None:
    campaign = started(top)
    refs = campaign.repo.attempt_ref(NAME, 0), campaign.repo.branch(NAME)
    for ref in refs:  # killed before anything was recorded
        campaign.repo.move_ref(ref, git(top, "rev-parse", "HEAD").strip(), None)
    await create(campaign, Strategy(campaign))
    assert {campaign.repo.ref(ref) for ref in refs} == {campaign.ledger.experiments[0].commit}
