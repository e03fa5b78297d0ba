"""The picture of a campaign in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from loop.record.entries import Entry
from loop.record.ledger import Ledger
from loop.record.types import (
    Reason,
)
from loop.runs.progress import Progress
from loop.text.numbers import plain
from loop.views.state import sandbox_text
from loop.views.view import render, verdict_line
from tests.loop.views.evening import (
    BASELINE,
    MIDWAY,
    NIGHT,
    created,
    experiment,
    ledger,
)


def drawn(shown: Ledger, progress: Progress | None, width: int, **more: int) -> str:
    screen = Console(file=io.StringIO(), width=width, color_system=None)
    screen.print(render(shown, progress, width, **more))
    text: str = screen.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_the_picture_shows_run_numbers_and_verdicts():
    text = drawn(ledger(*NIGHT), MIDWAY, 110)
    for words in (
        "● running  jun14  train.py, 1 TFLOP each on Xeon, sealed score",
        "#4 measure, seed 0  ━",
        "62 %  step 120  loss 3.215  5 s left",
        "best 1.9000 (−5.0 %) · noise of a pair ± 0.0057 · baseline 2.0000 (−0.1000) · 3 experiments, 1 kept",
        "not verified yet; 'autoresearch verify' measures the gain",
        "✓ better",
        "1.9000 ± 0.0030 (−0.1000)",
        "within noise",
        "odd heads: train.py, line 40: assert",
        "waiting",
    ):
        assert words in text


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("bodies", [[], BASELINE[:2], BASELINE, NIGHT], ids=["empty", "created", "baseline", "night"])
def test_the_picture_fits_any_width(width, bodies):
    for progress in (None, MIDWAY):
        assert all(len(line) <= width for line in drawn(ledger(*bodies), progress, width).splitlines())


def test_the_words_of_a_model_can_neither_colour_nor_move_the_screen():
    evil = "\x1b[2J\x1b[31m[red]boo[/red]\r\n\x07\u202etab\there"
    shown = ledger(*BASELINE, *experiment(1, 1.9, Reason.BETTER, -0.1, hypothesis=evil))
    for text in (drawn(shown, None, 120), verdict_line(shown.experiments[1])):
        assert not {"\x1b", "\r", "\x07", "\u202e"} & set(text)
        assert "[red]boo[/red] tab here" in text
    assert plain("a" * 50, 10) == "a" * 9 + "…"


def test_the_weaker_sandbox_is_named():
    assert "sealed score, not isolated" in drawn(ledger(created(sandbox="process group")), None, 100)


@pytest.mark.parametrize(
    ("sandbox", "said", "drawn"),
    [
        ("bubblewrap", "", "sealed score"),
        (
            "bubblewrap, without a size limit on its /tmp",
            "sandbox: bubblewrap, without a size",
            "isolated without a size",
        ),
        ("process group", "sandbox: none; a run can do what you can", "not isolated"),
        ("process group, without a memory limit", "sandbox: none; a run can do what you can", "not isolated"),
        (
            "sandbox-exec, without shared memory of its own",
            "sandbox: sandbox-exec, which is weaker than bubblewrap: without shared memory",
            "partly isolated",
        ),
        ("", "sandbox: unknown", "isolation unknown"),  # restored from git
    ],
)
def test_a_promise_of_the_sandbox_that_does_not_hold_is_said(sandbox: str, said: str, drawn: str) -> None:
    ledger = Ledger("c").feed([Entry(1, "c", 0.0, created(sandbox=sandbox))])
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(render(ledger, None, 200))
    assert sandbox_text(ledger).startswith(said) and bool(sandbox_text(ledger)) == bool(said)
    assert drawn in console.export_text()


def test_old_verdicts_scroll_away_and_the_newest_stay():
    bodies = [body for n in range(1, 30) for body in experiment(n, 2.1, Reason.WORSE, 0.1)]
    text = drawn(ledger(*BASELINE, *bodies), None, 80, rows=5)
    assert "idea 29" in text and "idea 25" in text and "idea 24" not in text
