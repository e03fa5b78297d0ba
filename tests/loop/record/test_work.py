"""What a run computed beyond its budget is found, whatever it says; what honest runs differ by is not."""

from __future__ import annotations

import re

import pytest

from loop.record.values import BudgetKind
from loop.record.work import Allowance, Reference, Work, beyond, reference_of, work_of

BASELINE = Reference(setup_cpu_s=1.0, cpu_s=14.0, clock_s=14.0)
HONEST = {"setup_cpu_s": 1.0, "cpu_s": 14.0, "clock_s": 14.0, "explained_s": 15.0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({}, "", id="like the baseline"),
        pytest.param({"cpu_s": 28.0, "explained_s": 30.0}, "", id="beside heavy load"),
        pytest.param({"cpu_s": 34.0, "explained_s": 34.0}, "", id="a dear family"),
        pytest.param({"setup_cpu_s": 3.0}, "", id="imports more"),
        pytest.param({"cpu_s": 61.5}, "did 4.1 times the work that it was charged; only torch operators", id="hidden"),
        pytest.param({"setup_cpu_s": 30.0}, "27.6 of its 41.6 CPU seconds before its clock started", id="early"),
        pytest.param(
            {"cpu_s": 61.6, "explained_s": 99.0}, "did 4.4 times the work .* CPU seconds of the base", id="lies"
        ),
        pytest.param({"opening_cpu_s": 3.0}, "", id="is slow to load"),
        pytest.param(
            {"opening_cpu_s": 30.0}, "30.0 of its 44.0 CPU seconds when its model was loaded", id="at scoring"
        ),
        pytest.param({"explained_s": None}, "gave no account", id="says nothing"),
    ],
)
def test_compute_on_a_cpu_is_held_against_cpu_seconds(changes: dict[str, float], said: str) -> None:
    found = beyond(Allowance(BudgetKind.FLOPS, 2e12, 1, 3.0, True, BASELINE), Work(**{**HONEST, **changes}))
    assert (found == "") == (said == "")
    assert re.search(said, found), found


@pytest.mark.parametrize(
    ("cpu_s", "threads", "fits"), [(15.9, 1, True), (30.0, 1, False), (30.0, 2, True), (62.0, 2, False)]
)
def test_a_wall_budget_buys_the_profiles_threads(cpu_s: float, threads: int, fits: bool) -> None:
    work = Work(setup_cpu_s=1.0, cpu_s=cpu_s, clock_s=15.0)
    assert (beyond(Allowance(BudgetKind.WALL, 15.0, threads, 3.0, True, BASELINE), work) == "") == fits


def test_a_token_budget_does_not_bound_the_compute_of_a_token_but_finds_hidden_work() -> None:
    allowed = Allowance(BudgetKind.TOKENS, 1e6, 1, 3.0, True, BASELINE)
    assert beyond(allowed, Work(**{**HONEST, "cpu_s": 500.0, "explained_s": 500.0})) == ""
    assert "times the work" in beyond(allowed, Work(**{**HONEST, "cpu_s": 500.0}))


@pytest.mark.parametrize(("cpu_s", "fits"), [(50.0, True), (60.0, False)])
def test_where_no_operations_are_counted_a_run_is_held_against_the_baseline(cpu_s: float, fits: bool) -> None:
    allowed = Allowance(BudgetKind.TOKENS, 1e6, 1, 3.0, True, BASELINE, counted=False)
    found = beyond(allowed, Work(1.0, cpu_s - 0.5, 14.0, opening_cpu_s=0.5))
    assert found == ("" if fits else "took 4.3 times the CPU seconds of the baseline for one budget")
    assert beyond(Allowance(BudgetKind.TOKENS, 1e6, 1, 3.0, True, counted=False), Work(1.0, cpu_s, 14.0)) == ""


def test_on_an_accelerator_wall_seconds_are_compared() -> None:
    for kind, found in ((BudgetKind.FLOPS, True), (BudgetKind.TOKENS, True), (BudgetKind.WALL, False)):
        allowed = Allowance(kind, 1.0, 8, 10.0, False, BASELINE)
        assert bool(beyond(allowed, Work(1.0, 900.0, 57.0))) == found
        assert beyond(allowed, Work(100.0, 900.0, 50.0)) == ""


def test_only_a_wall_budget_limits_seconds() -> None:
    assert Allowance(BudgetKind.WALL, 100.0, 1, 3.0, True).clock_s == 105.0
    assert Allowance(BudgetKind.WALL, 100.0, 1, 10.0, False).clock_s == 112.0
    assert Allowance(BudgetKind.FLOPS, 1e12, 1, 3.0, True).clock_s is None


def test_work_is_what_the_supervisor_measured_and_the_account_what_the_run_says() -> None:
    assert work_of(1.0, 9.0, 4.0, {}) == Work(1.0, 8.0, 4.0)
    said = {"explained_cpu_s": 7.0}
    assert work_of(1.0, 9.0, 4.0, said) == Work(1.0, 8.0, 4.0, 7.0)
    assert work_of(1.0, 9.0, None, said) == Work(9.0, 0.0, 0.0)


def test_the_reference_is_the_median_of_runs_that_were_measured() -> None:
    assert reference_of([(None, None, None)]) is None
    runs = [(1.0, 10.0, 20.0), (None, None, None), (1.2, 30.0, 21.0), (5.0, 11.0, 90.0)]
    assert reference_of(runs) == Reference(1.2, 11.0, 21.0)
