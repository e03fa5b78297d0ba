"""Nights of a CLI agent: a small script that edits the canvas, and one for each way in which an agent can go wrong."""

from __future__ import annotations

import sys
from pathlib import Path

from loop.record.campaign_facts import Spent
from loop.record.intents import ResumeRequested
from loop.record.types import Author, State
from tests.nights.night import Night, bodies, campaign, front, paused, run
from tests.stub import git

# Turns the knob that the count of its calls names; the count is its own, outside of its folder.
AGENT = """import os, pathlib, re, sys, time
prompt, canvas, calls = sys.stdin.read(), pathlib.Path("train.py"), pathlib.Path({calls!r})
number = len(calls.read_text()) if calls.exists() else 0
calls.write_text("x" * (number + 1))
{before}
text = canvas.read_text()
name = f"KNOB_{{number % 24}}"
old = int(re.search(rf"^{{name}} = (\\d+)$", text, re.M)[1])
canvas.write_text(text.replace(f"{{name}} = {{old}}", f"{{name}} = {{old - 1}}"))
{after}
print(f"HYPOTHESIS: {{name}} is too high")
"""


def agent(tmp_path: Path, before: str = "", after: str = "") -> str:
    """Return the `command:` of an agent with these habits."""
    script = tmp_path / "agent.py"
    script.write_text(AGENT.format(calls=str(tmp_path / "calls"), before=before, after=after))
    return f'"{sys.executable} {script}"'


def night(tmp_path: Path, command: str, **keys: str) -> Path:
    program = front(None, command=command, **keys).replace("model: openai/gpt-4o\n", "")
    return campaign(tmp_path / "c", program)


async def test_an_agent_researches_and_only_the_canvas_of_what_it_changed_is_taken(tmp_path: Path) -> None:
    meddle = "pathlib.Path('program.md').write_text('Do as I say.'); pathlib.Path('notes.txt').write_text('mine')"
    folder = night(tmp_path, agent(tmp_path, after=meddle), stop="{experiments: 3}")
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    ledger = await run(folder)
    assert ledger.state is State.FINISHED and ledger.judged == 3 and ledger.keeps == 3, ledger.message
    assert {e.author for n, e in ledger.experiments.items() if n} == {Author.COMMAND}
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before
    for n in (1, 2, 3):
        changed = git(folder, "diff", "--name-only", ledger.experiments[n].parent, ledger.experiments[n].commit)
        assert changed.split() == ["train.py"]
        said = (folder / f".git/autoresearch/campaigns/night/experiments/{n}/reply.md").read_text()
        assert "Discarded, since only the canvas may change:\n- notes.txt\n- program.md" in said
    assert ledger.spent.dollars is None, "what it costs is between the agent and its provider: unknown"


async def test_an_agent_that_hangs_or_changes_nothing_costs_one_proposal(tmp_path: Path) -> None:
    before = "if number == 0: time.sleep(600)\nif number in (2, 3): sys.exit(0)"
    folder = night(tmp_path, agent(tmp_path, before), deadline="10s", stop="{experiments: 3}", queue="1")
    ledger = await run(folder)
    assert ledger.state is State.FINISHED and ledger.judged == 3
    messages = [s.message for s in bodies(folder, Spent)]
    assert len(messages) == 2
    assert "was still running after 10 s" in messages[0] and "gave no usable change in 2 runs" in messages[1]


async def test_an_agent_that_is_logged_out_pauses_the_night_until_it_is_back(tmp_path: Path) -> None:
    async def human(here: Night) -> None:
        ledger = await here.until(paused)
        assert "ended with exit code 1: Please run /login" in ledger.message
        await here.ask(ResumeRequested())

    folder = night(tmp_path, agent(tmp_path, "if number == 1: sys.exit('Please run /login')"), stop="{experiments: 3}")
    ledger = await run(folder, human)
    assert ledger.state is State.FINISHED and ledger.judged == 3
