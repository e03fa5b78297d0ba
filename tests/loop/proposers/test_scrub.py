"""No key leaves by any text."""

from __future__ import annotations

import logging

import pytest

from loop.proposers import Proposal
from loop.proposers.scrub import scrub
from loop.proposers.trouble import OWN_KEY
from tests.fake_llm import Answer
from tests.loop.proposers.asking import CANARIES, GOOD, propose

pytestmark = pytest.mark.usefixtures("canaries")


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
