"""The bandit: it moves to what gains more for its share of the night, forgets nobody, and a replay chooses the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from loop.proposers import Abandoned, Brief, Proposal
from loop.proposers.mix import Mix, order, share_used
from loop.record.experiment import Run
from loop.record.ledger import Ledger
from loop.record.types import Author, Cost, Failure, FailureKind, Outcome, ProposalFailed, Purpose, Reason, Verdict
from loop.settings.program import Program, Stop
from tests.loop.proposers.test_prompt import CREATED, brief, experiment

NAMES = ("llm", "knobs")


def night(gains: dict[str, float], keep_every: dict[str, int], seconds: float = 300.0, dollars: float = 0.0) -> Ledger:
    """Return a ledger in which both proposers took turns."""
    ledger = Ledger("night", created=CREATED, incumbent=0)
    for n in range(1, 61):
        name = NAMES[n % 2]
        run = Run(1, Purpose.MEASURE, 0, f"c{n}", Outcome.FINISHED, total_seconds=seconds)
        kept = n // 2 % keep_every[name] == 0
        verdict, reason = (Verdict.KEEP, Reason.BETTER) if kept else (Verdict.DISCARD, Reason.WORSE)
        cost = Cost(dollars=dollars if name == "llm" else 0.0)
        delta = -gains[name] if kept else 0.01
        ledger.experiments[n] = experiment(n, verdict, reason, delta, proposer=name, runs=(run,), cost=cost)
    return ledger


def first_choices(ledger: Ledger, tries: int = 300) -> Counter[str]:
    return Counter(order(brief(ledger, seed=seed), NAMES)[0] for seed in range(tries))


@pytest.mark.parametrize(
    ("ledger", "better"),
    [
        (night({"llm": 0.01, "knobs": 0.01}, {"llm": 2, "knobs": 10}), "llm"),
        (night({"llm": 0.001, "knobs": 0.02}, {"llm": 4, "knobs": 4}), "knobs"),
        (night({"llm": 0.01, "knobs": 0.01}, {"llm": 4, "knobs": 4}, dollars=2.0), "knobs"),
    ],
    ids=["keeps more often", "gains more", "costs nothing"],
)
def test_the_choice_moves_to_what_gains_more_and_leaves_some_to_the_other(ledger: Ledger, better: str) -> None:
    chosen = first_choices(ledger)
    assert chosen[better] > 0.6 * 300
    assert min(chosen[name] for name in NAMES) >= 0.05 * 300


def test_with_nothing_known_both_are_tried() -> None:
    chosen = first_choices(Ledger("night"))
    assert min(chosen[name] for name in NAMES) > 0.3 * 300


def test_a_replay_chooses_the_same() -> None:
    ledger = night({"llm": 0.01, "knobs": 0.02}, {"llm": 3, "knobs": 4})
    assert all(order(brief(ledger, seed=s), NAMES) == order(brief(ledger, seed=s), NAMES) for s in range(20))


def test_the_humans_limits_are_the_rate_between_hours_and_dollars() -> None:
    run = Run(1, Purpose.MEASURE, 0, "c", Outcome.FINISHED, total_seconds=3600.0)
    spent = experiment(1, Verdict.KEEP, Reason.BETTER, -0.1, runs=(run,), cost=Cost(dollars=4.0))
    assert share_used(spent, replace(Program(), stop=Stop(hours=10, dollars=20))) == pytest.approx(0.1 + 0.2)
    unknown = replace(spent, cost=Cost(dollars=None))
    assert share_used(unknown, replace(Program(), stop=Stop(hours=None, dollars=None))) == pytest.approx(0.1)


class Stub:
    """A proposer that answers or fails as told."""

    finite = False

    def __init__(self, name: str, failure: ProposalFailed | Abandoned | None = None) -> None:
        self.name, self.failure, self.asked = name, failure, 0

    async def propose(self, brief: Brief) -> Proposal:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return Proposal("text", "an idea", Author.MODEL, self.name, cost=Cost(10, 1, 0.5))

    async def repair(self, brief: Brief, broken: Proposal, failure: Failure) -> Proposal | None:
        return replace(broken, text=f"repaired by {self.name}")


async def test_where_one_fails_the_other_proposes_and_both_are_paid() -> None:
    broke = Stub("llm", ProposalFailed("no credit", pause=True, cost=Cost(5, 5, 0.25)))
    mix = Mix((broke, Stub("knobs")))
    proposals = [await mix.propose(brief(Ledger("night"), seed=seed)) for seed in range(12)]
    paid = [proposal.cost for proposal in proposals]
    assert sorted({proposal.trouble for proposal in proposals}) == ["", "no credit"]
    assert broke.asked == 1, "one that needs a person rests"
    assert sorted({cost.dollars for cost in paid}, key=str) == [0.5, 0.75]


async def test_where_all_fail_it_pauses_only_if_all_need_a_person() -> None:
    for pauses in ((True, True), (True, False)):
        stubs = [
            Stub(n, ProposalFailed(f"{n} failed", pause=p, cost=Cost(1, 1, 0.1)))
            for n, p in zip(NAMES, pauses, strict=True)
        ]
        with pytest.raises(ProposalFailed, match="llm failed") as caught:
            await Mix(tuple(stubs)).propose(brief(Ledger("night")))
        assert caught.value.pause is all(pauses) and caught.value.cost.dollars == pytest.approx(0.2)


async def test_what_a_failure_cost_is_paid_although_the_next_is_cut_off() -> None:
    failed, cut = ProposalFailed("no", cost=Cost(5, 5, 0.25)), Abandoned(Cost(10, 1, 0.5))
    for seed in range(12):
        with pytest.raises(Abandoned) as caught:
            stubs = Stub("llm", failed), Stub("knobs", cut)
            await Mix(stubs).propose(brief(Ledger("night"), seed=seed))
        assert caught.value.cost.dollars == (0.75 if stubs[0].asked else 0.5)


async def test_where_the_limit_is_reached_nobody_else_is_asked() -> None:
    told: list[float] = []

    def limit(cost: Cost) -> str:
        told.append(cost.dollars or 0.0)
        return "$1 spent" if told[-1] >= 1 else ""

    class Asking(Stub):
        async def propose(self, brief: Brief) -> Proposal:
            self.reached = brief.limit(Cost(5, 5, 0.4))
            return await super().propose(brief)

    stubs = [Asking(name, ProposalFailed("prose", cost=Cost(5, 5, 0.6))) for name in ("a", "b", "c")]
    with pytest.raises(ProposalFailed, match="prose; prose"):
        await Mix(tuple(stubs)).propose(replace(brief(Ledger("night")), limit=limit))
    assert sorted(stub.asked for stub in stubs) == [0, 1, 1]
    assert told == pytest.approx([0.4, 0.6, 1.0, 1.2]), "what the first spent counts while the second writes"


async def test_a_repair_goes_to_its_author() -> None:
    mix, failure = Mix((Stub("llm"), Stub("knobs"))), Failure(FailureKind.OTHER, "no")
    assert mix.name == "llm + knobs"
    broken = Proposal("x", "idea", Author.KNOBS, "knobs")
    repaired = await mix.repair(brief(Ledger("night")), broken, failure)
    assert repaired is not None and repaired.text == "repaired by knobs"
    assert await mix.repair(brief(Ledger("night")), replace(broken, proposer="gone"), failure) is None
