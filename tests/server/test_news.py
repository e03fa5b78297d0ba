"""What the server says unasked: every fact in the lens, and the few things that interrupt the human."""

from __future__ import annotations

import os
import time

import pytest

from loop.record.campaign_facts import StateChanged
from loop.record.lock import beat, holding
from loop.record.types import Cause, State, Verdict
from tests.campaigns import Campaign
from tests.server.editor import Editor, editing
from tests.server.small import FOURTH, opened, told


async def test_every_fact_reaches_the_lens_and_the_client_is_told_to_look_again(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        uri = editor.open(campaign.folder / "train.py", FOURTH)
        await editor.until(lambda: editor.button(uri, "best 0.9700"))
        for k in range(5):
            before = editor.refreshed["lens"]
            campaign.keep(FOURTH.replace("0.2", f"0.{k + 3}"), f"decay {k}", 0.96 - k / 100)
            await editor.until(lambda before=before: _refreshed(editor, before))  # type: ignore[misc]
            await editor.until(lambda k=k: editor.button(uri, f"best {0.96 - k / 100:.4f}"))  # type: ignore[misc]


async def _refreshed(editor: Editor, before: int) -> bool:
    return editor.refreshed["lens"] > before


async def test_new_best_and_the_end_interrupt_the_human_and_nothing_else_does(campaign: Campaign) -> None:
    async with editing("vscode", campaign.folder) as editor:
        await opened(editor, FOURTH, 2)
        campaign.judge(campaign.propose(FOURTH + "# worse\n", "worse"), 1.2, Verdict.DISCARD)
        campaign.keep(FOURTH.replace("0.2", "0.4"), "[decay](command:x)\x1b[2J", 0.95)
        await editor.until(lambda: told(editor, "new best 0.9500 self-reported (#4): [decay] (command:x) [2J"))
        campaign.record(StateChanged(State.FINISHED, "100 experiments done"))
        await editor.until(lambda: told(editor, "has ended"))
        assert len(editor.client.messages) == 2


async def test_a_daemon_that_dies_is_told_and_one_that_ends_its_campaign_is_not(campaign: Campaign) -> None:
    campaign.home.lock.write_text(campaign.name)
    async with editing("vscode", campaign.folder) as editor:
        program = editor.open(campaign.folder / "program.md")
        with holding(campaign.home.lock):
            await editor.until(lambda: editor.button(program, "⏸ Pause"))
        await editor.until(lambda: told(editor, "was interrupted: its daemon has ended; 'start' resumes it"))
        assert await editor.button(program, "▶ Continue campaign")
        with holding(campaign.home.lock):
            await editor.until(lambda: editor.button(program, "⏸ Pause"))
            campaign.record(StateChanged(State.STOPPED, "stopped after the experiment"))
        await editor.until(lambda: editor.button(program, "▶ Continue campaign"))
        assert len(editor.client.messages) == 1


@pytest.mark.parametrize(
    ("state", "cause", "shown"),
    [
        (State.PAUSED, Cause.CRASHES, "waits"),
        (State.PAUSED, Cause.ASKED, ""),
        (State.STOPPED, Cause.ERROR, "stopped"),
        (State.STOPPED, Cause.VERIFIED, ""),
        (State.STOPPED, None, ""),
    ],
)
async def test_the_cause_of_a_state_decides_whether_it_interrupts_and_not_its_words(
    campaign: Campaign, state: State, cause: Cause | None, shown: str
) -> None:
    campaign.home.lock.write_text(campaign.name)
    with holding(campaign.home.lock):
        async with editing("vscode", campaign.folder) as editor:
            program = editor.open(campaign.folder / "program.md")
            await editor.until(lambda: editor.button(program, "⏸ Pause"))
            campaign.record(StateChanged(state, "crash, stopped", cause=cause))
            resume = "▶ Resume" if state is State.PAUSED else "▶ Continue campaign"
            await editor.until(lambda: editor.button(program, resume))
            if not shown:
                campaign.record(StateChanged(State.FINISHED, "done"))
            await editor.until(lambda: told(editor, f" {shown or 'has ended'}: "))
            assert len(editor.client.messages) == 1


async def test_a_daemon_that_does_not_answer_is_shown_above_the_title(campaign: Campaign) -> None:
    campaign.home.lock.write_text(campaign.name)
    beat(campaign.home)
    os.utime(campaign.home.beat, (1e9, 1e9))
    async with editing("vscode", campaign.folder) as editor:
        program = editor.open(campaign.folder / "program.md")
        with holding(campaign.home.lock):
            await editor.until(lambda: editor.button(program, "◌ no answer for"))
            later = time.time() + 3600
            os.utime(campaign.home.beat, (later, later))
            await editor.until(lambda: editor.button(program, "● "))
