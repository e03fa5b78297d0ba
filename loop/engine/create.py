"""Creates a campaign: what is on disk becomes its baseline, and what program.md says now its conditions."""

from __future__ import annotations

import time

from loop.engine.campaign import Campaign
from loop.engine.opening import Terms, begin, check_branch, prepare
from loop.engine.strategy import Strategy
from loop.engine.verdict import RULE
from loop.record.campaign_facts import CampaignCreated
from loop.record.experiment_facts import Proposed
from loop.record.types import Author, Refused, RepoError, ScoreSource
from loop.runs.conditions import Conditions
from loop.runs.ruler import is_ruler
from loop.runs.runner import Runner
from loop.setup.inputs import check_canvas
from loop.text.canvas import fingerprint


async def create(campaign: Campaign, strategy: Strategy) -> Runner:
    """Record a new campaign and its experiment 0, answer the start and return the campaign's runner."""
    check_branch(campaign)
    program = strategy.program
    text = check_canvas(campaign.folder, program.canvas)
    terms = Terms(
        baseline=_snapshot(campaign, program.canvas),
        sealed=is_ruler(campaign.folder / "prepare.py"),
        canvas=program.canvas,
        run=program.run,
        metric=program.metric,
        budget=program.budget,
        data=program.data,
    )
    conditions, sandbox = await prepare(campaign, strategy, terms)
    _set_refs(campaign, terms.baseline)
    baseline = Proposed(
        0, terms.baseline, "", "the baseline: what was on disk", Author.HUMAN, "human", 0, 0,
        fingerprint=fingerprint(text),
    )  # fmt: skip
    campaign.record(_created(terms, conditions, sandbox.label), baseline)
    return begin(campaign, terms, conditions, sandbox)


def _snapshot(campaign: Campaign, canvas: str) -> str:
    """Return the commit of what is on disk; refuses a canvas that git ignores, since no run would ever find it."""
    repo = campaign.repo
    commit = repo.snapshot(f"Baseline of {campaign.name}", time.time())
    try:
        repo.text_at(commit, repo.inside(canvas))
    except RepoError as error:
        raise Refused(
            f"{canvas}: git ignores it, and a campaign runs on a copy of what git does not ignore; "
            "take it out of .gitignore and start again"
        ) from error
    return commit


def _set_refs(campaign: Campaign, baseline: str) -> None:
    """Set the branch and the reviewed base on the snapshot; refuses a branch that is the user's own."""
    repo, name = campaign.repo, campaign.name
    first, branch, accepted = repo.attempt_ref(name, 0), repo.branch(name), repo.accepted_ref(name)
    # Ours only where a start that was killed here has left one of the private refs beside it.
    if repo.ref(branch) not in (None, repo.ref(first), repo.ref(accepted)):
        raise Refused(
            f"the branch autoresearch/{name} exists and is yours; choose another name: "
            "'autoresearch start --new --campaign NAME'"
        )
    for ref in (first, branch, accepted):
        repo.move_ref(ref, baseline, repo.ref(ref))


def _created(terms: Terms, conditions: Conditions, sandbox: str) -> CampaignCreated:
    ruler = conditions.ruler
    return CampaignCreated(
        folder=conditions.folder,
        canvas=conditions.canvas,
        run=conditions.run,
        budget=str(conditions.budget),
        metric=conditions.metric,
        source=ScoreSource.SEALED if ruler else ScoreSource.SELF_REPORTED,
        comparison_key=ruler.comparison_key if ruler else "",
        device=ruler.device_name if ruler else "",
        sandbox=sandbox,
        baseline=terms.baseline,
        uniform=ruler.uniform if ruler else None,
        profile=ruler.profile if ruler else "",
        data=terms.data,
        rule=RULE,
    )
