"""What all runs of a campaign have in common."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from loop import runner
from loop.runner import Conditions, Runner
from loop.staging import Staging
from loop.types import Metric
from loop.values import parse_budget


@pytest.mark.parametrize(
    ("budget", "slowest_s", "limit_s"),
    [
        pytest.param("5m", None, 600, id="wall time: twice the budget"),
        pytest.param("15s", 400, 135, id="of wall time at least two minutes more, whatever others took"),
        pytest.param("1 TFLOP", None, 1800, id="compute, before any run has shown how long it takes"),
        pytest.param("500k tokens", 10, 120, id="compute: six times the slowest, two minutes at the least"),
        pytest.param("500k tokens", 100, 600, id="six times the slowest"),
        pytest.param("20M tokens", None, 5000, id="an hour's worth of tokens is not ended after half an hour"),
    ],
)
def test_a_run_is_killed_when_it_takes_much_longer_than_its_budget(
    budget: str, slowest_s: float | None, limit_s: float
) -> None:
    amount = parse_budget(budget)
    assert Conditions("python", "", "train.py", "python train.py", amount, Metric(), None).limit_s(slowest_s) == limit_s


async def test_two_rehearsals_share_one_slot_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[str] = []

    def lay(commit: str, slot: Path, canvas: str) -> None:
        assert not inside, "another commit's files would be rehearsed"
        inside.append(commit)

    async def dry_run(**where: object) -> None:
        await asyncio.sleep(0)
        inside.pop()

    monkeypatch.setattr(runner, "dry_run", dry_run)
    monkeypatch.setattr(Runner, "_wrap", lambda *_, **__: ())
    conditions = SimpleNamespace(ruler=object(), folder="", canvas="train.py", python="python", variables=dict)
    home = SimpleNamespace(slots=tmp_path / "slots", root=tmp_path)
    one = Runner(cast(Any, SimpleNamespace(lay=lay)), cast(Any, home), "c", cast(Any, conditions), cast(Any, None))
    assert await asyncio.gather(one.rehearse("1"), one.rehearse("2")) == [None, None]


async def test_what_was_dropped_at_a_pause_is_not_staged_again() -> None:
    staging = Staging(cast(Any, None))  # whoever asks for the backlog fails
    staging._running = 3
    await staging.drop()
    staging.again()
