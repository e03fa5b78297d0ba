"""A run is submitted when its budget is spent: not before, not long after, and with no work that was not charged."""

import pytest
import torch

import prepare
from tests.ruler.spending import matmul, steps


@pytest.mark.parametrize(
    ("budget", "spend", "later", "allowed"),
    [
        pytest.param("10s", 2.5, 2.9, True, id="submitted soon"),
        pytest.param("10s", 2.5, 3.5, False, id="trained on"),
        pytest.param("10m", 2.5, 14, True, id="a fiftieth of a long budget"),
        pytest.param("10m", 2.5, 16, False, id="more than a fiftieth"),
        pytest.param("10s", 400, 0, False, id="one long step"),
        pytest.param("1k tokens", 2.5, 31, True, id="neighbours take time from a budget of compute"),
    ],
)
def test_a_run_that_goes_on_long_after_its_budget_is_not_submitted(
    begin, tmp_path, monkeypatch, budget, spend, later, allowed
):
    monkeypatch.setenv("AUTORESEARCH_RUN", str(tmp_path))
    clock = begin(budget)
    steps(clock, lambda: clock.pass_s(spend))
    clock.pass_s(later)
    if allowed:
        prepare.submit(torch.nn.Linear(2, 2))
    else:
        with pytest.raises(prepare.Overrun, match=r"came \d+ s after the end of the budget, \d+ s are allowed"):
            prepare.submit(torch.nn.Linear(2, 2))
    assert (tmp_path / "checkpoint.pt").exists() is allowed


@pytest.mark.parametrize(("more", "allowed"), [(2.8, True), (4.0, False)])
def test_after_a_budget_of_compute_cpu_seconds_count(begin, monkeypatch, more, allowed):
    clock = begin("1k tokens")
    steps(clock, lambda: None)
    used = prepare.time.process_time() + more
    monkeypatch.setattr(prepare.time, "process_time", lambda: used)
    if allowed:
        clock.check_end()
    else:
        with pytest.raises(prepare.Overrun, match="came 4 s after"):
            clock.check_end()


def test_a_run_that_never_asks_again_is_held_to_its_wall_budget(begin):
    clock = begin("10s")
    assert clock.remains()
    clock.pass_s(13)
    clock.check_end()
    clock.pass_s(2)
    with pytest.raises(prepare.Overrun, match="came 5 s after"):
        clock.check_end()


@pytest.mark.parametrize(("share", "allowed"), [(0.0, False), (0.79, False), (0.8, True), (1.0, True)])
def test_an_unspent_budget_is_not_submitted(begin, share, allowed):
    clock = begin("1k tokens")
    if share:
        assert clock.remains()
        clock.spend(tokens=int(1000 * share), loss=1.0)
    if allowed:
        clock.check_end()
    else:
        with pytest.raises(prepare.Refusal, match=rf"only {share:.0%} of the budget was spent; train while"):
            clock.check_end()


@pytest.mark.parametrize("budget", ["1k tokens", "1 GFLOP"])
@pytest.mark.parametrize(("last", "allowed"), [(1, True), (60, False)])
def test_a_last_step_that_is_many_is_not_submitted(begin, budget, last, allowed):
    clock = begin(budget)
    while clock.remains():
        times = last if clock.share > 0.9 else 1
        for _ in range(times):
            matmul(100)
        clock.spend(tokens=16 * times, loss=1.0)
    if allowed:
        clock.check_end()
    else:
        with pytest.raises(prepare.Overrun, match=r"\d\d\d% of the budget was spent, 125% are allowed"):
            clock.check_end()


def test_a_run_that_computes_what_the_counter_cannot_see_is_not_submitted(begin, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTORESEARCH_RUN", str(tmp_path))
    budget = begin("1 GFLOP")
    steps(budget, lambda: matmul(100))
    budget.check_end()
    used = prepare.time.process_time() + 5
    monkeypatch.setattr(prepare.time, "process_time", lambda: used)
    budget._cpu_ended = used
    with pytest.raises(prepare.Uncharged, match=r"took \d\.\d CPU seconds, and the operators it was charged for 0\.\d"):
        budget.check_end()


@pytest.mark.parametrize("asks", [True, False], ids=["asks once more", "breaks off"])
@pytest.mark.parametrize(("size", "allowed"), [(20, True), (600, False)])
def test_what_is_computed_after_the_last_step_is_counted(begin, tmp_path, monkeypatch, asks, size, allowed):
    monkeypatch.setenv("AUTORESEARCH_RUN", str(tmp_path))
    budget = begin("3 GFLOP")
    while asks or budget.share < 1:
        if not budget.remains():
            break
        matmul(300)
        budget.spend(tokens=1, loss=1.0)
    matmul(size)
    if allowed:
        budget.check_end()
    else:
        with pytest.raises(prepare.Overrun, match=r"GFLOP were computed after the last spend\(\), 1% of the run's 3"):
            budget.check_end()


def test_weights_are_asked_for_before_the_end_is_checked(begin, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTORESEARCH_RUN", str(tmp_path))

    class Late(torch.nn.Linear):
        def state_dict(self, *given, **named):
            matmul(600)
            return super().state_dict(*given, **named)

    model = Late(2, 2)
    steps(begin("3 GFLOP"), lambda: matmul(300))
    with pytest.raises(prepare.Overrun, match="after the last spend"):
        prepare.submit(model)
