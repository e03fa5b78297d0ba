"""The waiting experiments: what is taken, in which order they run, and what becomes of a patch that grew stale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loop.proposers import Proposal
from loop.record.campaign_facts import Spent
from loop.record.experiment_facts import Merged, Repaired, RunEnded, RunStarted, Scored
from loop.record.types import Author, Cost, Outcome, Purpose, ScoreSource, Verdict
from tests.campaigns import git
from tests.loop.engine.desk import BASE, Desk

SPACED = "LR = 0.1\n\n\nDEPTH = 4\n"
KEPT = SPACED.replace("0.1", "0.2")  # what another experiment brought meanwhile


def proposal(text: str) -> Proposal:
    return Proposal(text, "an idea", Author.MODEL, "a/model", cost=Cost(10, 5, 0.01), evidence={"reply.md": "said"})


def test_an_admitted_text_has_its_commit_its_ref_and_its_evidence(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    text = BASE.replace("0.1", "0.2")
    number = desk.backlog.admit(proposal(text), desk.made.baseline)
    assert number == 1
    experiment = desk.campaign.ledger.experiments[1]
    ref = git(desk.made.top, "rev-parse", f"refs/autoresearch/{desk.made.name}/1").strip()
    assert ref == experiment.commit and desk.made.text(1) == text
    assert (experiment.parent, experiment.program) == (desk.made.baseline, desk.strategy.hash)
    assert (experiment.lines_added, experiment.lines_removed, experiment.knobs) == (1, 1, {"LR": ("0.1", "0.2")})
    assert (desk.campaign.home.experiment(desk.made.name, 1) / "reply.md").read_text() == "said"
    body = git(desk.made.top, "log", "-1", "--format=%B", ref)
    assert body.strip() == f"an idea\n\nCampaign: {desk.made.name}\nExperiment: 1\nProposed-by: a/model"


def test_a_text_that_was_tried_is_not_taken_again_and_its_cost_is_recorded(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    text = BASE.replace("0.1", "0.2")
    desk.backlog.admit(proposal(text), desk.made.baseline)
    assert desk.backlog.admit(proposal(text + "# a remark\n"), desk.made.baseline) is None
    (spent,) = desk.facts(Spent)
    assert spent.cost.dollars == 0.01 and len(desk.campaign.ledger.experiments) == 2


@pytest.mark.parametrize(
    "form",
    [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text, lambda text: text.removesuffix("\n")],
    ids=["CRLF", "a byte order mark", "no last line end"],
)
def test_a_text_takes_the_form_of_the_canvas_whatever_its_author_wrote(
    tmp_path: Path, form: Callable[[str], str]
) -> None:
    desk = Desk(tmp_path, form(BASE))
    number = desk.backlog.admit(proposal(BASE.replace("0.1", "0.2")), desk.made.baseline)
    assert number is not None and desk.made.text(number) == form(BASE.replace("0.1", "0.2"))
    assert desk.campaign.ledger.experiments[number].lines_added == 1


def test_what_is_being_looked_at_waits_until_it_was_looked_at(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    number = desk.backlog.admit(proposal(BASE.replace("0.1", "0.2")), desk.made.baseline)
    assert number is not None and desk.backlog.first() is None
    desk.backlog.looked_at(number)
    first = desk.backlog.first()
    assert first is not None and first.number == number


def test_what_has_begun_comes_first_then_a_humans_then_by_number(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    texts = [BASE.replace("0.1", f"0.{n}") for n in (2, 3, 4)]
    agents, human = [desk.propose(text) for text in texts[:2]], desk.propose(texts[2], Author.HUMAN)
    backlog = desk.backlog

    def order(after: int | None = None, human: bool = False) -> int | None:
        first = backlog.first(after, human)
        return first and first.number

    assert (order(), order(after=human), order(human=True)) == (human, agents[0], human)
    commit = desk.campaign.ledger.experiments[agents[1]].commit
    desk.campaign.record(RunStarted(agents[1], 1, Purpose.MEASURE, 0, commit))
    assert (order(), order(after=agents[1])) == (agents[1], human)


def test_a_stale_patch_is_merged_with_what_was_kept_and_keeps_its_place(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPACED)
    stale = desk.propose(SPACED.replace("4", "5"))
    kept = desk.keep(KEPT)
    first = desk.backlog.first()
    assert first is not None and first.number == stale
    assert desk.canvases.text(first.commit) == KEPT.replace("4", "5")
    (merged,) = desk.facts(Merged)
    assert merged.parent == desk.campaign.ledger.experiments[kept].commit
    ref = git(desk.made.top, "rev-parse", f"refs/autoresearch/{desk.made.name}/{stale}").strip()
    assert ref == first.commit == merged.commit
    assert desk.backlog.first() == first and len(desk.facts(Merged)) == 1, "merged once"


@pytest.mark.parametrize(
    ("author", "text", "why"),
    [
        pytest.param(Author.MODEL, SPACED.replace("0.1", "0.3"), "it changes the same lines as #2", id="a conflict"),
        pytest.param(Author.MODEL, KEPT, "it is the text of #2", id="what was kept already"),
        pytest.param(Author.HUMAN, SPACED.replace("0.1", "0.3"), "", id="a human's lines stand"),
    ],
)
def test_a_stale_patch_that_no_longer_fits_is_judged_and_a_humans_is_measured(
    tmp_path: Path, author: Author, text: str, why: str
) -> None:
    desk = Desk(tmp_path, SPACED)
    stale = desk.propose(text, author)
    desk.keep(KEPT)
    first = desk.backlog.first()
    experiment = desk.campaign.ledger.experiments[stale]
    if why:
        assert first is None and experiment.verdict is Verdict.INVALID and why in experiment.explanation
    else:
        assert first is not None and desk.canvases.text(first.commit) == text


def test_the_revert_of_a_hunk_gives_way_to_what_was_kept_in_its_lines(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPACED)
    mine = Proposal(SPACED.replace("0.1", "0.3"), "Without #1", Author.HUMAN, "human")
    fact = desk.backlog.propose(mine, desk.campaign.tip.commit, removes=1)
    desk.campaign.record(fact)
    desk.keep(KEPT)
    assert desk.backlog.first() is None
    revert = desk.campaign.ledger.experiments[fact.experiment]
    assert revert.verdict is Verdict.INVALID and "it changes the same lines as #2" in revert.explanation


def test_an_experiment_that_has_a_score_keeps_its_text_for_its_other_runs(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPACED)
    number = desk.propose(SPACED.replace("4", "5"))
    begun = desk.campaign.ledger.experiments[number]
    desk.campaign.record(
        RunStarted(number, 1, Purpose.MEASURE, 0, begun.commit),
        RunEnded(number, 1, Outcome.FINISHED),
        Scored(number, 1, 0.99, ScoreSource.SEALED),
    )
    desk.keep(KEPT)
    first = desk.backlog.first()
    assert first is not None and (first.number, first.commit) == (number, begun.commit)
    assert desk.facts(Merged) == [] and first.scores == {0: 0.99}


def test_a_repair_replaces_the_text_unless_it_was_tried(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    number = desk.propose(BASE + "import nothing\n")
    experiment = desk.campaign.ledger.experiments[number]
    assert not desk.backlog.repair(experiment, proposal(BASE + "import nothing\n"))
    assert desk.backlog.repair(experiment, proposal(BASE + "import math\n"))
    (fact,) = desk.facts(Repaired)
    assert desk.made.text(number) == BASE + "import math\n" and fact.experiment == number
    assert desk.campaign.ledger.experiments[number].repairs == 1
    evidence = desk.campaign.home.experiment(desk.made.name, number) / "repair-1-reply.md"
    assert evidence.read_text() == "said"
