"""A model that is asked over real HTTP, by a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace

from loop.proposers import Brief, Proposal
from loop.proposers.llm import LLM, Clock
from loop.proposers.trouble import OWN_KEY
from loop.record.ledger import Ledger
from loop.record.types import ProposalFailed, Reason, Verdict
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


def brief(server: FakeLLM | None = None, ledger: Ledger | None = None, **program: object) -> Brief:
    ledger = ledger or Ledger("night", created=CREATED, incumbent=0)
    ledger.experiments.setdefault(0, experiment(0, Verdict.KEEP, Reason.HUMAN, None, score=2.0))
    given = {"prose": "# Goal\n\nLower it.\n\n- Try\n  depth.", "deadline_s": 60.0, "api_base": server and server.url}
    tried = frozenset(e.fingerprint for e in ledger.experiments.values() if e.fingerprint) | {fingerprint(TEXT)}
    made = replace(Program(), **{**given, **program})  # type: ignore[arg-type]
    return Brief(made, "hash", "train.py", TEXT, ledger, tried, random_seed=3)


def history(**more: object) -> Ledger:
    ledger = Ledger("night", created=CREATED, incumbent=0)
    ledger.experiments[1] = experiment(1, Verdict.DISCARD, Reason.WORSE, 0.01, **more)
    return ledger


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
