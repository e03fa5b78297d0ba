"""What all runs of a campaign have in common."""

from __future__ import annotations

import pytest

from loop.runner import Conditions
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
