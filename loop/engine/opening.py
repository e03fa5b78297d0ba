"""What creating and resuming a campaign have in common: the branch is free, the data prepared, the start answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from loop.engine.answering import answer_start
from loop.engine.campaign import Campaign
from loop.engine.strategy import Strategy
from loop.record.campaign_facts import StateChanged
from loop.record.intents import StartRequested
from loop.record.types import Metric, Refused, State
from loop.record.values import parse_budget
from loop.runs.command import python_for
from loop.runs.conditions import Conditions, ruler_variables
from loop.runs.reach import that_reaches
from loop.runs.ruler import Ruler, prepare_data
from loop.runs.runner import Runner
from loop.setup.inputs import find_data
from loop.text.canvas import framework, parse
from loop.trust.probe import probe
from loop.trust.sandbox import BUBBLEWRAP, PROCESS_GROUP, Sandbox, environment

DEFAULT_BUDGET = "5m"  # of a script that measures itself and knows no other


@dataclass(frozen=True)
class Terms:
    """What a campaign measures, as program.md names it at its start, and as its record does ever after."""

    baseline: str  # commit, whose prepare.py prepares the data
    sealed: bool
    canvas: str
    run: str
    metric: Metric
    budget: str | None  # None for the default
    data: str  # as it was written


def check_branch(campaign: Campaign) -> None:
    """Refuse a campaign on whose branch its user stands: the branch is moved, and nothing of theirs ever is."""
    if campaign.repo.is_checked_out(campaign.repo.branch(campaign.name)):
        raise Refused(
            f"the branch autoresearch/{campaign.name} is checked out, and the campaign moves it; "
            "switch to a branch of your own first: git switch -c mine"
        )


async def prepare(campaign: Campaign, strategy: Strategy, terms: Terms) -> tuple[Conditions, Sandbox]:
    """Prepare the data and try the sandbox; return the conditions of every run, and what confines them."""
    repo, devices = campaign.repo, strategy.program.devices
    data = find_data(repo.top / repo.prefix, terms.data, terms.sealed)
    campaign.record(StateChanged(State.PREPARING, "preparing the data" if terms.sealed else "getting ready"))
    ruler = await _prepare_data(campaign, terms, devices, data) if terms.sealed else None
    budget = terms.budget or (ruler.default_budget if ruler else DEFAULT_BUDGET)
    conditions = Conditions(
        python=python_for(campaign.folder),
        folder=repo.prefix,
        canvas=terms.canvas,
        run=terms.run,
        budget=parse_budget(budget),
        metric=terms.metric,
        ruler=ruler,
        devices=devices,
        data=data,
    )
    tried = probe()
    sandbox = await asyncio.to_thread(that_reaches, conditions, tried, repo.top)
    if sandbox is not tried:
        campaign.record(StateChanged(State.PREPARING, f"{sandbox.reason}; runs are not confined"))
    return conditions, sandbox


def begin(
    campaign: Campaign,
    terms: Terms,
    conditions: Conditions,
    sandbox: Sandbox,
    also: Callable[[StartRequested], str] = lambda _: "",
) -> Runner:
    """Say that the campaign runs, answer the start with what else its user should know, and return the runner."""
    doing = "measuring the baseline" if campaign.ledger.incumbent is None else "resumed"
    campaign.record(StateChanged(State.RUNNING, doing, passing=True))
    confined = sandbox.kind != PROCESS_GROUP
    loose = conditions.own_data is not None and not confined
    writable = f"; without {BUBBLEWRAP} its runs can also write to {terms.data}" if loose else ""
    weaker = f"; its sandbox: {sandbox.label}" if sandbox.missing and confined else ""
    for intent, entry in list(campaign.ledger.unanswered.items()):
        if isinstance(entry.body, StartRequested):
            runs = f"campaign {campaign.name} runs: {conditions.run}{writable}{weaker}{also(entry.body)}"
            answer_start(campaign, entry.body, intent, runs)
    return Runner(campaign.repo, campaign.home, campaign.name, conditions, sandbox)


async def _prepare_data(campaign: Campaign, terms: Terms, devices: str, data: str) -> Ruler:
    """Let the baseline's prepare.py download, tokenise and pack. It is the human's file: it may use the network."""
    text = campaign.repo.text_at(terms.baseline, campaign.repo.inside(terms.canvas))
    variables = ruler_variables(terms.budget, devices, data, framework(parse(text)))
    slot, scratch = campaign.home.slots / "baseline", campaign.home.root / "prepare"
    campaign.repo.lay(terms.baseline, slot)
    scratch.mkdir(parents=True, exist_ok=True)

    def say(line: str) -> None:
        campaign.record(StateChanged(State.PREPARING, line))

    folder = slot / campaign.repo.prefix
    return await prepare_data(python_for(campaign.folder), folder, environment(scratch, variables), say)
