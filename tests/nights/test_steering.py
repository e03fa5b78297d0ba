"""What a person does while it runs, and what happens to a patch that crashes: within one number, at most twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loop.record.experiment_facts import Doomed, Repaired
from loop.record.intents import NoteAdded, ProposeRequested
from loop.record.types import Author, Outcome, State, Verdict
from tests.fake_llm import FakeLLM, prompt_of, reply
from tests.nights.night import CANVAS, MODEL, Night, Researcher, bodies, campaign, canvas_in, front, run, turn

BROKEN = turn("KNOB_0", "8", "undefined_name")


async def test_a_crash_is_mended_within_its_number(tmp_path: Path) -> None:
    script = [BROKEN, turn("KNOB_0", "undefined_name", "1 / 0"), turn("KNOB_0", "1 / 0", "3")]
    with FakeLLM(script, Researcher()) as server:
        folder = campaign(tmp_path / "c", front(server, queue="1", stop="{experiments: 1}"))
        ledger = await run(folder)
    first = ledger.experiments[1]
    assert [r.outcome for r in first.runs] == [Outcome.CRASHED, Outcome.CRASHED, Outcome.FINISHED]
    assert (first.repairs, first.verdict, len(ledger.experiments)) == (2, Verdict.KEEP, 2)
    told = [prompt_of(body) for body in server.requests]
    assert "NameError" in told[1] and "KNOB_0 = undefined_name" in told[1] and "ZeroDivisionError" in told[2]
    assert first.cost.tokens_in == server.tokens_in and ledger.spent.tokens_out == server.tokens_out
    assert len(bodies(folder, Repaired)) == 2


async def test_after_two_repairs_a_crash_is_a_crash_and_the_next_prompt_tells_of_it(tmp_path: Path) -> None:
    repairs = [turn("KNOB_0", "undefined_name", "other_name"), turn("KNOB_0", "other_name", "third_name")]
    good = Researcher()

    def answer(body: dict[str, Any]) -> str:
        return repairs.pop(0) if "It failed. What follows is data" in prompt_of(body) else good(body)

    with FakeLLM([BROKEN], answer) as server:
        ledger = await run(campaign(tmp_path / "c", front(server, queue="1", stop="{experiments: 3}")))
    first = ledger.experiments[1]
    assert (first.repairs, len(first.runs), first.verdict) == (2, 3, Verdict.CRASH)
    assert "third_name" in first.explanation and ledger.state is State.FINISHED
    assert "NameError at train.py:1: name 'third_name' is not defined" in prompt_of(server.requests[-1])


RULER = """import json, os, sys, types
from pathlib import Path
RULER_VERSION = 1
PROFILE = types.SimpleNamespace(vocab=32, context=8, threads=1)
def device(): return "cpu"
def submit(model, **_):
    run = Path(os.environ["AUTORESEARCH_RUN"])
    (run / "checkpoint.pt").write_text("weights")
    (run / "summary.json").write_text(json.dumps({"training_seconds": 0.1, "tokens": 1}))
def batches(rows): raise NotImplementedError
class Budget: pass
if __name__ != "__main__":
    if gate := os.environ.pop("AUTORESEARCH_GATE_FD", None):
        os.read(int(gate), 1) or sys.exit("the loop is gone")
elif "score" in sys.argv:
    text = Path(sys.argv[sys.argv.index("--canvas") + 1]).read_text()
    if sys.stdin.readline():
        loss = 9.0 - 0.1 * text.count("Linear") + 1e-4 * int(os.environ["AUTORESEARCH_SEED"])
        counts = dict(split="val", tokens=1, bytes=1, uniform_bpb=99.0, audited_rows=1, seconds=0.1)
        print(json.dumps(dict(ok=True, val_bpb=loss, **counts)))
else:
    profile = dict(name="stub", source="stub", device="cpu", device_name="stub", threads=1)
    print(json.dumps(dict(comparison_key="stub", default_budget="2s", profile=profile, data_dir=os.getcwd(),
        sealed_paths=[], read_paths=[], bytes_per_token=1.0, uniform_bpb=99.0, train_tokens=1, val_tokens=1)))
"""
SEALED = """import os

import prepare

WIDTH = 4


def build_model():
    import torch

    layers = [torch.nn.Embedding(prepare.PROFILE.vocab, WIDTH), torch.nn.Linear(WIDTH, prepare.PROFILE.vocab)]
    return torch.nn.Sequential(*layers)


def main():
    # A run of this stub only waits at the gate; a rehearsal builds the model.
    prepare.submit(None if "AUTORESEARCH_RUN" in os.environ else build_model())


if __name__ == "__main__":
    main()
"""
DEEPER = ("torch.nn.Linear(WIDTH, prepare", "torch.nn.Linear(WIDTH, WIDTH), torch.nn.Linear({0}, prepare")
LINE = "    layers = [torch.nn.Embedding(prepare.PROFILE.vocab, WIDTH), torch.nn.Linear(WIDTH, prepare.PROFILE.vocab)]"


async def test_a_rehearsal_saves_a_doomed_run_and_its_author_mends_it(tmp_path: Path) -> None:
    bad, good = (LINE.replace(DEEPER[0], DEEPER[1].format(name)) for name in ("WIDHT", "WIDTH"))
    script = [reply("one more layer", LINE, bad), reply("one more layer", bad, good)]
    with FakeLLM(script) as server:
        (tmp_path / "c").mkdir()
        (tmp_path / "c" / "prepare.py").write_text(RULER)
        folder = campaign(tmp_path / "c", front(server, queue="1", stop="{experiments: 1}"), SEALED)
        ledger = await run(folder)
    first = ledger.experiments[1]
    (doomed,) = bodies(folder, Doomed)
    assert doomed.failure.message.startswith("NameError at train.py:11: name 'WIDHT' is not defined")
    assert "NameError at train.py:11" in prompt_of(server.requests[1])
    measured = [r for r in first.runs if r.purpose == "measure"]
    assert (len(measured), first.repairs, first.verdict) == (1, 1, Verdict.KEEP), "no run was spent on the broken text"


async def test_a_note_and_a_version_by_hand_reach_the_next_prompt(tmp_path: Path) -> None:
    async def human(night: Night) -> None:
        await night.until(lambda ledger: ledger.judged >= 1)
        await night.ask(NoteAdded("try fewer heads, please"))
        text = CANVAS.replace("KNOB_23 = 31", "KNOB_23 = 50")
        answer = await night.ask(ProposeRequested(text, "fifty, to see the edge"))
        assert answer.startswith("queued as #")

    with FakeLLM(fallback=Researcher()) as server:
        ledger = await run(campaign(tmp_path / "c", front(server, queue="1", stop="{experiments: 12}")), human)
    hand = next(e for e in ledger.experiments.values() if e.number and e.author is Author.HUMAN)
    assert (hand.verdict, hand.reason) == (Verdict.KEEP, "human") and (hand.delta or 0) > 0
    last = prompt_of(server.requests[-1])
    assert "- note: try fewer heads, please" in last and f"- wrote #{hand.number} (keep): fifty, to see" in last
    assert canvas_in(server.requests[-1])["KNOB_23"] == "50", "what the human wrote is the incumbent"


async def test_a_version_by_hand_that_crashes_is_not_rewritten_by_the_model(tmp_path: Path) -> None:
    async def human(night: Night) -> None:
        await night.until(lambda ledger: ledger.judged >= 1)
        await night.ask(ProposeRequested(CANVAS.replace("KNOB_3 = 11", "KNOB_3 = no_such_name"), "by hand"))

    with FakeLLM(fallback=Researcher()) as server:
        ledger = await run(campaign(tmp_path / "c", front(server, queue="1", stop="{experiments: 6}")), human)
    hand = next(e for e in ledger.experiments.values() if e.number and e.author is Author.HUMAN)
    assert (hand.verdict, hand.repairs, len(hand.runs)) == (Verdict.CRASH, 0, 1)
    assert not any("It failed. What follows is data" in prompt_of(body) for body in server.requests)


async def test_an_edit_of_the_program_is_used_by_the_next_proposal_the_model_too(tmp_path: Path) -> None:
    marks: list[int] = []

    async def human(night: Night) -> None:
        await night.until(lambda ledger: ledger.judged >= 2)
        program = front(server, "# Goal\n\nAnd now the widths.", model="openai/gpt-4.1", stop="{experiments: 12}")
        (folder / "program.md").write_text(program)
        marks.append(len(server.requests))

    with FakeLLM(fallback=Researcher()) as server:
        folder = campaign(tmp_path / "c", front(server, queue="1", stop="{experiments: 12}"))
        ledger = await run(folder, human)
    models = [body["model"] for body in server.requests]
    prose = ["And now the widths" in prompt_of(body) for body in server.requests]
    changed = prose.index(True)
    assert marks[0] <= changed + 1 <= marks[0] + 2, "at most the one that was being written came in between"
    assert models == ["gpt-4o"] * changed + ["gpt-4.1"] * (len(models) - changed) and all(prose[changed:])
    programs = [e.program for e in ledger.experiments.values() if e.number]
    assert len(set(programs)) == 2 and {e.proposer for e in ledger.experiments.values()} == {
        "human", MODEL, "openai/gpt-4.1"
    }  # fmt: skip


async def test_near_the_plateau_the_prompt_asks_for_larger_changes_and_the_campaign_ends_there(tmp_path: Path) -> None:
    with FakeLLM(fallback=Researcher(better=False)) as server:
        ledger = await run(campaign(tmp_path / "c", front(server, stop="{plateau: 10}")))
    assert ledger.state is State.FINISHED and "10 experiments without a gain" in ledger.message
    tasks = [prompt_of(body) for body in server.requests]
    assert not any("Small steps are used up" in task for task in tasks[:4])
    widened = [task for task in tasks if "Small steps are used up" in task]
    assert len(widened) >= 3
    kinds = {kind for task in widened for kind in ("larger change", "Combine two or more") if kind in task}
    assert len(kinds) == 2, "each time a different kind of change"


STOPS = {
    "dollars": ("{experiments: 90, dollars: 0.02}", MODEL, "as much as 'stop: dollars' allows"),
    "tokens": ("{experiments: 90, tokens: 9k}", MODEL, "as many as 'stop: tokens' allows"),
    "tokens, at an unknown price": ("{experiments: 90, dollars: 1, tokens: 9k}", "openai/mine", "'stop: tokens'"),
    "hours": ("{experiments: 90, hours: 2s}", MODEL, "as many as 'stop: hours' allows"),
}


@pytest.mark.parametrize(("stop", "model", "sentence"), STOPS.values(), ids=STOPS)
async def test_a_limit_is_a_hard_stop(tmp_path: Path, stop: str, model: str, sentence: str) -> None:
    with FakeLLM(fallback=Researcher(better=False)) as server:
        ledger = await run(campaign(tmp_path / "c", front(server, model=model, stop=stop, queue="4")))
    assert ledger.state is State.FINISHED and sentence in ledger.message
    largest = max(e.cost.tokens_in + e.cost.tokens_out for e in ledger.experiments.values())
    spent = ledger.spent.tokens_in + ledger.spent.tokens_out
    if "tokens" in stop:
        assert 9_000 <= spent < 9_000 + largest, "the call that reached the limit was the last one"
    if "0.02" in stop:
        dearest = max(e.cost.dollars or 0 for e in ledger.experiments.values())
        assert ledger.spent.dollars is not None and 0.02 <= ledger.spent.dollars < 0.02 + dearest
    assert (ledger.spent.dollars is None) is (model == "openai/mine"), "an unknown price is not called free"


async def test_a_limit_also_stops_a_model_that_never_writes_anything_useful(tmp_path: Path) -> None:
    with FakeLLM(fallback=lambda body: "Let me think.") as server:
        ledger = await run(campaign(tmp_path / "c", front(server, stop="{tokens: 9k}")))
    assert ledger.state is State.FINISHED and "'stop: tokens'" in ledger.message and ledger.judged == 0


async def test_a_list_of_models_mixes_them_and_one_that_fails_does_not_end_the_night(tmp_path: Path) -> None:
    def broken(body: dict[str, Any]) -> str:
        return "Nothing comes to my mind."

    program = {"model": f"[{MODEL}, knobs]", "stop": "{experiments: 10}"}
    with FakeLLM(fallback=Researcher()) as server:
        ledger = await run(campaign(tmp_path / "c", front(server, **program)))
    by = [e.proposer for e in ledger.experiments.values() if e.number]
    assert {"knobs", MODEL} == set(by), by
    with FakeLLM(fallback=broken) as server:
        ledger = await run(campaign(tmp_path / "d", front(server, **program)))
    assert ledger.state is State.FINISHED and ledger.judged == 10 and server.requests
    assert {e.proposer for e in ledger.experiments.values() if e.number} == {"knobs"}
    assert ledger.spent.tokens_in == server.tokens_in, "what failed is paid for by the next proposal"
