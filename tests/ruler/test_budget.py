"""A budget counts what it says it counts, from the first step on, and ends the run when it is spent."""

import json
import math

import pytest
import torch

import prepare
from tests.ruler.spending import steps


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


@pytest.mark.parametrize(("tokens", "taken"), [(260, 4), (416, 3), (418, 2), (650, 1)])
def test_no_step_is_begun_that_would_go_far_beyond_the_budget_if_it_is_like_the_last(begin, tokens, taken):
    budget = begin("1k tokens")
    assert steps(budget, lambda: None, tokens) == taken
    assert not budget.remains() and not budget.running
    budget.check_end()  # also where less than most of it was spent


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
