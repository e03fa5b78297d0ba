"""What a step is charged: matrix FLOP and bytes moved, from shapes alone, however the canvas runs it."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

import prepare

from .conftest import ROOT

FLOAT = 4  # bytes


def cost_of(work):
    cost = prepare.StepCost()
    cost.start()
    work()
    return cost.stop()


def test_a_product_costs_its_flop_and_the_bytes_it_moves():
    a, b = torch.randn(10, 20), torch.randn(20, 30)
    moved = 10 * 20 + 20 * 30 + 10 * 30
    assert cost_of(lambda: a @ b) == 2 * 10 * 20 * 30 + prepare.FLOP_PER_BYTE * FLOAT * moved


def test_an_operation_in_place_costs_its_reads_and_writes():
    x, y = torch.randn(2, 100)
    assert cost_of(lambda: x.mul_(y)) == prepare.FLOP_PER_BYTE * FLOAT * 300


@pytest.mark.parametrize("view", ["x.view(50, 2)", "x.t()", "x[3:]", "x.detach()", "x.chunk(2)", "x.expand(9, 10, 10)"])
def test_a_view_costs_nothing(view):
    x = torch.randn(10, 10)
    assert cost_of(lambda: eval(view, {"x": x})) == 0


def test_fused_attention_on_a_cpu_is_charged_half_where_it_is_causal():
    query = torch.randn(3, 2, 4, 64, 16).unbind()
    whole, causal = (cost_of(lambda c=c: F.scaled_dot_product_attention(*query, is_causal=c)) for c in (False, True))
    products = 2 * (2 * 2 * 4 * 64 * 64 * 16)
    assert whole - causal == products / 2


def test_the_backward_pass_is_charged_too():
    weight = torch.randn(64, 64, requires_grad=True)
    x = torch.randn(32, 64)
    forward = cost_of(lambda: x @ weight)
    assert cost_of(lambda: (x @ weight).sum().backward()) > 1.9 * forward


def test_the_same_step_costs_the_same_whatever_its_numbers(canvas, rows):
    def step(seed):
        torch.manual_seed(seed)
        model = canvas.build_model()
        optimizers = canvas.build_optimizers(model)

        def work():
            canvas.accumulate_gradients(model, canvas.cross_entropy_sum, *rows, 4)
            for optimizer in optimizers:
                optimizer.step(seed + 1, share=seed / 10, scale=1.0)

        return cost_of(work)

    assert step(0) == step(1) > 0


@pytest.mark.parametrize(("knob", "value"), [("DEPTH", 6), ("HEADS", 4), ("HEAD_DIM", 32), ("MLP_RATIO", 12)])
def test_a_larger_model_costs_more(canvas, monkeypatch, rows, knob, value):
    def cost():
        model = canvas.build_model()
        return cost_of(lambda: canvas.accumulate_gradients(model, canvas.cross_entropy_sum, *rows, 4))

    small = cost()
    monkeypatch.setattr(canvas, knob, value)
    assert cost() > 1.2 * small


def test_counting_imports_no_compiler():
    code = (
        "import sys, torch, prepare; cost = prepare.StepCost(); cost.start(); torch.ones(2).add(1);"
        "assert cost.stop() > 0; print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.stdout == "False\n", done.stderr
