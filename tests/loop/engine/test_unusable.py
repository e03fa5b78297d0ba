"""A campaign that cannot begin: its canvas, its baseline or the disk is not usable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from loop.control import control
from loop.engine.engine import Engine
from loop.proposers import make
from loop.record.home import find_home
from loop.record.intents import StartRequested
from loop.record.journal import Journal
from loop.record.types import Refused, State
from tests.stub import CANVAS, ended, gone, make_campaign, run_to_end, until


@pytest.mark.parametrize(
    ("canvas", "sentence"),
    [
        ("import time\nval = \n", r"train\.py, line 2"),
        ("print('no number here')\n", "val_bpb"),
        ("raise SystemExit('no data')\n", "the baseline does not run"),
        ("print('val_bpb: nan')\n", "(?i)nan"),
    ],
    ids=["syntax error", "prints nothing", "exits", "NaN"],
)
def test_a_baseline_that_does_not_run_ends_the_campaign_with_its_sentence(
    tmp_path: Path, canvas: str, sentence: str
) -> None:
    campaign = make_campaign(tmp_path / "c", canvas=canvas)
    try:
        control.start(campaign)
    except Refused as refusal:
        assert __import__("re").search(sentence, str(refusal))
        return
    ledger = until(campaign, ended)
    assert ledger.state is State.STOPPED
    assert __import__("re").search(sentence, ledger.message), ledger.message


def test_a_broken_baseline_is_mended_on_disk_and_the_next_start_begins_anew(tmp_path: Path) -> None:
    campaign = make_campaign(tmp_path / "c", canvas="print('no number here')\n")
    control.start(campaign)
    first = until(campaign, ended)
    gone(campaign)
    (campaign / "train.py").write_text(CANVAS)
    second = run_to_end(campaign, experiments="1")
    assert second.campaign != first.campaign and second.state is State.FINISHED


def test_a_full_disk_stops_before_the_run_with_its_sentence(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop.record.disk.free_mb", lambda _: 255.0)
    with Journal(find_home(campaign).journal) as journal:
        journal.append("night", StartRequested())
    asyncio.run(Engine(campaign, "night", make).run())
    ledger = control.load(campaign)
    assert ledger.state is State.STOPPED and "255 MB free and a campaign needs 256 MB" in ledger.message
    assert not ledger.experiments[0].runs, "nothing was spent"


@pytest.mark.parametrize(
    ("prepare_disk", "sentence"),
    [
        pytest.param(lambda c: (c / "train.py").unlink(), "train.py: not found beside program.md", id="missing"),
        pytest.param(lambda c: (c / "train.py").write_text("def f(:\n"), "train.py, line 1", id="a syntax error"),
    ],
)
def test_a_canvas_that_cannot_be_used_is_refused_before_anything_runs(
    campaign: Path, prepare_disk: Callable[[Path], object], sentence: str
) -> None:
    prepare_disk(campaign)
    with pytest.raises(Refused) as refusal:
        control.start(campaign)
    assert sentence in str(refusal.value)
    gone(campaign)
    assert control.load(campaign).created is None, "repaired, the next start begins it"
