"""A model over real HTTP through the real litellm: what a good reply becomes, and what it cost."""

from __future__ import annotations

import asyncio

import pytest

from loop.proposers import Proposal
from loop.proposers.llm import LLM
from loop.proposers.trouble import OWN_KEY
from loop.record.types import Author
from tests.fake_llm import Answer, FakeLLM
from tests.loop.proposers.asking import CANARIES, DEEPER, GOOD, brief, propose

pytestmark = pytest.mark.usefixtures("canaries")


async def test_a_good_reply_becomes_a_proposal_with_its_words_its_cost_and_its_evidence() -> None:
    answer = Answer(GOOD.replace("CITES: none", "CITES: Goal; Made up; - Try depth"), cached=128)
    proposal, server, _ = await propose(answer)
    assert isinstance(proposal, Proposal)
    assert (proposal.text, proposal.hypothesis, proposal.author) == (DEEPER, "one more layer pays", Author.MODEL)
    assert (proposal.expected, proposal.cites, proposal.proposer) == ("-0.001", ("Goal", "Try depth"), "openai/gpt-4o")
    assert (proposal.cost.tokens_in, proposal.cost.tokens_out) == (server.tokens_in, server.tokens_out)
    fresh, cached, out = (server.tokens_in - 128) * 2.5e-6, 128 * 1.25e-6, server.tokens_out * 1e-5
    assert proposal.cost.dollars == pytest.approx(fresh + cached + out)
    assert "Lower it." in proposal.evidence["prompt.md"] and "one more layer" in proposal.evidence["reply.md"]
    assert server.requests[0]["stream"] and server.keys == [f"Bearer {CANARIES[OWN_KEY]}"]


async def test_an_unknown_price_is_unknown_and_a_local_model_is_free() -> None:
    unknown, server, _ = await propose(GOOD, model="openai/some-local-model")
    assert isinstance(unknown, Proposal) and unknown.cost.dollars is None and unknown.cost.tokens_in == server.tokens_in
    with FakeLLM([GOOD]) as server:
        local = await LLM("ollama/qwen3-coder").propose(brief(server, api_base=server.origin))
    assert local.cost.dollars == 0.0 and local.proposer == "ollama/qwen3-coder"
    assert server.paths == ["/api/chat"] and server.requests[0]["options"]["num_ctx"] > 24_000


async def test_anthropic_gets_cache_marks_on_the_stable_parts_and_cached_tokens_are_priced_so() -> None:
    with FakeLLM([Answer(GOOD, cached=300)]) as server:
        proposal = await LLM("anthropic/claude-sonnet-4-5").propose(brief(server, api_base=server.origin))
    body = server.requests[0]
    marks = [p.get("cache_control") for p in (*body["system"], *body["messages"][0]["content"])]
    assert marks[:3] == [{"type": "ephemeral", "ttl": "1h"}] * 3 and marks[3:] == [None] * len(marks[3:])
    priced = (server.tokens_in - 300) * 3e-6 + 300 * 3e-7 + server.tokens_out * 1.5e-5
    assert proposal.cost.dollars == pytest.approx(priced)


async def test_missing_counts_are_counted_by_us() -> None:
    proposal, server, _ = await propose(Answer(GOOD, usage=False))
    assert isinstance(proposal, Proposal) and proposal.cost.tokens_out > 20
    assert 0.7 < proposal.cost.tokens_in / server.tokens_in < 1.4


async def test_the_words_of_a_cut_stream_are_paid() -> None:
    proposal, _, _ = await propose(Answer(GOOD, cut=True), GOOD)
    once, _, _ = await propose(GOOD)
    assert isinstance(proposal, Proposal) and isinstance(once, Proposal)
    assert proposal.cost.tokens_in > 1.6 * once.cost.tokens_in


async def test_a_cancelled_proposal_hangs_up() -> None:
    with FakeLLM([Answer(GOOD, hang_after=True)]) as server:
        task = asyncio.create_task(LLM("openai/gpt-4o").propose(brief(server)))
        async with asyncio.timeout(60):
            while not server.requests:
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.hung_up.wait, 60)
