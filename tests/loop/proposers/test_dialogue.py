"""What goes back to a model, and when that ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loop.proposers import Proposal
from loop.proposers.llm import LLM
from loop.record.types import Author, Failure, FailureKind, ProposalFailed
from loop.text.canvas import fingerprint
from tests.fake_llm import Answer, FakeLLM, prompt_of, reply
from tests.loop.proposers.asking import DEEPER, GOOD, OTHER, TEXT, FakeClock, brief, history, propose

pytestmark = pytest.mark.usefixtures("canaries")

BAD_BLOCK = reply("x", "DEPTH = 9", "DEPTH = 3")
MENDED = {
    "does not apply": ([BAD_BLOCK], "The nearest lines"),
    "three that do not apply": ([BAD_BLOCK] * 3, "The nearest lines"),
    "another file": ([reply("x", "a", "b", canvas="prepare.py")], "only train.py may be changed"),
    "prose": (["I think more layers would help."], "There is no edit"),
    "empty": ([Answer("")], "empty or a refusal"),
    "a refusal": ([Answer("", refusal="no"), "I'm sorry, I can't help with that."], "There is no edit"),
    "a content filter": ([Answer("", finish="content_filter")], "empty or a refusal"),
    "cut at its length": ([Answer(GOOD[:60], finish="length")], "cut at its length limit"),
    "no change": ([reply("x", "DEPTH = 2  # layers", "DEPTH = 2  # more")], "equals"),
    "a syntax error": ([reply("x", "DEPTH = 2  # layers", "DEPTH = (2")], "does not compile"),
    "a tampered ruler": ([reply("x", "DEPTH = 2  # layers", "import prepare\nprepare.seed = 4")], "would be refused"),
}


@pytest.mark.parametrize(("before", "complaint"), MENDED.values(), ids=MENDED)
async def test_a_reply_that_cannot_be_used_goes_back_and_is_mended(before: list[Answer | str], complaint: str) -> None:
    proposal, server, clock = await propose(*before, GOOD)
    assert isinstance(proposal, Proposal) and proposal.text == DEEPER
    assert complaint in prompt_of(server.requests[-1]) and complaint in proposal.evidence["reply.md"]
    assert (proposal.cost.tokens_in, proposal.cost.tokens_out) == (server.tokens_in, server.tokens_out)
    assert clock.slept == []


async def test_a_whole_file_is_taken() -> None:
    proposal, _, _ = await propose(f"HYPOTHESIS: deeper\n\n```python\n{DEEPER}```\n")
    assert isinstance(proposal, Proposal) and proposal.text == DEEPER


@pytest.mark.parametrize(
    ("answer", "calls"),
    [(BAD_BLOCK, 4), (Answer(""), 3), (Answer("x", finish="length"), 3)],
    ids=["never applies", "always empty", "always cut"],
)
async def test_patience_ends_and_what_was_paid_is_known(answer: Answer | str, calls: int) -> None:
    failed, server, _ = await propose(*[answer] * 9)
    assert isinstance(failed, ProposalFailed) and not failed.pause
    assert len(server.requests) == calls
    assert (failed.cost.tokens_in, failed.cost.tokens_out) == (server.tokens_in, server.tokens_out)
    assert failed.cost.dollars


async def test_a_text_that_was_measured_goes_back_once_with_its_number() -> None:
    ledger = history(fingerprint=fingerprint(DEEPER))
    proposal, server, _ = await propose(GOOD, OTHER, ledger=ledger)
    assert isinstance(proposal, Proposal) and "LR = 0.08" in proposal.text and "DEPTH = 2" in proposal.text
    assert "equals experiment #1 (worse, +0.01000)" in prompt_of(server.requests[1])
    failed, _, _ = await propose(GOOD, GOOD, OTHER, ledger=ledger)
    assert isinstance(failed, ProposalFailed) and "measured before" in str(failed)


async def test_a_near_repeat_goes_back_once_and_is_taken_when_it_is_meant() -> None:
    ledger = history(knobs={"DEPTH": ("2", "4")}, hypothesis="twice the layers")
    proposal, server, _ = await propose(GOOD, GOOD, ledger=ledger)
    assert isinstance(proposal, Proposal) and proposal.text == DEEPER and len(server.requests) == 2
    assert "Experiment #1 changed DEPTH the same way (2 → 4)" in prompt_of(server.requests[1])
    shallower = reply("fewer", "DEPTH = 2  # layers", "DEPTH = 1  # layers")
    _, server, _ = await propose(shallower, ledger=ledger)
    assert len(server.requests) == 1


async def test_a_crash_is_repaired_on_top_of_the_broken_text() -> None:
    broken = Proposal(DEEPER, "one more layer pays", Author.MODEL, "m", expected="-0.01")
    failure = Failure(FailureKind.OTHER, "NameError at train.py:6: x", 6, "Traceback\nNameError: x")
    with FakeLLM([reply("keep it at four", "DEPTH = 3  # layers", "DEPTH = 4  # layers")]) as server:
        repaired = await LLM("openai/gpt-4o").repair(brief(server), broken, failure)
    assert repaired is not None and repaired.text == TEXT.replace("DEPTH = 2", "DEPTH = 4")
    assert (repaired.hypothesis, repaired.expected) == ("keep it at four", "-0.01")
    assert "NameError at train.py:6" in prompt_of(server.requests[0])


async def test_no_call_is_made_once_a_limit_is_reached_by_what_this_proposal_cost() -> None:
    with FakeLLM(["I think more layers would help.", GOOD]) as server:
        asked = replace(brief(server), limit=lambda cost: "the limit" if cost.tokens_out else "")
        with pytest.raises(ProposalFailed, match="the limit") as failed:
            await LLM("openai/gpt-4o", FakeClock().clock()).propose(asked)
    assert len(server.requests) == 1 and failed.value.cost.tokens_out == server.tokens_out
