"""What every run of a campaign has in common."""

from __future__ import annotations

import pytest

from loop.record.types import Metric
from loop.record.values import parse_budget
from loop.runs.conditions import Conditions
from loop.runs.ruler import Ruler


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


@pytest.mark.parametrize(("framework", "counted"), [("torch", True), ("mlx", False)])
def test_a_run_is_told_the_framework_that_its_campaign_measures(framework: str, counted: bool) -> None:
    ruler = Ruler("", "key", "5m", "cpu", "python", "cpu", "CPU", 1, (), (), 3.5, framework=framework)
    conditions = Conditions("python", "", "train.py", "python train.py", parse_budget("9k tokens"), Metric(), ruler)
    assert conditions.variables()["AUTORESEARCH_FRAMEWORK"] == framework
    assert ruler.allowance(conditions.budget, None).counted is counted


@pytest.mark.parametrize(("python", "first"), [("python3", "/usr/bin"), ("/a/venv/bin/python", "/a/venv/bin")])
def test_no_run_finds_a_program_in_its_own_folder(python: str, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    conditions = Conditions(python, "", "train.py", "make bench", parse_budget("5s"), Metric(), None)
    places = conditions.variables()["PATH"].split(":")
    assert places[0] == first and "" not in places
    assert "AUTORESEARCH_FRAMEWORK" not in conditions.variables(), "a script that measures itself has no ruler"
