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
    clock, budgets = [1000.0], []
    monkeypatch.setattr(prepare.time, "monotonic", lambda: clock[0])

    def start(text):
        monkeypatch.setenv("AUTORESEARCH_BUDGET", text)
        monkeypatch.setattr(prepare.Budget, "latest", None)
        budget = prepare.Budget()
        budget.pass_s = lambda seconds: clock.__setitem__(0, clock[0] + seconds)
        budgets.append(budget)
        return budget

    yield start
    for budget in budgets:
        for counter in filter(None, (budget._cost, budget._outside)):
            counter.stop()


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


@pytest.mark.parametrize(
    "again",
    [
        "prepare.Budget()",
        "budget.__init__()",
        "object.__new__(prepare.Budget).__init__()",
        "type('B', (prepare.Budget,), {})()",
    ],
)
def test_there_is_one_budget_in_a_run(begin, again):
    budget = begin("10s")
    with pytest.raises(prepare.Refusal, match="a second Budget"):
        eval(again, {"prepare": prepare, "budget": budget})


def test_a_step_that_is_not_charged_is_refused(begin):
    budget, rows = begin("1 GFLOP"), prepare.batches(2)
    assert budget.remains() and budget.remains(), "nothing was handed out between"
    next(rows)
    with pytest.raises(prepare.Refusal, match=r"call budget.spend\(\) after every step"):
        budget.remains()


def test_a_run_that_computes_what_the_counter_cannot_see_is_not_submitted(begin, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTORESEARCH_RUN", str(tmp_path))
    budget = begin("1 MFLOP")
    steps(budget, lambda: matmul(100))
    budget.check_end()
    used = prepare.time.process_time() + 5
    monkeypatch.setattr(prepare.time, "process_time", lambda: used)
    budget._cpu_ended = used
    with pytest.raises(prepare.Uncharged, match=r"took \d\.\d CPU seconds, and the operators it was charged for 0\.\d"):
        budget.check_end()


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
