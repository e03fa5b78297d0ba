"""Two hundred experiments: nothing runs twice, no prompt is too long, and the record is what the server counted."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from loop.record.campaign_facts import Spent
from loop.record.experiment_facts import Doomed, Merged, Repaired, RunStarted
from loop.record.ledger import Ledger
from loop.record.types import State
from loop.text.canvas import fingerprint
from tests.fake_llm import FakeLLM, prompt_of, reply
from tests.nights.night import KNOBS, MODEL, bodies, campaign, canvas_in, front, price, run, turn
from tests.stub import git

pytestmark = pytest.mark.timeout(900)

EXPERIMENTS = 200
BOUND = 4_000


class Wayward:
    """A model with every habit: it repeats itself, misfits, crashes, cheats, and often is right.

    Once it is stubborn: in one dialogue it sends nothing but prose, however often it is asked.
    """

    def __init__(self) -> None:
        self.dice = random.Random(7)
        self.stubborn: Any = None  # how the dialogue began
        self.said: list[str] = []
        self.habits: Counter[str] = Counter()

    def __call__(self, body: dict[str, Any]) -> str:
        knobs, prompt = canvas_in(body), prompt_of(body)
        if "It failed. What follows is data" in prompt:
            broken = next(name for name, value in knobs.items() if not value.strip("-").isdigit())
            return self.say("repair", turn(broken, knobs[broken], str(self.dice.randint(-40, 60))))
        if self.stubborn is None and self.habits["right"] == 20:
            self.stubborn = body["messages"][:2]
        if self.stubborn == body["messages"][:2]:
            return self.say("stubborn", "I would rather write a poem about gradients.")
        name = f"KNOB_{self.dice.randrange(KNOBS)}"
        if name not in knobs:  # the canvas that is shown lacks no knob, whatever the bound
            return self.say("blind", "The canvas is not in the prompt.")
        old, new = knobs[name], str(int(knobs[name]) + self.dice.choice([-3, -2, -1, 1, 2, 3]))
        match self.dice.choices(("right", "repeat", "misfit", "crash", "cheat", "prose"), (70, 10, 6, 6, 4, 4))[0]:
            case "repeat" if self.said:
                return self.say("repeat", self.dice.choice(self.said))
            case "misfit":
                return self.say("misfit", turn(name, "nothing like it", new))
            case "crash":
                return self.say("crash", turn(name, old, f"undefined_{self.dice.randrange(10**6)}"))
            case "cheat":
                return self.say("cheat", reply("print less", 'print(f"val_bpb: {loss:.6f}")', 'print("val_bpb: 0.1")'))
            case "prose":
                return self.say("prose", "I would like to think about it for a while.")
            case _:
                self.said.append(turn(name, old, new))
                return self.say("right", self.said[-1])

    def say(self, habit: str, text: str) -> str:
        self.habits[habit] += 1
        return text


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger, FakeLLM, Wayward]:
    """A night of 200 experiments, run once for all tests of this file."""
    import asyncio

    model = Wayward()
    with FakeLLM(fallback=model) as server, pytest.MonkeyPatch.context() as patched:
        from loop.engine import writing

        patched.setattr(writing, "LONGEST_WAIT_S", 0.01)
        patched.setattr(writing, "WRITERS", 1)  # two dialogues at once may begin alike, and both be stubborn
        stop = f"{{experiments: {EXPERIMENTS}, plateau: none, dollars: 100}}"
        folder = tmp_path_factory.mktemp("long") / "c"
        campaign(folder, front(server, stop=stop, prompt_tokens=str(BOUND)))
        ledger = asyncio.run(run(folder, limit_s=800))
    return folder, ledger, server, model


Made = tuple[Path, Ledger, FakeLLM, Wayward]


def test_the_night_ends_at_its_limit_and_the_model_showed_every_habit(night: Made) -> None:
    folder, ledger, _, model = night
    assert ledger.state is State.FINISHED and ledger.judged == EXPERIMENTS, ledger.message
    assert set(model.habits) == {"right", "repeat", "misfit", "crash", "cheat", "prose", "repair", "stubborn"}
    asked = model.habits["stubborn"]  # where nothing was judged meanwhile, the next dialogue begins with the same words
    assert asked and asked % 4 == 0, "asked once and three times more, then given up"
    assert bodies(folder, Repaired) and bodies(folder, Merged) and bodies(folder, Spent)
    assert not bodies(folder, Doomed), "what the text shows goes back before it has a number"
    assert ledger.keeps > 10


def test_no_text_runs_twice(night: Made) -> None:
    folder, _, _, _ = night
    texts: dict[str, set[int]] = {}
    for started in bodies(folder, RunStarted):
        mark = fingerprint(git(folder, "show", f"{started.commit}:train.py"))
        texts.setdefault(mark, set()).add(started.experiment)
    assert all(len(experiments) == 1 for experiments in texts.values())
    runs = Counter((b.experiment, b.commit, b.seed) for b in bodies(folder, RunStarted))
    assert set(runs.values()) == {1}


def test_no_prompt_exceeds_its_bound(night: Made) -> None:
    import litellm

    _, _, server, _ = night
    sizes = [litellm.token_counter(model=MODEL, messages=body["messages"]) for body in server.requests]
    assert max(sizes) <= BOUND
    assert max(len(prompt_of(body)) // 4 for body in server.requests) <= BOUND
    first = [s for s, body in zip(sizes, server.requests, strict=True) if len(body["messages"]) == 2]
    asked = [s for s in first if s > 0.5 * BOUND]  # a repair is shorter: it tells no history
    middle, late = asked[len(asked) // 3 : len(asked) * 2 // 3], asked[len(asked) * 2 // 3 :]
    assert len(late) > 30 and mean(late) < 1.25 * mean(middle), "a longer ledger does not make a longer prompt"


def test_what_is_recorded_is_what_the_server_counted(night: Made) -> None:
    folder, ledger, server, _ = night
    assert (ledger.spent.tokens_in, ledger.spent.tokens_out) == (server.tokens_in, server.tokens_out)
    assert ledger.spent.dollars == pytest.approx(price(server))
    parts = [e.cost for e in ledger.experiments.values()] + [s.cost for s in bodies(folder, Spent)]
    assert sum(c.tokens_in for c in parts) == server.tokens_in, "each experiment's own cost adds up to the total"
