"""Opening a campaign: check what the user has on disk, snapshot it, prepare the data, fix the conditions.

Runs at every start: a new campaign is created, an old one is held against the conditions under which it was created.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from loop.engine.verdict import RULE
from loop.record.campaign_facts import CampaignCreated, Resumed, StateChanged
from loop.record.experiment_facts import Proposed
from loop.record.intents import StartRequested
from loop.record.requests import overridden
from loop.record.types import Author, Refused, RepoError, ScoreSource, State
from loop.record.values import parse_budget
from loop.runs.command import python_for
from loop.runs.conditions import Conditions, ruler_variables
from loop.runs.ruler import Ruler, is_ruler, prepare_data
from loop.runs.runner import Runner
from loop.settings.program import Program
from loop.setup.inputs import check_canvas, find_data
from loop.text.canvas import fingerprint
from loop.trust.probe import probe
from loop.trust.sandbox import BUBBLEWRAP, environment

if TYPE_CHECKING:
    from loop.engine.engine import Engine

DEFAULT_BUDGET = "5m"  # of a script that measures itself and knows no other


async def open_campaign(engine: Engine) -> Runner:
    """Return the runner of the campaign, created or continued, and answer the start."""
    engine.writing.read_program()
    ledger, program = engine.ledger, engine.writing.program
    created = ledger.created
    canvas = created.canvas if created else program.canvas
    if engine.repo.is_checked_out(engine.repo.branch(engine.campaign)):
        raise Refused(
            f"the branch autoresearch/{engine.campaign} is checked out, and the campaign moves it; "
            "switch to a branch of your own first: git switch -c mine"
        )
    at = engine.repo.ref(engine.repo.branch(engine.campaign))
    if created is not None and at is not None and not ledger.wrote(at):
        raise Refused(
            f"the branch autoresearch/{engine.campaign} is at {at[:10]}, which is not of the campaign; keep it under "
            f"another name and start again: git branch -m autoresearch/{engine.campaign} mine"
        )
    if created is not None and parse_budget(ledger.asked.get("budget", created.budget)) != parse_budget(created.budget):
        raise Refused(
            f"{engine.campaign} measures with a budget of {created.budget}, and scores of another do not compare; "
            "start a new campaign: 'autoresearch start --new --budget ...'"
        )
    text = "" if created else check_canvas(engine.folder, canvas)
    commit = created.baseline if created else engine.repo.snapshot(f"Baseline of {engine.campaign}", time.time())
    if created is None:
        _check_snapshot(engine, commit, canvas)
    sealed = created.source is ScoreSource.SEALED if created else is_ruler(engine.folder / "prepare.py")
    ruled = f"; from now on its verdicts follow a newer rule, '{RULE}', and the earlier ones stand"
    changed = created is not None and ledger.rule != RULE
    if created is not None:
        engine.record(Resumed(RULE if changed else ""))
    began_with = created.data if created and created.data and not sealed else program.data
    data = find_data(engine.repo.top / engine.repo.prefix, began_with, sealed)
    engine.record(StateChanged(State.PREPARING, "preparing the data" if sealed else "getting ready"))
    budget = created.budget if created else program.budget
    ruler = await _prepare(engine, commit, budget, data) if sealed else None
    budget = budget or (ruler.default_budget if ruler else DEFAULT_BUDGET)
    if created is not None and ruler is not None and ruler.comparison_key != created.comparison_key:
        raise Refused(
            f"{engine.campaign} was measured under other conditions ({created.device}, key "
            f"{created.comparison_key[:8]}; now {ruler.device_name}, key {ruler.comparison_key[:8]}); "
            "start a new campaign: 'autoresearch start --new'"
        )
    sandbox = probe()
    conditions = Conditions(
        python=python_for(engine.folder),
        folder=engine.repo.prefix,
        canvas=canvas,
        run=created.run if created else program.run,
        budget=parse_budget(budget),
        metric=created.metric if created else program.metric,
        ruler=ruler,
        devices=program.devices,
        data=data,
    )
    if created is None:
        _create(engine, commit, text, conditions, sandbox.label)
    doing = "measuring the baseline" if ledger.incumbent is None else "going on"
    engine.record(StateChanged(State.RUNNING, doing, passing=True))
    for entry in list(ledger.unanswered.values()):
        if isinstance(entry.body, StartRequested):
            now = entry.body.overrides
            earlier = {n: text for n, text in overridden(ledger.overrides, now).items() if n not in now}
            still = "".join(f"; --{name} {text} of an earlier start still holds" for name, text in earlier.items())
            loose = conditions.own_data is not None and sandbox.kind != BUBBLEWRAP
            writable = f"; without {BUBBLEWRAP} its runs can also write to {began_with}" if loose else ""
            kept = _kept(conditions, program, began_with)
            weaker = f"; its sandbox: {sandbox.label}" if sandbox.missing and sandbox.kind == BUBBLEWRAP else ""
            rest = f"{writable}{weaker}{still}{kept}{ruled if changed else ''}"
            engine.answer_start(entry, f"campaign {engine.campaign} runs: {conditions.run}{rest}")
    return Runner(engine.repo, engine.home, engine.campaign, conditions, sandbox)


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


def _check_snapshot(engine: Engine, commit: str, canvas: str) -> None:
    """Refuse a canvas that git ignores: it is not in the snapshot, and no run would ever find it."""
    try:
        engine.repo.text_at(commit, engine.repo.inside(canvas))
    except RepoError as error:
        raise Refused(
            f"{canvas}: git ignores it, and a campaign runs on a copy of what git does not ignore; "
            "take it out of .gitignore and start again"
        ) from error


async def _prepare(engine: Engine, commit: str, budget: str | None, data: str) -> Ruler:
    """Let the baseline's prepare.py download, tokenise and pack. It is the human's file: it may use the network."""
    slot = engine.home.slots / "baseline"
    engine.repo.lay(commit, slot)
    variables = ruler_variables(budget, engine.writing.program.devices, data)

    def say(line: str) -> None:
        engine.record(StateChanged(State.PREPARING, line))

    scratch = engine.home.root / "prepare"
    scratch.mkdir(parents=True, exist_ok=True)
    folder = slot / engine.repo.prefix
    return await prepare_data(python_for(engine.folder), folder, environment(scratch, variables), say)


def _create(engine: Engine, commit: str, text: str, conditions: Conditions, sandbox: str) -> None:
    """Record the campaign and its experiment 0, and set the branch and the reviewed base on the snapshot."""
    ruler = conditions.ruler
    created = CampaignCreated(
        folder=conditions.folder,
        canvas=conditions.canvas,
        run=conditions.run,
        budget=str(conditions.budget),
        metric=conditions.metric,
        source=ScoreSource.SEALED if ruler else ScoreSource.SELF_REPORTED,
        comparison_key=ruler.comparison_key if ruler else "",
        device=ruler.device_name if ruler else "",
        sandbox=sandbox,
        baseline=commit,
        uniform=ruler.uniform if ruler else None,
        profile=ruler.profile if ruler else "",
        data=engine.writing.program.data,
        rule=RULE,
    )
    repo, campaign = engine.repo, engine.campaign
    first, branch, accepted = repo.attempt_ref(campaign, 0), repo.branch(campaign), repo.accepted_ref(campaign)
    # Ours only where a start that was killed here has left one of the private refs beside it.
    if repo.ref(branch) not in (None, repo.ref(first), repo.ref(accepted)):
        raise Refused(
            f"the branch autoresearch/{campaign} exists and is yours; choose another name: "
            "'autoresearch start --new --campaign NAME'"
        )
    for ref in (first, branch, accepted):
        repo.move_ref(ref, commit, repo.ref(ref))
    baseline = Proposed(
        0, commit, "", "the baseline: what was on disk", Author.HUMAN, "human", 0, 0, fingerprint=fingerprint(text)
    )
    engine.record(created, baseline)
