"""Resumes a campaign: its branch and the conditions of now are held against those under which it was created."""

from __future__ import annotations

from loop.engine.campaign import Campaign
from loop.engine.opening import Terms, begin, check_branch, prepare
from loop.engine.strategy import Strategy
from loop.engine.verdict import RULE
from loop.record.campaign_facts import CampaignCreated, Resumed
from loop.record.intents import StartRequested
from loop.record.requests import overridden
from loop.record.types import Refused, ScoreSource
from loop.record.values import parse_budget
from loop.runs.conditions import Conditions
from loop.runs.runner import Runner
from loop.settings.program import Program


async def resume(campaign: Campaign, strategy: Strategy, created: CampaignCreated) -> Runner:
    """Record that a daemon took over, answer the start where one waits and return the campaign's runner."""
    ledger, program = campaign.ledger, strategy.program
    check_branch(campaign)
    _check_commits(campaign)
    _check_budget(campaign, created)
    changed = ledger.rule != RULE
    campaign.record(Resumed(RULE if changed else ""))
    sealed = created.source is ScoreSource.SEALED
    terms = Terms(
        baseline=created.baseline,
        sealed=sealed,
        canvas=created.canvas,
        run=created.run,
        metric=created.metric,
        budget=created.budget,
        data=created.data if created.data and not sealed else program.data,
    )
    conditions, sandbox = await prepare(campaign, strategy, terms)
    _check_key(campaign, created, conditions)
    kept = _kept(conditions, program, terms.data)
    ruled = f"; from now on its verdicts follow a newer rule, '{RULE}', and the earlier ones stand" if changed else ""

    def also(request: StartRequested) -> str:
        earlier = overridden(ledger.overrides, request.overrides).items()
        held = (f"--{name} {text}" for name, text in earlier if name not in request.overrides)
        return "".join(f"; {one} of an earlier start still holds" for one in held) + kept + ruled

    return begin(campaign, terms, conditions, sandbox, also)


def _check_commits(campaign: Campaign) -> None:
    """Refuse a branch that holds commits of the user's."""
    at = campaign.repo.ref(campaign.repo.branch(campaign.name))
    if at is not None and not campaign.ledger.wrote(at):
        raise Refused(
            f"the branch autoresearch/{campaign.name} is at {at[:10]}, which is not of the campaign; keep it under "
            f"another name and start again: git branch -m autoresearch/{campaign.name} mine"
        )


def _check_budget(campaign: Campaign, created: CampaignCreated) -> None:
    asked = campaign.ledger.asked.get("budget", created.budget)
    if parse_budget(asked) != parse_budget(created.budget):
        raise Refused(
            f"{campaign.name} measures with a budget of {created.budget}, and scores of another do not compare; "
            "start a new campaign: 'autoresearch start --new --budget ...'"
        )


def _check_key(campaign: Campaign, created: CampaignCreated, conditions: Conditions) -> None:
    """Refuse another device, other data or another ruler: no two scores compare across them."""
    ruler = conditions.ruler
    if ruler is not None and ruler.comparison_key != created.comparison_key:
        raise Refused(
            f"{campaign.name} was measured under other conditions ({created.device}, key "
            f"{created.comparison_key[:8]}; now {ruler.device_name}, key {ruler.comparison_key[:8]}); "
            "start a new campaign: 'autoresearch start --new'"
        )


def _kept(conditions: Conditions, program: Program, data: str) -> str:
    """Return what program.md says otherwise by now, which a campaign cannot change: its scores would not compare."""
    budget = parse_budget(program.budget) if program.budget else conditions.budget
    pairs = {
        "canvas": (conditions.canvas, program.canvas),
        "run": (conditions.run, program.run),
        "budget": (str(conditions.budget), str(budget)),
        "metric": (conditions.metric, program.metric),
        "data": (data, program.data),
    }
    kept = [name for name, (began, now) in pairs.items() if began != now]
    if not kept:
        return ""
    return f"; it keeps the {' and '.join(kept)} that it began with, program.md's are for 'autoresearch start --new'"
