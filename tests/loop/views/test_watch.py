"""What is shown of a campaign: the line, the JSON object, the picture, and the loop that follows the journal."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from loop.record.campaign_facts import CampaignCreated, NoiseMeasured, StateChanged
from loop.record.entries import Body, Entry
from loop.record.experiment_facts import Judged, Proposed, RunEnded, RunStarted
from loop.record.home import Home, find_home
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import (
    Author,
    Cost,
    Failure,
    FailureKind,
    Metric,
    Outcome,
    Purpose,
    Reason,
    Refused,
    ScoreSource,
    State,
    Verdict,
)
from loop.runs.progress import Progress, present_progress
from loop.text.numbers import number, plain, signed_number, uncertainty, visible
from loop.views.experiments import cost_text
from loop.views.state import sandbox_text, silence_text
from loop.views.status import status_dict, status_line
from loop.views.view import render, verdict_line
from loop.views.watch import Means, watch

SEALED, CLAIMED = ScoreSource.SEALED, ScoreSource.SELF_REPORTED
MIDWAY = Progress(step=120, share=0.62, loss=3.2149, remaining_s=5.0)


def created(source: ScoreSource = SEALED, sandbox: str = "bubblewrap", minimize: bool = True) -> CampaignCreated:
    metric = Metric(minimize=minimize)
    return CampaignCreated("", "train.py", "python train.py", "1 TFLOP", metric, source, "k", "Xeon", sandbox, "c0")


def proposed(n: int, hypothesis: str = "", cost: Cost | None = None) -> Proposed:
    text = hypothesis or f"idea {n}"
    return Proposed(n, f"c{n}", "c0", text, Author.KNOBS, "knobs", 1, 1, cost=cost or Cost())


def started(n: int) -> RunStarted:
    return RunStarted(n, 1, Purpose.MEASURE, 0, f"c{n}")


def experiment(n: int, score: float | None, reason: Reason, delta: float | None = None, **more: object) -> list[Body]:
    good = reason in (Reason.BETTER, Reason.SIMPLER, Reason.HUMAN)
    verdict = Verdict.CRASH if score is None else Verdict.KEEP if good else Verdict.DISCARD
    failure = Failure(FailureKind.ASSERTION, "train.py, line 40: assert") if score is None else None
    ended = RunEnded(n, 1, Outcome.FINISHED if score else Outcome.CRASHED, failure=failure)
    return [proposed(n, **more), started(n), ended, Judged(n, verdict, reason, score, delta, delta and 0.003)]  # type: ignore[arg-type]


BASELINE: list[Body] = [
    StateChanged(State.PREPARING),
    created(),
    StateChanged(State.RUNNING),
    NoiseMeasured(0.004, (1.99, 2.01)),
    *experiment(0, 2.0, Reason.HUMAN, hypothesis="baseline"),
]
NIGHT: list[Body] = [
    *BASELINE,
    *experiment(1, 1.9, Reason.BETTER, -0.1, hypothesis="halve the batch", cost=Cost(900, 100, 3.2)),
    *experiment(2, 1.905, Reason.WITHIN_NOISE, 0.005),
    *experiment(3, None, Reason.FAILED, hypothesis="odd heads"),
    proposed(4),
    proposed(5),
    started(4),
]


def ledger(*bodies: Body, pace_s: float = 5.0) -> Ledger:
    return Ledger("jun14").feed(Entry(n, "jun14", n * pace_s, body) for n, body in enumerate(bodies, 1))


@pytest.mark.parametrize(
    ("bodies", "progress", "expected"),
    [
        pytest.param([], None, "◌ preparing", id="nothing yet"),
        pytest.param(BASELINE[:3], None, "●", id="before the first run"),
        pytest.param([*BASELINE[:3], proposed(0), started(0)], MIDWAY, "● baseline · 62 % · loss 3.21", id="baseline"),
        pytest.param(BASELINE, None, "● baseline · baseline 2.0000", id="baseline done"),
        pytest.param(NIGHT, MIDWAY, "● #4 · 62 % · loss 3.21 · best 1.9000 (−5.0 %) · 180/h · $3.20", id="night"),
        pytest.param(NIGHT, None, "● #4 · best 1.9000 (−5.0 %) · 180/h · $3.20", id="no word from the run"),
        pytest.param(
            [*NIGHT, StateChanged(State.PAUSED, "no key")],
            MIDWAY,
            "‖ paused · #4 · best 1.9000 (−5.0 %) · 180/h · $3.20",
            id="paused",
        ),
        pytest.param(
            [*NIGHT[:-1], StateChanged(State.FINISHED)],
            None,
            "✓ finished · #3 · best 1.9000 (−5.0 %) · 180/h · $3.20",
            id="finished",
        ),
        pytest.param(
            [created(CLAIMED), *BASELINE[2:], *experiment(1, 1.9, Reason.BETTER, -0.1, cost=Cost(1, 1, None))],
            None,
            "● #1 · best 1.9000 self-reported (−5.0 %) · 180/h · $?",
            id="self-reported, price unknown",
        ),
        pytest.param(
            [created(minimize=False), *BASELINE[2:], *experiment(1, 2.5, Reason.BETTER, 0.5)],
            None,
            "● #1 · best 2.5000 (+25.0 %) · 180/h",
            id="higher is better",
        ),
    ],
)
def test_the_line_says_what_is_known(bodies, progress, expected):
    assert status_line(ledger(*bodies), progress).rstrip() == expected


def test_a_campaign_without_a_daemon_is_called_interrupted():
    assert status_line(ledger(*NIGHT), MIDWAY, alive=False).startswith("✗ interrupted · #4 · best")
    finished = ledger(*NIGHT, StateChanged(State.FINISHED))
    assert status_line(finished, None, alive=False).startswith("✓ finished")


def test_a_pause_of_hours_does_not_lower_the_pace():
    shown = ledger(*BASELINE, *experiment(1, 1.9, Reason.BETTER, -0.1))
    after = [body for n in (2, 3) for body in experiment(n, 2.1, Reason.WORSE, 0.1)]
    shown.feed(Entry(100 + n, "jun14", 36_000 + n * 5.0, body) for n, body in enumerate(after))
    assert "180/h" in status_line(shown, None)


def test_the_object_holds_what_scripts_need():
    said = json.loads(json.dumps(status_dict(ledger(*NIGHT), MIDWAY)))
    wanted = {
        "campaign": "jun14", "state": "running",
        "experiment": 4, "experiments": 3, "last": 5, "keeps": 1, "baseline": 2.0,
        "noise_floor": 0.004, "best": 1.9, "best_experiment": 1, "incumbent": 1, "incumbent_commit": "c1",
        "share": 0.62, "loss": 3.2149, "dollars": 3.2, "tokens": 1000, "source": "sealed", "device": "Xeon",
        "budget": "1 TFLOP", "canvas": "train.py", "message": "measuring #4", "per_hour": 180.0, "purpose": "measure",
    }  # fmt: skip
    assert {key: said[key] for key in wanted} == wanted
    assert set(status_dict(ledger(), None)) == set(said)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.96974, "0.9697"), (0.0, "0.0000"), (-1.5, "−1.5000"), (1234.56, "1,234.6"), (0.00123456, "0.0012346")],
)
def test_scores_have_the_digits_that_matter(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-0.0047, "−0.0047"), (0.01, "+0.0100"), (0.0, "0.0000"), (-0.00004, "−4.0e-05"), (-250.0, "−250.0")],
)
def test_differences_have_their_sign(value, expected):
    assert signed_number(value) == expected


def test_an_uncertainty_is_never_rounded_to_nothing():
    assert (uncertainty(0.0003), uncertainty(0.000012)) == ("0.0003", "0.00001")


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


def test_old_verdicts_scroll_away_and_the_newest_stay():
    bodies = [body for n in range(1, 30) for body in experiment(n, 2.1, Reason.WORSE, 0.1)]
    text = drawn(ledger(*BASELINE, *bodies), None, 80, rows=5)
    assert "idea 29" in text and "idea 25" in text and "idea 24" not in text


class World:
    """A daemon that appends the next bodies while the view sleeps, so that nothing waits for a clock."""

    def __init__(self, home: Home, *steps: list[Body], alive: bool = True) -> None:
        self.home, self.steps, self.living, self.naps = home, list(steps), alive, 0

    def means(self) -> Means:
        return Means(progress=lambda home, shown: MIDWAY, alive=lambda home, campaign: self.living, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.naps += 1
        assert self.naps < 100, "the view does not end"
        if self.steps:
            with Journal(self.home.journal) as journal:
                journal.append("jun14", *self.steps.pop(0))


@pytest.fixture
def home(repository: Path) -> Home:
    found = find_home(repository)
    with Journal(found.journal) as journal:
        journal.append("jun14", *BASELINE)
    return found


END: list[Body] = [StateChanged(State.FINISHED, "3 experiments done")]


def test_without_a_terminal_each_verdict_is_one_line(repository, home, capsys):
    world = World(home, experiment(1, 1.9, Reason.BETTER, -0.1), experiment(2, None, Reason.FAILED), END)
    assert watch(repository, means=world.means()).state is State.FINISHED
    *lines, standing, message = capsys.readouterr().out.splitlines()
    assert lines == [
        "#0  baseline  2.0000  baseline",
        "#1  keep, better  1.9000 ± 0.0030 (−0.1000)  idea 1",
        "#2  crash  train.py, line 40: assert  idea 2",
    ]
    assert standing.startswith("✓ finished · #2 · best 1.9000 (−5.0 %)") and message == "3 experiments done"


def test_without_a_terminal_a_pause_says_once_why_nothing_comes(repository, home, capsys):
    pause = StateChanged(State.PAUSED, "no key; set it, then stop and start again")
    steps = [[pause], [], [StateChanged(State.RUNNING, "going on")], [], [pause], END]
    watch(repository, means=World(home, *steps).means())
    assert capsys.readouterr().out.splitlines().count("‖ no key; set it, then stop and start again") == 2


def test_a_finished_campaign_is_shown_once_and_left(repository, home, capsys):
    with Journal(home.journal) as journal:
        journal.append("jun14", *END)
    world = World(home)
    watch(repository, means=world.means())
    assert world.naps == 0 and "✓ finished" in capsys.readouterr().out


def test_a_dead_daemon_ends_the_view_with_the_next_step(repository, home, capsys):
    watch(repository, means=World(home, alive=False).means())
    assert "campaign jun14: interrupted; 'autoresearch start' goes on" in capsys.readouterr().out


def test_a_daemon_that_does_not_answer_is_said_once_and_shown_until_it_does(repository, home, capsys):
    silences = [0.0, 10.0, 15.0, 0.0]
    world = World(home, [], [], [], [], [], END)
    means = replace(world.means(), silent_s=lambda home: silences.pop(0) if silences else 0.0)
    watch(repository, means=means)
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("◌")] == [
        f"◌ {silence_text(10.0)}"
    ]
    screen = Console(file=io.StringIO(), width=300, color_system=None)
    screen.print(render(ledger(*BASELINE), None, 300, silent_s=10.0))
    assert "◌ the daemon has not answered for 10 s" in screen.file.getvalue()


def test_in_a_terminal_the_picture_follows_the_journal(repository, home):
    screen = Console(file=io.StringIO(), width=100, height=40, force_terminal=True, color_system=None)
    watch(repository, console=screen, means=World(home, experiment(1, 1.9, Reason.BETTER, -0.1), END).means())
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert text.index("● running") < text.index("✓ better") < text.index("✓ finished")


def test_ctrl_c_gives_the_terminal_back(repository, home):
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    screen = Console(file=io.StringIO(), width=100, force_terminal=True)
    with pytest.raises(KeyboardInterrupt):
        watch(repository, console=screen, means=Means(lambda h, shown: None, lambda h, campaign: True, interrupt))
    assert screen.file.getvalue().endswith("\x1b[?25h")  # type: ignore[attr-defined]


def test_the_last_campaign_is_shown_unless_one_is_named(repository, home, capsys):
    with Journal(home.journal) as journal:
        journal.append("jun14", *END)
        journal.append("jun15", StateChanged(State.STOPPED, "stopped by hand"))
    assert watch(repository).campaign == "jun15"
    assert watch(repository, "jun14").campaign == "jun14"
    with pytest.raises(Refused, match="no campaign may1 in this repository; there are: jun15, jun14"):
        watch(repository, "may1")


def test_without_a_campaign_the_refusal_says_how_to_start(repository):
    with pytest.raises(Refused, match="'autoresearch start' starts one"):
        watch(repository)
    assert not find_home(repository).journal.exists()


@pytest.mark.parametrize(
    ("source", "file", "text", "share"),
    [
        (SEALED, "progress.json", '{"step": 3, "share": 0.5, "loss": 2.0}', 0.5),
        (SEALED, "progress.json", '{"step": "x"}', None),
        (SEALED, "nothing", "", None),
        (CLAIMED, "run.log", "step 00012 (3.5%) | loss: 5.6\n", 0.035),
        (CLAIMED, "run.log", "hello\n", None),
    ],
)
def test_the_progress_of_the_present_run_is_read_as_untrusted_text(tmp_path, source, file, text, share):
    home, shown = Home(tmp_path), ledger(created(source), proposed(1), started(1))
    folder = home.run("jun14", 1, 1)
    folder.mkdir(parents=True)
    (folder / file).write_text(text)
    found = present_progress(home, shown)
    assert (found.share if found else None) == share
    assert present_progress(home, ledger()) is None


def test_control_characters_are_shown_and_lines_kept() -> None:
    assert visible("a\x1b[2J\tb\u202e\nß") == "a\ufffd[2J\tb\ufffd\nß"


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (Cost(), ""),
        (Cost(10_000, 1_240, 0.034), "$0.0340, 11,240 tokens"),
        (Cost(10_000, 1_240, 1.2), "$1.20, 11,240 tokens"),
        (Cost(10, 2, 0.0), "$0.00, 12 tokens"),
        (Cost(10, 2, None), "price unknown, 12 tokens"),
        (Cost(0, 0, None), "price unknown"),
    ],
)
def test_what_a_proposal_cost(cost: Cost, text: str) -> None:
    assert cost_text(cost) == text


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
    ],
)
def test_a_promise_of_the_sandbox_that_does_not_hold_is_said(sandbox: str, said: str, drawn: str) -> None:
    ledger = Ledger("c").feed([Entry(1, "c", 0.0, created(sandbox=sandbox))])
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(render(ledger, None, 200))
    assert sandbox_text(ledger).startswith(said) and bool(sandbox_text(ledger)) == bool(said)
    assert drawn in console.export_text()
