"""A run is a function of its seed, falls back when memory runs out, and claims no MFU that it cannot know."""

import ast
import re
import subprocess
import sys

import pytest
import torch

import prepare

from .conftest import ROOT


def train(canvas, monkeypatch, folder, seed=0):
    """Train in this process for 6 steps; return the checkpoint."""
    folder.mkdir()
    monkeypatch.setenv("AUTORESEARCH_RUN", str(folder))
    monkeypatch.setenv("AUTORESEARCH_SEED", str(seed))
    monkeypatch.setenv("AUTORESEARCH_BUDGET", "1500 tokens")
    monkeypatch.setattr(prepare.Budget, "latest", None)  # each is a run of its own, which has one budget
    canvas.main()
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def test_two_runs_of_one_seed_agree_to_the_last_digit(canvas, monkeypatch, tmp_path):
    first, second, other = (
        train(canvas, monkeypatch, tmp_path / name, seed) for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["embed.weight"], other["embed.weight"])


def test_training_lowers_the_loss(canvas, monkeypatch, rows):
    optimizers = canvas.build_optimizers(model := canvas.build_model())
    losses = []
    for number in range(1, 13):
        loss, _ = canvas.accumulate_gradients(model, canvas.cross_entropy_sum, *rows, 4)
        for optimizer in optimizers:
            optimizer.step(number, share=0.5, scale=0.3)
        model.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1


def gradients(model):
    return {name: weight.grad.clone() for name, weight in model.named_parameters()}


def test_when_memory_runs_out_fewer_rows_at_a_time_give_the_same_gradients(canvas, model, rows, capsys):
    canvas.accumulate_gradients(model, canvas.cross_entropy_sum, *rows, 8)
    whole = gradients(model)
    model.zero_grad()

    def short_of_memory(model, inputs, targets):
        if len(inputs) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return canvas.cross_entropy_sum(model, inputs, targets)

    _, fitted = canvas.accumulate_gradients(model, short_of_memory, *rows, 8)
    assert fitted == 2
    assert "2 rows at a time" in capsys.readouterr().out
    assert all(torch.allclose(grad, whole[name], atol=1e-5) for name, grad in gradients(model).items())


def test_gradients_of_a_pass_that_failed_halfway_are_not_counted(canvas, model, rows):
    passes = []

    def fails_once(model, inputs, targets):
        passes.append(len(inputs))
        if len(passes) == 2:
            raise RuntimeError("MPS backend out of memory")
        return canvas.cross_entropy_sum(model, inputs, targets)

    canvas.accumulate_gradients(model, fails_once, *rows, 4)
    halved = gradients(model)
    model.zero_grad()
    canvas.accumulate_gradients(model, canvas.cross_entropy_sum, *rows, 2)
    assert passes == [4, 4, 2, 2, 2, 2]
    assert all(torch.equal(grad, halved[name]) for name, grad in gradients(model).items())


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), torch.OutOfMemoryError("even one row")])
def test_another_error_and_one_row_that_does_not_fit_are_raised(canvas, model, rows, error):
    def fails(*_):
        raise error

    with pytest.raises(type(error), match=str(error)):
        canvas.accumulate_gradients(model, fails, *rows, 1 if isinstance(error, torch.OutOfMemoryError) else 8)


def test_a_batch_that_the_rows_do_not_divide_weighs_every_token_alike(canvas, model, rows):
    losses = [canvas.accumulate_gradients(model, canvas.cross_entropy_sum, *rows, n)[0].item() for n in (8, 3)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_loss_that_is_no_number_ends_the_run_without_a_checkpoint(canvas, monkeypatch, tmp_path):
    monkeypatch.setattr(canvas, "cross_entropy_sum", lambda model, *rows: model.embed.weight.sum() * float("nan"))
    with pytest.raises((prepare.NonFiniteLoss, AssertionError)):
        train(canvas, monkeypatch, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("share", "scale"), [(0, 0), (0.1, 0.5), (0.2, 1), (0.5, 1), (0.75, 0.55), (1, 0.1)], ids=lambda x: str(x)
)
def test_the_learning_rate_rises_rests_and_falls_with_the_share_of_the_budget(canvas, monkeypatch, share, scale):
    for name, value in {"WARMUP": 0.2, "WARMDOWN": 0.5, "FINAL_LR": 0.1}.items():
        monkeypatch.setattr(canvas, name, value)
    assert canvas.learning_rate(share) == pytest.approx(scale)


def test_without_ramps_the_learning_rate_stays_full(canvas, monkeypatch):
    monkeypatch.setattr(canvas, "WARMUP", 0.0)
    monkeypatch.setattr(canvas, "WARMDOWN", 0.0)
    assert [canvas.learning_rate(share) for share in (0, 0.5, 1)] == [1, 1, 1]


def test_mfu_is_known_only_for_a_device_with_a_known_peak(canvas, model, monkeypatch):
    assert canvas.flops_utilization(model, 1000, 1.0) is None
    gpu = torch.device("cuda")
    for name, peak in {"NVIDIA H200": 989.4e12, "NVIDIA H100 MIG 1g.10gb": None, "AMD Radeon": None}.items():
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device, name=name: name)
        assert canvas.device_peak(gpu) == peak


def test_mfu_is_the_share_of_the_peak(canvas, model, monkeypatch):
    monkeypatch.setattr(canvas, "device_peak", lambda device: 1e9)
    matrices = 300 * 32 + 3 * 12 * 32 * 32 + 2 * 2 * 32  # output, blocks, gates
    flops = 6 * matrices + 12 * 32 * (8 + 8 + 32)
    assert canvas.flops_utilization(model, 1000, 2.0) == pytest.approx(100 * flops * 1000 / 2 / 1e9)


def test_a_run_on_a_cpu_loads_no_compiler_and_importing_does_nothing(tiny, tmp_path):
    code = (
        "import sys, train; assert 'prepare' in sys.modules and not list(__import__('pathlib').Path('.').iterdir());"
        "train.DEPTH = 1; train.main(); print('torch._dynamo' in sys.modules)"
    )
    (tmp_path / "here").mkdir()
    (tmp_path / "run").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "here", text=True, capture_output=True, check=False,
        env={**__import__("os").environ, "PYTHONPATH": str(ROOT), "AUTORESEARCH_RUN": str(tmp_path / "run"),
             "AUTORESEARCH_BUDGET": "0.1 TFLOP"},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1:] == ["False"], done.stderr


def knob_names(statements):
    return {
        node.targets[0].id
        for node in statements
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper()
    }


def branches(node):
    """Return what each branch of an `if` over profiles is for, and its statements; None stands for all others."""
    test = ast.unparse(node.test)
    assert test.startswith("prepare.PROFILE.name == "), test
    rest = node.orelse
    following = branches(rest[0]) if isinstance(rest[0], ast.If) else [(None, rest)]
    return [(ast.literal_eval(test.partition(" == ")[2]), node.body), *following]


def test_knobs_are_plain_literals_with_their_unit_and_the_same_in_every_profile():
    text = (ROOT / "train.py").read_text()
    tree = ast.parse(text)
    chains = [branches(n) for n in tree.body if isinstance(n, ast.If) and "PROFILE" in ast.unparse(n.test)]
    tiers = [prepare.GPU, *(profile for _, profile in prepare.TIERS), prepare.GPU_FP32]
    assert [[name for name, _ in chain] for chain in chains] == [[*(p.name for p in tiers), None], ["cpu", None]]
    names = [knob_names(tree.body), *(knob_names(chain[0][1]) for chain in chains)]
    for chain, common in zip(chains, names[1:], strict=True):
        assert all(knob_names(body) == common for _, body in chain)
    assert sum(map(len, names)) == len(set().union(*names))
    assigned = [n for n in ast.walk(tree) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]).isupper()]
    assert len(assigned) > 30
    for node in assigned:
        assert isinstance(node.value, ast.Constant), ast.unparse(node)
        assert re.search(r"  # \w", text.splitlines()[node.lineno - 1]), ast.unparse(node)


def test_every_knob_is_used():
    text = (ROOT / "train.py").read_text()
    names = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name) and n.id.isupper()}
    read = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    assert names <= read
