"""A budget counts what it says it counts, from the first step on, and ends the run when it is spent."""

import json
import math

import pytest
import torch

import prepare


@pytest.mark.parametrize(
    ("text", "kind", "amount"),
    [
        ("15s", "wall", 15),
        ("5m", "wall", 300),
        ("1.5h", "wall", 5400),
        ("2 h", "wall", 7200),
        ("500k tokens", "tokens", 500_000),
        ("1000 tokens", "tokens", 1000),
        ("1.5M tokens", "tokens", 1_500_000),
        ("2 TFLOP", "flop", 2e12),
        ("300 gflops", "flop", 3e11),
    ],
)
def test_a_budget_is_read(text, kind, amount):
    assert prepare.parse_budget(text) == prepare.Limit(kind, amount)


@pytest.mark.parametrize("text", ["5 minutes", "", "5", "-5m", "0s", "m", "five m", "5mm", "5k", "nan s", "2 TFLOP/s"])
def test_another_form_is_refused_with_the_forms_there_are(text):
    with pytest.raises(prepare.Refusal, match=r"is not understood; write 15s, 5m or 2h"):
        prepare.parse_budget(text)


@pytest.fixture
def begin(tiny, monkeypatch):
    """A budget of a given size whose clock stands still unless told."""
    clock = [1000.0]
    monkeypatch.setattr(prepare.time, "monotonic", lambda: clock[0])

    def start(text):
        monkeypatch.setenv("AUTORESEARCH_BUDGET", text)
        budget = prepare.Budget()
        budget.pass_s = lambda seconds: clock.__setitem__(0, clock[0] + seconds)
        return budget

    return start


def steps(budget, work, tokens=64):
    while budget.remains():
        work()
        budget.spend(tokens=tokens, loss=1.0)
    return budget.steps


def test_a_wall_budget_starts_at_the_first_step_and_counts_it(begin):
    budget = begin("10s")
    budget.pass_s(100)
    assert budget.share == 0
    assert steps(budget, lambda: budget.pass_s(2.5)) == 4
    assert (budget.share, budget.seconds) == (1, 10)
    budget.pass_s(100)
    assert budget.seconds == 10


def test_a_token_budget_counts_tokens(begin):
    budget = begin("1k tokens")
    assert steps(budget, lambda: None) == 16
    assert budget.tokens == 1024


def test_tokens_that_were_handed_out_are_charged_whatever_the_canvas_says(begin):
    budget = begin("1k tokens")
    rows = prepare.batches(2)  # 64 tokens
    assert steps(budget, lambda: next(rows), tokens=1) == 16
    assert budget.tokens == 1024
    assert steps(begin("1k tokens"), lambda: next(rows), tokens=128) == 8, "what it says it did may be more"


@pytest.mark.parametrize(
    ("budget", "spend", "later", "allowed"),
    [
        pytest.param("10s", 2.5, 29, True, id="submitted soon"),
        pytest.param("10s", 2.5, 31, False, id="trained on"),
        pytest.param("10m", 2.5, 59, True, id="a tenth of a long budget"),
        pytest.param("10m", 2.5, 61, False, id="more than a tenth"),
        pytest.param("10s", 400, 0, True, id="one long step"),
        pytest.param("1k tokens", 2.5, 31, False, id="trained on, in tokens"),
        pytest.param("1k tokens", 7, 29, True, id="submitted soon, in tokens"),
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
        with pytest.raises(prepare.Overrun, match=rf"came {later} s after the end of the budget, \d\d s are allowed"):
            prepare.submit(torch.nn.Linear(2, 2))
    assert (tmp_path / "checkpoint.pt").exists() is allowed


def test_a_run_that_never_asks_again_is_held_to_its_wall_budget(begin):
    clock = begin("10s")
    assert clock.remains()
    clock.pass_s(39)
    clock.check_end()
    clock.pass_s(2)
    with pytest.raises(prepare.Overrun, match="came 31 s after"):
        clock.check_end()


@pytest.fixture
def priced(monkeypatch):
    """Steps that cost what they say: work(flop) is charged flop by the counter."""
    now = [0.0]

    class Counter:
        def start(self):
            now[0] = 0.0

        def stop(self):
            return now[0]

    monkeypatch.setattr(prepare, "StepCost", Counter)
    return lambda flop: now.__setitem__(0, now[0] + flop)


@pytest.mark.parametrize(("cost", "expected"), [(1e7, 100), (4e7, 25), (3e9, 1)])
def test_a_flop_budget_charges_every_step_its_cost(begin, priced, cost, expected):
    budget = begin("1 GFLOP")
    assert steps(budget, lambda: priced(cost)) == expected
    assert budget.flop == expected * cost


def test_a_step_that_grows_is_charged_for_it(begin, priced):
    costs = iter([1e6] * 2 + [1e8] * 10_000)
    assert 12 <= steps(begin("1 GFLOP"), lambda: priced(next(costs))) < 12 + 10 * prepare.RECOUNT_EVERY


def test_a_step_nobody_can_count_is_refused(begin, priced):
    with pytest.raises(prepare.Refusal, match=r"0 FLOP.*use a budget in tokens or time"):
        steps(begin("1 GFLOP"), lambda: None)


def matmul(size):
    (torch.ones(size, size) @ torch.ones(size, size, requires_grad=True)).sum().backward()


def cost_of(work):
    cost = prepare.StepCost()
    cost.start()
    work()
    return cost.stop()


def test_a_step_costs_the_same_every_time_and_more_when_it_does_more():
    small, again, double, large = (
        cost_of(lambda n=n: [matmul(size) for size in n]) for n in ([50], [50], [50, 50], [200])
    )
    assert 0 < 2 * 2 * 50**3 <= small == again == double / 2
    assert large > 8 * small


def test_a_compute_budget_is_given_up_at_its_cap(begin, priced):
    budget = begin("1 GFLOP")
    with pytest.raises(prepare.OutOfTime, match="of the budget was spent in 150 s"):
        steps(budget, lambda: (budget.pass_s(75), priced(1)))


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_ends_the_run(begin, loss):
    budget = begin("10s")
    assert budget.remains()
    with pytest.raises(prepare.NonFiniteLoss, match="at step 1"):
        budget.spend(tokens=1, loss=loss)


def test_making_a_budget_seeds_torch(begin, monkeypatch):
    monkeypatch.setenv("AUTORESEARCH_SEED", "7")
    begin("10s")
    drawn = torch.rand(3)
    torch.manual_seed(7)
    assert torch.equal(drawn, torch.rand(3))


def test_progress_is_written_at_most_four_times_a_second_and_at_the_end(begin, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTORESEARCH_RUN", str(tmp_path))
    written = []
    keep = prepare.replace_text
    monkeypatch.setattr(prepare, "replace_text", lambda path, text: (written.append(text), keep(path, text)))
    budget = begin("10s")
    steps(budget, lambda: budget.pass_s(0.1))
    assert 30 <= len(written) <= 41
    assert json.loads((tmp_path / "progress.json").read_text()) == {
        "step": 100, "share": 1.0, "loss": 1.0, "tokens": 6400, "seconds": pytest.approx(10),
        "tokens_per_s": pytest.approx(640), "remaining_s": 0.0,
    }  # fmt: skip
