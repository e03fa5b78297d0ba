"""program.md as it is now: an edit counts at once, a broken one changes nothing and is said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.engine.strategy import Strategy
from loop.record.campaign_facts import StateChanged
from loop.record.intents import StartRequested
from loop.record.types import ProgramError
from tests.loop.engine.desk import Desk

PROGRAM = "---\nqueue: 3\nstop: {experiments: 9}\n---\nLower val_bpb.\n"


def test_an_edit_counts_from_the_next_reading_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path, program=PROGRAM)
    before = desk.strategy.hash
    (desk.campaign.folder / "program.md").write_text(PROGRAM.replace("queue: 3", "queue: 1") + "Try fewer layers.\n")
    assert desk.strategy.program.queue == 3
    desk.strategy.read()
    assert desk.strategy.program.queue == 1 and "fewer layers" in desk.strategy.program.prose
    assert desk.strategy.hash != before


@pytest.mark.parametrize("broken", ["---\nmodle: knobs\n---\n", None], ids=["a mistake", "no file"])
def test_a_broken_program_changes_nothing_and_is_said_once(tmp_path: Path, broken: str | None) -> None:
    desk = Desk(tmp_path, program=PROGRAM)
    path, before = desk.campaign.folder / "program.md", (desk.strategy.program, desk.strategy.hash)
    path.unlink() if broken is None else path.write_text(broken)
    desk.strategy.read()
    desk.strategy.read()
    assert (desk.strategy.program, desk.strategy.hash) == before
    path.write_text(PROGRAM)
    desk.strategy.read()
    said = [fact.message for fact in desk.facts(StateChanged) if "program.md" in fact.message]
    assert len(said) == 2 and said[0].startswith("program.md is not used as it is now: ")
    assert said[1] == "program.md is used again"


def test_what_a_start_asks_for_holds_over_the_file(tmp_path: Path) -> None:
    desk = Desk(tmp_path, program=PROGRAM)
    desk.ask(StartRequested({"experiments": "2"}))
    desk.strategy.read()
    assert (desk.strategy.program.stop.experiments, desk.strategy.program.queue) == (2, 3)


def test_a_limit_of_the_program_is_reached(tmp_path: Path) -> None:
    desk = Desk(tmp_path, program=PROGRAM.replace("9", "1"))
    assert desk.strategy.limit_reached() == ""
    desk.keep("LR = 0.2\n")
    assert "as many as 'stop: experiments' allows" in desk.strategy.limit_reached()


def test_a_program_that_was_never_usable_is_refused_with_its_line(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (desk.campaign.folder / "program.md").write_text("---\nmodle: knobs\n---\n")
    with pytest.raises(ProgramError, match=r"program\.md, line 2: .*did you mean model\?"):
        Strategy(desk.campaign)
