"""Every way in which a provider can answer, through whole campaigns: it continues, or it pauses with one sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loop.proposers import llm
from loop.proposers.trouble import OWN_KEY
from loop.record.campaign_facts import Spent, StateChanged
from loop.record.intents import ResumeRequested
from loop.record.types import State
from tests.fake_llm import Answer, FakeLLM, prompt_of, reply
from tests.nights.night import CANVAS, MODEL, Night, Researcher, bodies, campaign, front, paused, price, run, turn

GOOD = turn("KNOB_0", "8", "7")
MISFIT = reply("it does not fit", "KNOB_0 = 99", "KNOB_0 = 1")
WHOLE = f"HYPOTHESIS: less of it\n\n```python\n{CANVAS.replace('KNOB_0 = 8', 'KNOB_0 = 7')}```\n"


@dataclass(frozen=True)
class Case:
    """Answers that come first; what the model hears of them; the requests of the night, two experiments long."""

    answers: list[Answer | str]
    requests: int
    heard: str = ""
    failed: str = ""  # the sentence of a call that failed
    program: dict[str, str] = field(default_factory=dict)
    silence_s: float = 60.0
    whole: bool = True  # the server counted every call that was paid


GOES_ON = {
    "good": Case([GOOD], 2),
    "does not apply": Case([MISFIT, GOOD], 3, "The nearest lines of the file are"),
    "never applies": Case([MISFIT] * 4, 6, "The nearest lines", "gave up after 4 replies that do not apply"),
    "half of it applies": Case(
        [f"{GOOD}\n<<<<<<< SEARCH\nKNOB_1 = 99\n=======\nKNOB_1 = 8\n>>>>>>> REPLACE", turn("KNOB_1", "9", "8")],
        3, "1 block(s) did apply"),
    "whole file": Case([WHOLE], 2),
    "prose": Case(["More layers would help, I think.", GOOD], 3, "There is no edit in the reply"),
    "another file": Case([reply("x", "a", "b", canvas="prepare.py"), GOOD], 3, "only train.py may be changed"),
    "empty": Case([Answer(""), GOOD], 3, "empty or a refusal"),
    "refusal": Case([Answer("", refusal="no"), "I'm sorry, I can't help with that.", GOOD], 4, "empty or a refusal"),
    "cut at its length": Case([Answer(GOOD[:80], finish="length"), GOOD], 3, "cut at its length limit"),
    "cut stream": Case([Answer(GOOD, cut=True), GOOD], 3, whole=False),
    "no end of the stream": Case([Answer(GOOD, quiet_end=True), GOOD], 3, whole=False),
    "429 with Retry-After": Case([Answer(status=429, headers={"Retry-After": "0.2"}), GOOD], 3),
    "429 without": Case([Answer(status=429), GOOD], 3),
    "429 for an hour": Case([Answer(status=429, headers={"Retry-After": "3600"}), GOOD], 3, "", "is rate limited"),
    "500": Case([Answer(status=500, error="upstream is down"), Answer(status=503), GOOD], 4),
    "time-out": Case([Answer(hang=True), GOOD], 3, silence_s=3.0),
    "silence in the middle": Case([Answer(GOOD, hang_after=True), GOOD], 3, silence_s=3.0, whole=False),
    "time-out for the whole deadline": Case(
        [Answer(hang=True)], 3, "", "did not answer in time", {"deadline": "5s"}),
    "an unknown request error": Case([Answer(status=400, error="odd"), GOOD], 3, "", "refused the request (400)"),
}  # fmt: skip


@pytest.mark.parametrize("case", GOES_ON.values(), ids=GOES_ON)
async def test_the_campaign_goes_on(tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm, "SILENCE_S", case.silence_s)
    monkeypatch.setattr(llm, "SILENCE_SHARE", 0.0)
    with FakeLLM(case.answers, Researcher()) as server:
        folder = campaign(tmp_path / "c", front(server, queue="1", **case.program))
        ledger = await run(folder)
        assert ledger.state is State.FINISHED and ledger.judged == 2, ledger.message
        assert len(server.requests) == case.requests
    assert case.heard in "".join(map(prompt_of, server.requests))
    failed = [s.message for s in bodies(folder, Spent)]
    assert len(failed) == bool(case.failed) and case.failed in "".join(failed), failed
    assert not any(isinstance(b, StateChanged) and b.state is State.PAUSED for b in bodies(folder, StateChanged))
    if case.whole:
        assert (ledger.spent.tokens_in, ledger.spent.tokens_out) == (server.tokens_in, server.tokens_out)
        assert ledger.spent.dollars == pytest.approx(price(server))


QUOTA = "You exceeded your current quota, please check your plan and billing details."
PAUSES = {
    "401": ([Answer(status=401, error="Incorrect API key provided: sk-abcdefghijklmnop1234")], OWN_KEY),
    "403": ([Answer(status=403)], OWN_KEY),
    "402": ([Answer(status=402, error="Payment required")], "no credit left"),
    "quota": ([Answer(status=429, error=QUOTA, code="insufficient_quota")], "no credit left"),
    "no such model": ([Answer(status=404, error="model gpt-4o not found")], "check 'model:' in program.md"),
    "prompt too long": ([Answer(status=400, error="maximum context length is 4096 tokens")], "lower 'prompt_tokens:'"),
    "five in a row failed": ([Answer(status=400, error="odd")] * 5, "refused the request (400): odd"),
    "prose all night": (["More layers, I think."] * 20, "replies that do not apply"),
}


@pytest.mark.parametrize(("answers", "finding"), PAUSES.values(), ids=PAUSES)
async def test_it_pauses_with_one_clear_sentence_and_goes_on_once_the_server_is_well(
    tmp_path: Path, answers: list[Answer | str], finding: str
) -> None:
    async def human(night: Night) -> None:
        ledger = await night.until(paused)
        assert finding in ledger.message and "\n" not in ledger.message and len(ledger.message) < 400
        assert "sk-abcdefghijklmnop1234" not in ledger.message
        assert len(server.requests) == len(answers) and ledger.running is None
        await night.ask(ResumeRequested())

    with FakeLLM(answers, Researcher()) as server:
        ledger = await run(campaign(tmp_path / "c", front(server)), human)
        assert ledger.state is State.FINISHED and ledger.judged == 2, ledger.message
        assert (ledger.spent.tokens_in, ledger.spent.tokens_out) == (server.tokens_in, server.tokens_out)


async def test_a_missing_key_pauses_and_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def human(night: Night) -> None:
        ledger = await night.until(paused)
        assert "set OPENAI_API_KEY in the environment" in ledger.message
        program = folder / "program.md"
        program.write_text(program.read_text().replace(MODEL, "knobs"))
        await night.ask(ResumeRequested())

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    folder = campaign(tmp_path / "c", front(None))
    ledger = await run(folder, human)
    assert ledger.state is State.FINISHED and {e.proposer for e in ledger.experiments.values()} == {"human", "knobs"}
