"""A budget of compute charges each step what its operators cost, and the work between steps too."""

import pytest
import torch

import prepare
from tests.ruler.spending import matmul, steps


def test_work_between_steps_is_charged_to_the_last_operator(begin):
    budget = begin("100 MFLOP")
    for _ in range(4):
        assert budget.remains()
        matmul(50)
        budget.spend(tokens=1, loss=1.0)
    charged, step = budget.flop, budget._step_flop
    matmul(100)
    assert budget.flop == charged
    assert budget.remains()
    assert budget.flop - charged == pytest.approx(cost_of(lambda: matmul(100)))
    assert budget._step_flop == step, "it is no step, and no later one is like it"
    matmul(50)
    budget.spend(tokens=1, loss=1.0)
    before = budget.flop
    matmul(100)
    budget.spend(tokens=1, loss=1.0)
    assert budget.flop - before == pytest.approx(cost_of(lambda: matmul(100)), rel=0.5), "a step nobody asked for"


@pytest.fixture
def priced(monkeypatch):
    """Steps that cost what they say: work(flop) is charged flop by the counter."""
    now = [0.0]

    class Counter(prepare.StepCost):
        def __init__(self):
            self.read = lambda: (now[0], 0, 1, 0)

        def start(self):
            now[0] = 0.0

        def stop(self):
            return self.flop

    monkeypatch.setattr(prepare, "StepCost", Counter)
    return lambda flop: now.__setitem__(0, now[0] + flop)


def test_a_step_that_is_cheap_while_it_is_counted_explains_cheap_steps(begin, priced, monkeypatch):
    """Whatever it pays for the tokens that it was handed. The counter of these tests takes a nanosecond each time."""
    budget, rows = begin("4 GFLOP"), prepare.batches(32)
    monkeypatch.setattr(budget._counting, "randrange", lambda n: 1)
    while budget.remains():
        next(rows)
        priced(1e4 if budget._cost else 1e8)
        budget.spend(tokens=1024, loss=1.0)
    assert budget.flop > 10 * budget.steps * budget._step_flop
    assert budget.explained_s <= 2 * budget.steps * 1e-9, "for the step, and for what came after it"


@pytest.mark.parametrize(("cost", "expected"), [(1e7, 100), (4e7, 25), (3e9, 1)])
def test_a_flop_budget_charges_every_step_its_cost(begin, priced, cost, expected):
    budget = begin("1 GFLOP")
    assert steps(budget, lambda: priced(cost)) == expected
    assert budget.flop == expected * cost


def test_a_step_that_grows_is_charged_for_it(begin, priced):
    costs = iter([1e6] * 2 + [1e8] * 10_000)
    assert 12 <= steps(begin("1 GFLOP"), lambda: priced(next(costs))) < 12 + 10 * prepare.RECOUNT_EVERY


def test_steps_of_other_sizes_are_counted_each(begin, monkeypatch):
    budget, counted = begin("1 GFLOP"), []
    monkeypatch.setattr(budget._counting, "randrange", lambda n: 1)
    for size in (8, 8, 8, 16, 16, 16, 8, 8, 8):
        assert budget.remains()
        counted.append(budget._cost is not None)
        before = budget.flop
        torch.ones(size).add(1)
        budget.spend(tokens=size, loss=1.0)
        assert budget.flop - before >= 12 * 2 * 4 * size, "never less than it costs"
    assert counted == [True, True, False, False, True, False, False, True, False]


def test_a_token_that_is_handed_out_costs_its_logits_whatever_is_done_with_it(begin, priced, tiny):
    budget, rows = begin("1 GFLOP"), prepare.batches(2)
    floor = tiny.vocab * 4 * 6 * 12
    for cost, drawn, charged in [(1, 1, 64 * floor), (1, 3, 192 * floor), (1e8, 1, 1e8), (1e8, 0, 1e8)]:
        before = budget.flop
        budget._recount = True
        assert budget.remains()
        share = budget.share
        for _ in range(drawn):
            next(rows)
        assert budget.share == share, "a schedule sees the same share before and after it draws"
        priced(cost)
        budget.spend(tokens=64, loss=1.0)
        assert budget.flop - before == pytest.approx(charged)


def test_the_default_canvas_pays_ten_times_what_a_token_costs_at_the_least():
    least = prepare.CPU.vocab * 4 * prepare.TOKEN_MOVES * prepare.FLOP_PER_BYTE
    assert 48_594_446_880 / prepare.CPU.context > 10 * 32 * least


def test_a_step_of_very_many_operators_pays_for_them(begin):
    budget = begin("1 GFLOP")
    assert budget.remains()
    for _ in range(100):
        torch.ones(1).add(1)
    budget.spend(tokens=1, loss=1.0)
    assert budget.flop == pytest.approx(200 * prepare.OPERATOR_FLOP, rel=0.01)


def test_a_step_nobody_can_count_is_refused(begin, priced):
    with pytest.raises(prepare.Refusal, match=r"0 FLOP.*use a budget in tokens or time"):
        steps(begin("1 GFLOP"), lambda: None)


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
