"""A model over real HTTP through the real litellm: every reply that a provider may give ends as it should."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace

import pytest

from loop.proposers import Brief, Proposal, llm
from loop.proposers.llm import LLM, Clock
from loop.proposers.scrub import scrub
from loop.proposers.trouble import OWN_KEY
from loop.record.ledger import Ledger
from loop.record.types import Author, Failure, FailureKind, ProposalFailed, Reason, Verdict
from loop.settings.program import Program
from loop.text.canvas import fingerprint
from tests.fake_llm import Answer, FakeLLM, prompt_of, reply
from tests.loop.proposers.test_prompt import CREATED, experiment

TEXT = "DEPTH = 2  # layers\nLR = 0.04  # Muon\n\n\ndef build_model():\n    return DEPTH\n"
DEEPER = TEXT.replace("DEPTH = 2", "DEPTH = 3")
GOOD = reply("one more layer pays", "DEPTH = 2  # layers", "DEPTH = 3  # layers")
OTHER = reply("a faster rate", "LR = 0.04  # Muon", "LR = 0.08  # Muon")
CANARIES = {
    "OPENAI_API_KEY": "sk-canary1234567890abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-canary0987654321",
    OWN_KEY: "own-canary-55555555",
    "HF_TOKEN": "hf_canary99999999999",
}


@dataclass
class FakeClock:
    """A clock that only sleeping moves."""

    time: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        return Clock(lambda: self.time, self.sleep)

    def sleep(self, seconds: float) -> Awaitable[None]:
        self.slept.append(seconds)
        self.time += seconds
        return asyncio.sleep(0)


@pytest.fixture(autouse=True)
def canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)


def brief(server: FakeLLM | None = None, ledger: Ledger | None = None, **program: object) -> Brief:
    ledger = ledger or Ledger("night", created=CREATED, incumbent=0)
    ledger.experiments.setdefault(0, experiment(0, Verdict.KEEP, Reason.HUMAN, None, score=2.0))
    given = {"prose": "# Goal\n\nLower it.\n\n- Try\n  depth.", "deadline_s": 60.0, "api_base": server and server.url}
    tried = frozenset(e.fingerprint for e in ledger.experiments.values() if e.fingerprint) | {fingerprint(TEXT)}
    made = replace(Program(), **{**given, **program})  # type: ignore[arg-type]
    return Brief(made, "hash", "train.py", TEXT, ledger, tried, random_seed=3)


async def propose(
    *script: Answer | str, model: str = "openai/gpt-4o", ledger: Ledger | None = None, **program: object
) -> tuple[Proposal | ProposalFailed, FakeLLM, FakeClock]:
    clock = FakeClock()
    with FakeLLM(script) as server:
        asked = brief(server, ledger, **program)
        try:
            result: Proposal | ProposalFailed = await LLM(model, clock.clock()).propose(asked)
        except ProposalFailed as failed:
            result = failed
    secret = "".join(map(prompt_of, server.requests)) + str(result)
    assert not any(canary in secret for canary in CANARIES.values())
    return result, server, clock


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


def history(**more: object) -> Ledger:
    ledger = Ledger("night", created=CREATED, incumbent=0)
    ledger.experiments[1] = experiment(1, Verdict.DISCARD, Reason.WORSE, 0.01, **more)
    return ledger


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
        mended = await LLM("openai/gpt-4o").repair(brief(server), broken, failure)
    assert mended is not None and mended.text == TEXT.replace("DEPTH = 2", "DEPTH = 4")
    assert (mended.hypothesis, mended.expected) == ("keep it at four", "-0.01")
    assert "NameError at train.py:6" in prompt_of(server.requests[0])


async def test_no_call_is_made_once_a_limit_is_reached_by_what_this_proposal_cost() -> None:
    with FakeLLM(["I think more layers would help.", GOOD]) as server:
        asked = replace(brief(server), limit=lambda cost: "the limit" if cost.tokens_out else "")
        with pytest.raises(ProposalFailed, match="the limit") as failed:
            await LLM("openai/gpt-4o", FakeClock().clock()).propose(asked)
    assert len(server.requests) == 1 and failed.value.cost.tokens_out == server.tokens_out


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


async def test_no_key_reaches_evidence_errors_or_logs(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    leak = Answer(status=500, error=f"upstream said {CANARIES['OPENAI_API_KEY']}")
    proposal, _, _ = await propose(leak, f"My key is {CANARIES['HF_TOKEN']}.", GOOD)
    assert isinstance(proposal, Proposal)
    said = capfd.readouterr()
    ours = "".join(r.getMessage() for r in caplog.records if not r.name.startswith("asyncio"))
    for text in (*proposal.evidence.values(), proposal.hypothesis, said.out, said.err, ours):
        assert not any(canary in text for canary in CANARIES.values())
    assert "[secret]" in proposal.evidence["reply.md"] and said.out == ""


@pytest.mark.parametrize(
    "text", ["sk-proj-abc123def456ghi789", "Bearer abcdefghijklmnop", "https://u:p4ss@host/x", CANARIES[OWN_KEY]]
)
def test_what_looks_like_a_key_is_masked(text: str) -> None:
    assert "[secret]" in scrub(f"see {text} here")
    assert scrub("sk-learn and hf_hub_download stay") == "sk-learn and hf_hub_download stay"
