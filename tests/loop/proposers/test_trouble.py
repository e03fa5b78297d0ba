"""What goes wrong between us and a provider: waited out, or told in one sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loop.proposers import Proposal, llm
from loop.proposers.llm import LLM
from loop.proposers.trouble import OWN_KEY
from loop.record.types import Cost, ProposalFailed
from tests.fake_llm import Answer
from tests.loop.proposers.asking import CANARIES, DEEPER, GOOD, FakeClock, brief, propose

pytestmark = pytest.mark.usefixtures("canaries")

PASSING = {
    "rate limit": (Answer(status=429), 0.0, 1.0),
    "rate limit with an hour to wait for": (Answer(status=429, headers={"Retry-After": "7"}), 7.0, 7.1),
    "overloaded": (Answer(status=503), 0.0, 1.0),
    "broken": (Answer(status=500), 0.0, 1.0),
    "cut stream": (Answer(GOOD, cut=True), 0.0, 1.0),
    "a stream that ends without saying so": (Answer(GOOD, quiet_end=True), 0.0, 1.0),
}


@pytest.mark.parametrize(("answer", "low", "high"), PASSING.values(), ids=PASSING)
async def test_a_passing_trouble_is_waited_out(answer: Answer, low: float, high: float) -> None:
    proposal, server, clock = await propose(answer, GOOD)
    assert isinstance(proposal, Proposal) and proposal.text == DEEPER
    assert len(server.requests) == 2, "litellm must not retry by itself"
    assert len(clock.slept) == 1 and low <= clock.slept[0] <= high


async def test_silence_is_given_up_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm, "SILENCE_S", 0.4)
    monkeypatch.setattr(llm, "SILENCE_SHARE", 0.0)
    proposal, server, _ = await propose(Answer(hang=True), Answer(GOOD, hang_after=True), GOOD)
    assert isinstance(proposal, Proposal) and len(server.requests) == 3


async def test_a_deadline_ends_it_with_one_sentence() -> None:
    failed, server, clock = await propose(*[Answer(status=500)] * 50)
    assert isinstance(failed, ProposalFailed) and not failed.pause and "gave up after" in str(failed)
    assert 3 < len(server.requests) < 30 and clock.time <= 60.0


async def test_the_model_is_named_once_whatever_the_sentence_begins_with() -> None:
    def limit(_: Cost) -> str:
        return "openai/gpt-4o has no dollars left"

    with pytest.raises(ProposalFailed, match=r"^openai/gpt-4o: openai/gpt-4o has no dollars left$"):
        await LLM("openai/gpt-4o").propose(replace(brief(), limit=limit))
    failed, _, _ = await propose(Answer(status=403))
    assert str(failed).startswith("openai/gpt-4o") and str(failed).count("openai/gpt-4o") == 1


async def test_a_wait_longer_than_the_deadline_is_not_waited() -> None:
    failed, _, clock = await propose(Answer(status=429, headers={"Retry-After": "3600"}))
    assert isinstance(failed, ProposalFailed) and "rate limited" in str(failed) and clock.slept == []


QUOTA = "You exceeded your current quota, please check your plan and billing details."
HOPELESS = {
    "a refused key": (Answer(status=401, error="Incorrect API key: sk-canary1234567890abcdef"), OWN_KEY),
    "forbidden": (Answer(status=403), OWN_KEY),
    "payment": (Answer(status=402, error="Payment required"), "no credit left"),
    "quota": (Answer(status=429, error=QUOTA, code="insufficient_quota"), "no credit left"),
    "balance": (Answer(status=400, error="Your credit balance is too low"), "no credit left"),
    "unknown model": (Answer(status=404, error="model gpt-4o not found"), "check 'model:' in program.md"),
    "too long": (Answer(status=400, error="maximum context length is 4096 tokens"), "lower 'prompt_tokens:'"),
}


@pytest.mark.parametrize(("answer", "finding"), HOPELESS.values(), ids=HOPELESS)
async def test_what_no_waiting_mends_pauses_with_one_clear_sentence(answer: Answer, finding: str) -> None:
    failed, server, _ = await propose(answer, GOOD)
    assert isinstance(failed, ProposalFailed) and failed.pause and finding in str(failed)
    assert len(server.requests) == 1 and "\n" not in str(failed) and len(str(failed)) < 320


@pytest.mark.parametrize(
    ("model", "finding"),
    [
        ("anthropic/claude-sonnet-4-5", "set ANTHROPIC_API_KEY"),
        ("openai/gpt-4o", "set OPENAI_API_KEY"),
        ("nonsense", "model:"),
    ],
)
async def test_a_missing_key_and_an_unknown_provider_pause(
    model: str, finding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CANARIES:
        monkeypatch.delenv(name)
    with pytest.raises(ProposalFailed, match=finding) as caught:
        await LLM(model, FakeClock().clock()).propose(brief())
    assert caught.value.pause


async def test_nobody_listening_is_tried_again_until_the_deadline() -> None:
    clock = FakeClock()
    with pytest.raises(ProposalFailed, match=r"127\.0\.0\.1:9") as caught:
        await LLM("openai/gpt-4o", clock.clock()).propose(brief(api_base="http://127.0.0.1:9/v1", deadline_s=5.0))
    assert not caught.value.pause and clock.slept
